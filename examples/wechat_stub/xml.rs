//! As much XML as WeChat writes and gets back: an `xml` element with texts in it.

use std::fmt::Write as _;

/// An element that is being written.
pub(crate) struct Xml(String);

impl Xml {
    pub(crate) fn new() -> Self {
        Self("<xml>".to_owned())
    }

    pub(crate) fn text(mut self, name: &str, text: &str) -> Self {
        let text = text.replace("]]>", "]]]]><![CDATA[>");
        let _ = write!(self.0, "<{name}><![CDATA[{text}]]></{name}>");
        self
    }

    pub(crate) fn number(mut self, name: &str, number: u64) -> Self {
        let _ = write!(self.0, "<{name}>{number}</{name}>");
        self
    }

    pub(crate) fn finish(self) -> String {
        self.0 + "</xml>"
    }

    /// The text without its end, to which more can be added.
    pub(crate) fn reopened(finished: &str) -> Self {
        Self(finished.strip_suffix("</xml>").unwrap_or(finished).to_owned())
    }
}

/// The text of an element that occurs once.
pub(crate) fn find<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.trim();
    let bare = text.strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>"));
    Some(bare.unwrap_or(text))
}
