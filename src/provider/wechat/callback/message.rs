//! What a pushed XML text says. A text with a document type is refused, so there are no entities
//! in it but XML's own five.

use roxmltree::{Document, ParsingOptions};

/// Elements of one text; WeChat's largest have some thirty.
const MOST_NODES: u32 = 512;

/// The elements that matter, of an event or a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Message {
    /// `FromUserName`: the openid of whose act it is.
    pub(super) from: String,
    /// `CreateTime`, in seconds; with `from` it tells an event from all others.
    pub(super) created: String,
    /// `MsgType`, in small letters.
    pub(super) kind: String,
    /// `Event`, in small letters: WeChat has been seen to write it either way.
    pub(super) event: String,
    /// `EventKey`.
    pub(super) key: String,
    /// `Encrypt`: the real text, sealed.
    pub(super) sealed: Option<String>,
}

impl Message {
    /// Reads a text. None if it is no XML, has a document type, or has no `xml` as its root.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let options = ParsingOptions {
            allow_dtd: false,
            nodes_limit: MOST_NODES,
            ..ParsingOptions::default()
        };
        let document = Document::parse_with_options(text, options).ok()?;
        let root = Some(document.root_element()).filter(|root| root.has_tag_name("xml"))?;
        let text = |name: &str| {
            let element = root.children().find(|child| child.has_tag_name(name));
            // A text may stand in pieces: CDATA and what is around it.
            let pieces = element.into_iter().flat_map(|element| element.children());
            pieces.filter_map(|piece| piece.text()).collect::<String>().trim().to_owned()
        };
        Some(Self {
            from: text("FromUserName"),
            created: text("CreateTime"),
            kind: text("MsgType").to_ascii_lowercase(),
            event: text("Event").to_ascii_lowercase(),
            key: text("EventKey"),
            sealed: Some(text("Encrypt")).filter(|sealed| !sealed.is_empty()),
        })
    }

    /// The scene of the code that was scanned, if that is what it tells: by somebody new, whose key
    /// has a prefix, or by a follower.
    pub(super) fn scanned(&self) -> Option<&str> {
        let scene = match (&*self.kind, &*self.event) {
            ("event", "subscribe") => self.key.strip_prefix("qrscene_")?,
            ("event", "scan") => &*self.key,
            _ => return None,
        };
        (!scene.is_empty()).then_some(scene)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event: &str, key: &str) -> String {
        format!(
            "<xml><ToUserName><![CDATA[gh_x]]></ToUserName>\
             <FromUserName><![CDATA[oWang]]></FromUserName><CreateTime>1648535359</CreateTime>\
             <MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{event}]]></Event>\
             <EventKey><![CDATA[{key}]]></EventKey><Ticket><![CDATA[gQ]]></Ticket></xml>"
        )
    }

    #[test]
    fn the_scene_of_a_scan_is_found_however_it_is_told() {
        for (name, key, scene) in [
            ("subscribe", "qrscene_abc", Some("abc")),
            ("SUBSCRIBE", "qrscene_abc", Some("abc")),
            ("SCAN", "abc", Some("abc")),
            ("scan", "abc", Some("abc")),
            // Only the first prefix is WeChat's.
            ("subscribe", "qrscene_qrscene_abc", Some("qrscene_abc")),
            ("SCAN", "qrscene_abc", Some("qrscene_abc")),
            // Followed without a code, left, tapped the menu.
            ("subscribe", "", None),
            ("subscribe", "last_trade_no_1", None),
            ("unsubscribe", "", None),
            ("CLICK", "abc", None),
            ("SCAN", "", None),
        ] {
            let message = Message::parse(&event(name, key)).expect("a message");
            assert_eq!(message.scanned(), scene, "{name} {key}");
            assert_eq!((&*message.from, &*message.created), ("oWang", "1648535359"));
        }
    }

    #[test]
    fn a_message_is_no_scan_whatever_is_written_in_it() {
        let text = "<xml><FromUserName>o</FromUserName><CreateTime>1</CreateTime>\
                    <MsgType>text</MsgType><Event>SCAN</Event><EventKey>abc</EventKey></xml>";
        assert_eq!(Message::parse(text).expect("a message").scanned(), None);
    }

    #[test]
    fn entities_of_any_kind_are_refused_and_nothing_is_fetched() {
        let body = "<xml><MsgType>event</MsgType><Event>SCAN</Event><EventKey>&a;</EventKey></xml>";
        for head in [
            "<!DOCTYPE xml [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
            "<!DOCTYPE xml [<!ENTITY a 'b'>]>",
            "<!DOCTYPE xml [<!ENTITY b 'bbbb'><!ENTITY a '&b;&b;&b;&b;&b;&b;&b;&b;'>]>",
            "<!DOCTYPE xml SYSTEM 'http://127.0.0.1:1/evil.dtd'>",
            "",
        ] {
            assert_eq!(Message::parse(&format!("{head}{body}")), None, "{head}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(2000), "</a>".repeat(2000));
        let many = format!("<xml>{}</xml>", "<a/>".repeat(2000));
        for text in ["", "{}", "<html></html>", "<xml>", "<xml></xml><xml></xml>", &deep, &many] {
            assert_eq!(Message::parse(text), None);
        }
        assert_eq!(Message::parse("<xml/>"), Some(Message::default()));
    }
}
