//! `saoma users`: who is registered, and who may log in; beside servers or before there is one.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use saoma::api::commands::registration;
use saoma::clock::Clock;
use saoma::config::{Config, DirectoryRule, Namespace, ProviderName};
use saoma::database::{Database, Transaction};
use saoma::directory::ALL;
use saoma::directory::people::{self, Added, Listed, OneOf};
use saoma::entropy::Entropy;
use saoma::history;
use saoma::login::ports::Identity;
use serde_json::json;

use super::{Failed, Settings};

#[derive(Subcommand)]
pub(crate) enum UsersCommand {
    /// List who is registered, in the order in which they came
    List(List),
    /// Register somebody where the directory is `known`, before they come
    Add(Add),
    /// Block a user, whichever way they come, and revoke their tokens
    Block {
        /// The user's id
        id: String,
    },
    /// Let a blocked user log in again
    Unblock {
        /// The user's id
        id: String,
    },
    /// Remove a user with all that is kept of them, and revoke their tokens
    Remove {
        /// The user's id
        id: String,
    },
}

#[derive(Args)]
pub(crate) struct List {
    /// Only users of this namespace, and of those that share theirs with it
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Only users of this group: the setting `users` of a namespace
    #[arg(long, value_name = "NAME", conflicts_with = "namespace")]
    group: Option<String>,
    /// As JSON, an object a line
    #[arg(long)]
    json: bool,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only users behind this one in the list
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

#[derive(Args)]
pub(crate) struct Add {
    /// The namespace that they are to log in to
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// The provider that will vouch for them [default: the namespace's]
    #[arg(long, value_enum, value_name = "PROVIDER")]
    provider: Option<Provider>,
    /// The provider's own id of them: the openid; with the simulator, the name
    #[arg(long, value_name = "ID")]
    subject: String,
    /// The app id of the account that knows them by it [default: the namespace's]
    #[arg(long, value_name = "APP_ID")]
    account: Option<String>,
    /// The provider's id of them over all accounts: the unionid
    #[arg(long, value_name = "ID")]
    union: Option<String>,
    /// How they are called
    #[arg(long, value_name = "NAME")]
    name: String,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Provider {
    Simulator,
    MiniProgram,
    OfficialAccount,
    OpenPlatform,
}

/// Looks after users.
pub(crate) fn users(settings: &Settings, command: &UsersCommand) -> Result<(), Failed> {
    let config = settings.load()?;
    super::beside_servers(async {
        let url = config.database_url();
        let makes = matches!(command, UsersCommand::Add(_));
        if !makes && !Database::is_there(url.expose()) {
            return Err(Failed::Settings(
                "the database: there is none yet where the settings say; are they the server's?"
                    .to_owned(),
            ));
        }
        let wrong = |error| Failed::Settings(format!("the database: {error}"));
        let (clock, entropy) = (Clock::system(), Entropy::system());
        // What cannot be done is seen before anything is opened, or made.
        let doing = Doing::of(&config, command)?;
        let database = Database::open(url.expose()).await.map_err(wrong)?;
        let done = doing.run(&database, &config, clock, &entropy).await;
        database.close().await;
        let mut out = std::io::stdout().lock();
        // Whoever reads has heard enough.
        done.map(|text| drop(out.write_all(text.as_bytes())))
    })
}

/// What is to be done, once it is clear that the settings allow it.
enum Doing<'a> {
    List { list: &'a List, group: Option<&'a str> },
    Add { identity: Identity, group: &'a str, name: String },
    Block { id: &'a str, blocked: bool },
    Remove { id: &'a str },
}

impl<'a> Doing<'a> {
    fn of(config: &'a Config, command: &'a UsersCommand) -> Result<Self, Failed> {
        Ok(match command {
            UsersCommand::List(list) => {
                let of_namespace = list.namespace.as_deref().map(|name| group(config, name));
                let group = of_namespace.transpose()?.or(list.group.as_deref());
                Self::List { list, group }
            }
            UsersCommand::Add(add) => add.checked(config)?,
            UsersCommand::Block { id } => Self::Block { id, blocked: true },
            UsersCommand::Unblock { id } => Self::Block { id, blocked: false },
            UsersCommand::Remove { id } => Self::Remove { id },
        })
    }

    /// Does it; what there is to say.
    async fn run(
        self,
        database: &Database,
        config: &Config,
        clock: Clock,
        entropy: &Entropy,
    ) -> Result<String, Failed> {
        match self {
            Self::List { list, group } => listed(database, config, list, group).await,
            Self::Add { identity, group, name } => {
                let added = people::add(database, group, &identity, &name, (clock, entropy)).await;
                match added.map_err(failed)? {
                    Added::New(id) => Ok(format!("{id}\n")),
                    Added::There(id) => Err(Failed::Done(format!("they are user {id} already"))),
                }
            }
            Self::Block { id, blocked } => {
                let (mut tx, person) = person(database, id).await?;
                people::set_blocked(&mut tx, &person, blocked).await.map_err(failed)?;
                let mut revoked = 0;
                for OneOf { id, group } in person.iter().filter(|_| blocked) {
                    let all = history::revoke_all(&mut tx, group, id, clock.now()).await;
                    revoked += all.map_err(failed)?;
                }
                tx.commit().await.map_err(failed)?;
                Ok(if blocked {
                    format!("blocked {id}; {}\n", tokens(revoked))
                } else {
                    format!("unblocked {id}\n")
                })
            }
            Self::Remove { id } => {
                let (mut tx, person) = person(database, id).await?;
                let mut revoked = 0;
                for OneOf { id, group } in &person {
                    let all = history::forget(&mut tx, group, id, clock.now()).await;
                    revoked += all.map_err(failed)?;
                }
                people::remove(&mut tx, &person).await.map_err(failed)?;
                tx.commit().await.map_err(failed)?;
                let mut text = format!("removed {id}; {}\n", tokens(revoked));
                if person.iter().any(|one| lets_anybody_in(config, &one.group)) {
                    text += "with an `open` directory, whoever scans again is registered anew\n";
                }
                Ok(text)
            }
        }
    }
}

impl Add {
    fn checked<'a>(&'a self, config: &'a Config) -> Result<Doing<'a>, Failed> {
        let group = group(config, &self.namespace)?;
        let rules = &config.namespaces[&self.namespace];
        if rules.directory != DirectoryRule::Known {
            let why = "its directory is not `known`: whoever scans is registered";
            return Err(Failed::Done(format!("namespaces.{}: {why}", self.namespace)));
        }
        let own = match rules.provider {
            ProviderName::Simulator => Provider::Simulator,
            ProviderName::MiniProgram => Provider::MiniProgram,
            ProviderName::OfficialAccount => Provider::OfficialAccount,
            ProviderName::OpenPlatform => Provider::OpenPlatform,
        };
        let provider = self.provider.unwrap_or(own);
        let (named, own) = (name(provider), name(own));
        let account = self.account.clone();
        let account = account.or(rules.wechat.app_id.clone().filter(|_| named == own));
        let account = match (named.as_str(), account) {
            // Whom it plays, it plays once.
            ("simulator", _) => None,
            (_, Some(account)) => Some(account),
            (_, None) => {
                let why = format!("--account is needed: {named} knows people by account");
                return Err(Failed::Settings(why));
            }
        };
        for (flag, text) in [
            ("--subject", Some(&self.subject)),
            ("--account", account.as_ref()),
            ("--union", self.union.as_ref()),
        ] {
            let wrong =
                |text: &String| text.trim().is_empty() || text.chars().any(char::is_control);
            if text.is_some_and(wrong) {
                return Err(Failed::Settings(format!(
                    "{flag}: is empty, or has control characters"
                )));
            }
        }
        let says = registration(&self.name);
        let says = says.map_err(|wrong| Failed::Settings(format!("--name: {}", wrong.detail)))?;
        let identity = Identity {
            provider: named,
            account,
            subject: self.subject.clone(),
            union: self.union.clone(),
            name: None,
            avatar_url: None,
        };
        Ok(Doing::Add { identity, group, name: says.name })
    }
}

/// A provider's name, as the settings write it.
fn name(provider: Provider) -> String {
    let name = provider.to_possible_value().map(|value| value.get_name().to_owned());
    name.unwrap_or_default()
}

/// The group of a namespace's users, if they are kept here.
fn group<'a>(config: &'a Config, name: &'a str) -> Result<&'a str, Failed> {
    let rules = config.namespaces.get(name);
    let rules = rules.ok_or_else(|| Failed::Settings(format!("there is no namespace `{name}`")))?;
    match keeps_none(rules) {
        Some(why) => Err(Failed::Done(format!("namespaces.{name} keeps no users: {why}"))),
        None => Ok(rules.shares(name).unwrap_or(ALL)),
    }
}

/// Why a namespace keeps no users here, if it keeps none.
fn keeps_none(rules: &Namespace) -> Option<&'static str> {
    match (rules.directory, rules.provider) {
        (DirectoryRule::Hook, _) => Some("the service that its hook asks knows them"),
        (DirectoryRule::Open, ProviderName::Simulator) => {
            Some("with `open` and the simulator, everybody is who they say they are")
        }
        _ => None,
    }
}

/// Whether whoever scans is registered in some namespace of a group.
fn lets_anybody_in(config: &Config, group: &str) -> bool {
    config.namespaces.iter().any(|(name, rules)| {
        rules.directory == DirectoryRule::Open && rules.shares(name).unwrap_or(ALL) == group
    })
}

/// The users that somebody is, while nobody else writes.
async fn person(database: &Database, id: &str) -> Result<(Transaction, Vec<OneOf>), Failed> {
    let mut tx = database.alone().await.map_err(failed)?;
    let person = people::person(&mut tx, id).await.map_err(failed)?;
    if person.is_empty() {
        return Err(nobody(id));
    }
    Ok((tx, person))
}

fn nobody(id: &str) -> Failed {
    Failed::Done(format!("there is no user {}", plain(id)))
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn failed(error: saoma::database::Error) -> Failed {
    Failed::Done(format!("the database: {error}"))
}

fn tokens(revoked: u64) -> String {
    let s = if revoked == 1 { "" } else { "s" };
    format!("{revoked} token{s} revoked")
}

async fn listed(
    database: &Database,
    config: &Config,
    list: &List,
    group: Option<&str>,
) -> Result<String, Failed> {
    let after = list.after.as_deref();
    let users = people::list(database, group, after, list.limit).await.map_err(failed)?;
    let users = users.ok_or_else(|| nobody(after.unwrap_or_default()))?;
    let mut text = String::new();
    if !list.json {
        text += HEAD;
    }
    for user in &users {
        text += &if list.json { object(user) } else { line(user) };
    }
    if users.is_empty() && config.namespaces.values().all(|rules| keeps_none(rules).is_some()) {
        eprintln!("no namespace keeps users here: `known` does, and `open` with WeChat");
    }
    let full = usize::try_from(list.limit).is_ok_and(|limit| limit == users.len());
    if let Some(last) = users.last().filter(|_| full) {
        eprintln!("there may be more: --after {}", last.id);
    }
    Ok(text)
}

const HEAD: &str = "id                                    created               blocked  group     \
                    providers         name\n";

/// A user in a line. The name comes last: nobody knows how wide a terminal shows it.
fn line(user: &Listed) -> String {
    let Listed { id, group, name, providers, blocked, created_at } = user;
    let created = created_at.to_string();
    let created = created.split_once('.').map_or(&*created, |(seconds, _)| seconds);
    let blocked = if *blocked { "blocked" } else { "" };
    let (providers, name) = (providers.join(","), plain(name));
    format!("{id:<36}  {created}Z  {blocked:<7}  {group:<8}  {providers:<16}  {name}\n")
}

/// A user as JSON, in a line.
fn object(user: &Listed) -> String {
    let Listed { id, group, name, providers, blocked, created_at } = user;
    let object = json!({
        "id": id,
        "group": group,
        "name": name,
        "providers": providers,
        "blocked": blocked,
        "created_at": created_at.to_string(),
    });
    // JSON lets through what terminals act upon; escaped it says the same.
    let mut text = String::new();
    for character in object.to_string().chars() {
        if acts(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(character);
        }
    }
    text + "\n"
}

/// A text of somebody's own, such that a terminal shows it and does nothing else.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        if acts(character) || character == '\\' {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Whether a character is no sign, but tells a terminal to do something, or changes what stands
/// around it: controls, invisible ones, and those that turn the direction of writing.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}
