//! Which pages may act for a browser: the server's own, those of the namespace's list, and the one
//! that opened the session.
//!
//! Browsers name the origin of whatever could do harm; who names none is no page that could be
//! made to act against the person in front of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::namespace::Namespace;
use super::service::LoginError;

/// What a browser writes for an origin that is nobody's: a sandboxed frame, a file, a redirect.
const OPAQUE: &str = "null";

/// What a browser's request says of the page that makes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Visitor {
    /// It names no origin.
    Unnamed,
    /// It is one of the server's own.
    Own(Named),
    /// It is one of another origin, by the browser's own word.
    Foreign(Named),
    /// It is none of the server's own as far as can be seen from here, and the browser does not
    /// say: an old one, or one without TLS, behind a proxy that puts its own name for the `Host`.
    Unclear(Named),
}

/// An origin as the request names it, in its usual form where it has one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named(pub Box<str>);

/// What is kept of the origin that opened a session: eight bytes of its SHA-256, for there is one
/// in every pending login.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Opener([u8; 8]);

impl Named {
    fn opener(&self) -> Option<Opener> {
        let mut kept = [0; 8];
        kept.copy_from_slice(&Sha256::digest(self.0.as_bytes())[..8]);
        // What is nobody's is not the same twice.
        (&*self.0 != OPAQUE).then_some(Opener(kept))
    }
}

impl Visitor {
    /// Whether it may open sessions of a namespace. One that is unclear may: what another origin's
    /// page asks for so, it cannot read.
    ///
    /// # Errors
    /// [`LoginError::OriginNotAllowed`]
    pub(super) fn may_open(&self, namespace: &Namespace) -> Result<(), LoginError> {
        let may = match self {
            Self::Unnamed | Self::Own(_) => true,
            Self::Foreign(named) => namespace.lists(named),
            Self::Unclear(named) => named.opener().is_some(),
        };
        if may { Ok(()) } else { Err(LoginError::OriginNotAllowed) }
    }

    /// Whether it may act on a session of a namespace that was opened from there.
    ///
    /// # Errors
    /// [`LoginError::OriginNotAllowed`]
    pub(super) fn may_act(
        &self,
        namespace: &Namespace,
        opener: Option<Opener>,
    ) -> Result<(), LoginError> {
        let may = match self {
            Self::Unnamed | Self::Own(_) => true,
            Self::Foreign(named) | Self::Unclear(named) => {
                namespace.lists(named) || opener.is_some() && named.opener() == opener
            }
        };
        if may { Ok(()) } else { Err(LoginError::OriginNotAllowed) }
    }

    /// Whether it is not the server's own and in the namespace's list.
    pub(super) fn is_guest(&self, namespace: &Namespace) -> bool {
        match self {
            Self::Unnamed | Self::Own(_) => false,
            Self::Foreign(named) | Self::Unclear(named) => namespace.lists(named),
        }
    }

    /// What to know it by when it comes back.
    pub(super) fn opener(&self) -> Option<Opener> {
        match self {
            Self::Unnamed => None,
            Self::Own(named) | Self::Foreign(named) | Self::Unclear(named) => named.opener(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::codes::Fresh;
    use crate::directory::Open;
    use crate::entropy::Entropy;
    use crate::origin::Origin;
    use crate::provider::Simulator;

    fn namespace() -> Namespace {
        Namespace {
            name: "default".into(),
            provider: Arc::new(Simulator::new("http://x".into())),
            numbering: Arc::new(Fresh(Entropy::system())),
            directory: Arc::new(Open),
            users: "*".into(),
            session_ttl: Duration::from_secs(60),
            messages_ttl: Duration::from_secs(60),
            ticket_ttl: Duration::from_secs(60),
            match_number: false,
            sign_up: true,
            refuse_relayed: false,
            api_keys: Vec::new(),
            audience: "default".into(),
            origins: vec![Origin::parse("https://shop.example").unwrap()],
        }
    }

    fn named(origin: &str) -> Named {
        Named(origin.into())
    }

    #[test]
    fn who_may_open_a_session() {
        let [own, shop, evil, null] =
            ["https://login.example", "https://shop.example", "https://evil.example", "null"]
                .map(named);
        for (visitor, may, guest) in [
            (Visitor::Unnamed, true, false),
            (Visitor::Own(own), true, false),
            // A page of the server's own that the list names as well is no guest.
            (Visitor::Own(shop.clone()), true, false),
            (Visitor::Own(null.clone()), true, false),
            (Visitor::Foreign(shop.clone()), true, true),
            (Visitor::Unclear(shop), true, true),
            (Visitor::Foreign(evil.clone()), false, false),
            (Visitor::Unclear(evil), true, false),
            (Visitor::Foreign(null.clone()), false, false),
            (Visitor::Unclear(null), false, false),
        ] {
            assert_eq!(visitor.may_open(&namespace()).is_ok(), may, "{visitor:?}");
            assert_eq!(visitor.is_guest(&namespace()), guest, "{visitor:?}");
        }
    }

    #[test]
    fn who_may_act_on_a_session() {
        let proxied = named("http://intranet");
        let opener = Visitor::Unclear(proxied.clone()).opener();
        assert!(opener.is_some());
        for (visitor, by_nobody, by_proxied) in [
            (Visitor::Unnamed, true, true),
            (Visitor::Own(named("https://login.example")), true, true),
            (Visitor::Foreign(named("https://shop.example")), true, true),
            (Visitor::Unclear(named("https://shop.example")), true, true),
            (Visitor::Unclear(proxied.clone()), false, true),
            (Visitor::Foreign(proxied), false, true),
            (Visitor::Foreign(named("https://evil.example")), false, false),
            (Visitor::Unclear(named("https://evil.example")), false, false),
            (Visitor::Foreign(named("null")), false, false),
            (Visitor::Unclear(named("null")), false, false),
        ] {
            let may = |opener| visitor.may_act(&namespace(), opener).is_ok();
            assert_eq!((may(None), may(opener)), (by_nobody, by_proxied), "{visitor:?}");
        }
    }

    #[test]
    fn nobodys_origin_is_not_known_again() {
        for visitor in
            [Visitor::Own(named("null")), Visitor::Unclear(named("null")), Visitor::Unnamed]
        {
            assert_eq!(visitor.opener(), None, "{visitor:?}");
        }
    }
}
