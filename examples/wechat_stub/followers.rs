//! Who follows which account, and which events a person's acts become.

use std::collections::HashMap;

use crate::apps::App;
use crate::callbacks::{self, Envelope};
use crate::clock::{Moment, SECOND};
use crate::crypto::hex;
use crate::dice::digest;
use crate::messages::{self, Allowance};
use crate::people::openid;
use crate::tickets::Ticket;
use crate::world::World;
use crate::xml::Xml;

/// An account, and somebody's openid in it.
type Name = (String, String);

/// Since when somebody follows, and how it came to that.
#[derive(Clone)]
pub(crate) struct Following {
    pub(crate) since: Moment,
    /// `subscribe_scene`
    pub(crate) way: &'static str,
    /// The code that it was done by.
    pub(crate) ticket: Option<Ticket>,
}

/// The followers of all accounts, and those who once were.
#[derive(Default)]
pub(crate) struct Followers {
    following: HashMap<Name, Following>,
    /// Who it is.
    known: HashMap<Name, String>,
}

impl Followers {
    pub(crate) fn follows(&self, appid: &str, openid: &str) -> bool {
        self.following(appid, openid).is_some()
    }

    pub(crate) fn following(&self, appid: &str, openid: &str) -> Option<&Following> {
        self.following.get(&(appid.to_owned(), openid.to_owned()))
    }

    /// Whom the account met under this openid.
    pub(crate) fn person(&self, appid: &str, openid: &str) -> Option<&str> {
        self.known.get(&(appid.to_owned(), openid.to_owned())).map(String::as_str)
    }

    /// Makes somebody a follower whom nobody is told of; who is one stays one as before.
    pub(crate) fn add(&mut self, appid: &str, person: &str, following: Following) {
        let name = (appid.to_owned(), openid(appid, person));
        self.known.insert(name.clone(), person.to_owned());
        self.following.entry(name).or_insert(following);
    }
}

/// What a person does to an account.
pub(crate) enum Act<'a> {
    /// Scans a code, and follows the account by it if need be.
    Scan(&'a Ticket),
    /// Follows it without a code.
    Follow,
    Unfollow,
    /// Writes to it, or picks an item of a menu message.
    Say {
        text: &'a str,
        item: Option<&'a str>,
    },
    /// Taps an item of the account's menu.
    Click {
        key: &'a str,
    },
}

/// Does it: the event that goes out, if the account has an address for events. It is dated `at`,
/// or now.
pub(crate) fn act(
    world: &mut World,
    app: &App,
    person: &str,
    act: &Act,
    at: Option<Moment>,
) -> Option<usize> {
    let openid = openid(&app.appid, person);
    let at = at.unwrap_or_else(|| world.now());
    let head = Xml::new().text("ToUserName", &account_name(app)).text("FromUserName", &openid);
    let head = head.number("CreateTime", at / SECOND);
    let (xml, allowance) = match act {
        Act::Scan(ticket) if world.followers.follows(&app.appid, &openid) => {
            let xml = event(head, &app.scan_event, &ticket.key).text("Ticket", &ticket.name);
            (xml, Some(Allowance::SHORT))
        }
        Act::Scan(ticket) => {
            let key = format!("qrscene_{}", ticket.key);
            (event(head, "subscribe", &key).text("Ticket", &ticket.name), Some(Allowance::SHORT))
        }
        Act::Follow => (event(head, "subscribe", ""), Some(Allowance::SHORT)),
        Act::Unfollow => (event(head, "unsubscribe", ""), None),
        Act::Click { key } => (event(head, "CLICK", key), Some(Allowance::SHORT)),
        Act::Say { text, item } => {
            let mut xml = head.text("MsgType", "text").text("Content", text);
            if let Some(item) = item {
                xml = xml.text("bizmsgmenuid", item);
            }
            let id = world.dice.digits(17).parse().unwrap_or(1);
            (xml.number("MsgId", id), Some(Allowance::LONG))
        }
    };
    let name = (app.appid.clone(), openid.clone());
    if matches!(act, Act::Unfollow) {
        world.followers.following.remove(&name);
    } else {
        let (way, ticket) = match act {
            Act::Scan(ticket) => ("ADD_SCENE_QR_CODE", Some((*ticket).clone())),
            _ => ("ADD_SCENE_SEARCH", None),
        };
        let following = Following { since: world.now(), way, ticket };
        world.followers.add(&app.appid, person, following);
    }
    if let Some(allowance) = allowance {
        messages::allow(world, &app.appid, &openid, allowance);
    }
    let callback = app.callback.clone()?;
    let envelope = Envelope { appid: app.appid.clone(), openid, at, callback };
    Some(callbacks::prepare(world, envelope, xml.finish()))
}

fn event(head: Xml, name: &str, key: &str) -> Xml {
    head.text("MsgType", "event").text("Event", name).text("EventKey", key)
}

/// The account's original name, which begins with `gh_`.
pub(crate) fn account_name(app: &App) -> String {
    let digest = digest(&["account", &app.appid]);
    format!("gh_{}", hex(&digest[..6]))
}
