//! The table of the session machine: every command in every state, and what holds of any sequence.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::entropy::Entropy;
use crate::login::scene::Scene;
use crate::login::secret;
use crate::login::session::{Asker, SessionId};

const NOW: Timestamp = Timestamp(1_000_000);
const TTL: Duration = Duration::from_secs(180);
const LATE: Timestamp = Timestamp(1_000_000 + 180_000);

fn opened(messages: bool, match_number: Option<u8>) -> (Session, Bearer) {
    let entropy = Entropy::system();
    let id = SessionId::random(&entropy);
    let browser = Bearer::random(&entropy);
    let session = Session {
        id,
        scene: Scene::random(&entropy),
        pooled: None,
        namespace: "default".into(),
        messages,
        match_number,
        asker: Asker { ip: IpAddr::from([192, 0, 2, 1]), user_agent: "a browser".into() },
        opened_at: NOW,
        expires_at: NOW.plus(TTL),
        state: State::Pending,
        opener: None,
        secret: browser.digest(),
        ticket: secret::ticket(id, &browser).digest(),
        messages_sent: 0,
        message_bytes: 0,
    };
    let ticket = secret::ticket(id, &browser);
    (session, ticket)
}

fn identity(name: &str) -> Identity {
    Identity {
        provider: "simulator".into(),
        subject: name.into(),
        account: None,
        union: None,
        name: Some(name.into()),
        avatar_url: None,
    }
}

fn user(name: &str) -> User {
    User {
        id: name.into(),
        name: name.into(),
        avatar_url: None,
        provider: "simulator".into(),
        claims: Some(r#"{"role":"staff"}"#.into()),
    }
}

fn scan_by(name: &str) -> Command {
    Command::Scan {
        identity: identity(name),
        name: Some(name.into()),
        avatar_url: None,
        token: Bearer::random(&Entropy::system()).digest(),
    }
}

fn confirm_as(user: Option<User>, number: Option<u8>) -> Command {
    Command::Confirm { number, user, messages_ttl: Duration::from_secs(3600) }
}

fn say(body: &str) -> Command {
    let body = RawValue::from_string(body.to_owned()).unwrap();
    Command::Message { from: From::Browser, body }
}

fn redeem_with(ticket: &Bearer) -> Command {
    Command::Redeem { ticket: ticket.clone(), ticket_ttl: Duration::from_secs(60) }
}

/// Runs commands one after the other; each must be taken.
fn after(session: &Session, commands: impl IntoIterator<Item = Command>) -> Session {
    commands.into_iter().fold(session.clone(), |session, command| {
        apply(&session, command, NOW).expect("a command of the way there").session
    })
}

/// What a command comes to, in a word: the state and the event, or the refusal.
fn outcome(session: &Session, command: Command) -> String {
    match apply(session, command, NOW) {
        Err(refusal) => format!("{refusal:?}"),
        Ok(step) => {
            let events = step.events.iter().map(|item| EventType::of(item.tag).name());
            let events: Vec<_> = events.collect();
            let refused = step.refused.map(|r| format!(" but {r:?}")).unwrap_or_default();
            format!("{} [{}]{refused}", step.session.state_name().name(), events.join(" "))
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_command_in_every_state() {
    let (pending, ticket) = opened(false, None);
    let scanned = after(&pending, [scan_by("Ada")]);
    let unregistered = after(&scanned, [confirm_as(None, None)]);
    let confirmed = after(&scanned, [confirm_as(Some(user("Ada")), None)]);
    let rejected = after(&scanned, [Command::Reject { reason: None }]);
    let cancelled = after(&pending, [Command::Cancel]);
    let expired = apply(&pending, Command::Expire, LATE).unwrap().session;
    let states = [pending, scanned, unregistered, confirmed, rejected, cancelled, expired];

    let wrong = |state: &str| format!("WrongState({state})");
    let table: [(&str, Command, [String; 7]); 9] = [
        (
            "scan",
            scan_by("Ada"),
            [
                "scanned [scanned]".into(),
                "scanned []".into(),
                "unregistered []".into(),
                wrong("Confirmed"),
                wrong("Rejected"),
                wrong("Cancelled"),
                "Expired".into(),
            ],
        ),
        (
            "scan by another",
            scan_by("Bob"),
            [
                "scanned [scanned]".into(),
                "AlreadyScanned".into(),
                "AlreadyScanned".into(),
                "AlreadyScanned".into(),
                wrong("Rejected"),
                wrong("Cancelled"),
                "Expired".into(),
            ],
        ),
        (
            "confirm, known",
            confirm_as(Some(user("Ada")), None),
            [
                wrong("Pending"),
                "confirmed [confirmed]".into(),
                "confirmed [confirmed]".into(),
                wrong("Confirmed"),
                wrong("Rejected"),
                wrong("Cancelled"),
                "Expired".into(),
            ],
        ),
        (
            "confirm, unknown",
            confirm_as(None, None),
            [
                wrong("Pending"),
                "unregistered [unregistered] but Unregistered".into(),
                "Unregistered".into(),
                wrong("Confirmed"),
                wrong("Rejected"),
                wrong("Cancelled"),
                "Expired".into(),
            ],
        ),
        (
            "register",
            Command::Register { user: user("Ada") },
            [
                wrong("Pending"),
                "scanned []".into(),
                "scanned [scanned]".into(),
                wrong("Confirmed"),
                wrong("Rejected"),
                wrong("Cancelled"),
                "Expired".into(),
            ],
        ),
        (
            "reject",
            Command::Reject { reason: None },
            [
                "rejected [rejected]".into(),
                "rejected [rejected]".into(),
                "rejected [rejected]".into(),
                wrong("Confirmed"),
                wrong("Rejected"),
                wrong("Cancelled"),
                "Expired".into(),
            ],
        ),
        (
            "cancel",
            Command::Cancel,
            [
                "cancelled [cancelled]".into(),
                "cancelled [cancelled]".into(),
                "cancelled [cancelled]".into(),
                wrong("Confirmed"),
                wrong("Rejected"),
                "cancelled []".into(),
                "Expired".into(),
            ],
        ),
        (
            "message",
            say("1"),
            [
                "pending [message]".into(),
                "scanned [message]".into(),
                "unregistered [message]".into(),
                wrong("Confirmed"),
                wrong("Rejected"),
                wrong("Cancelled"),
                "Expired".into(),
            ],
        ),
        (
            "redeem",
            redeem_with(&ticket),
            [
                wrong("Pending"),
                wrong("Scanned"),
                wrong("Unregistered"),
                "confirmed []".into(),
                wrong("Rejected"),
                wrong("Cancelled"),
                "Expired".into(),
            ],
        ),
    ];
    for (name, command, expected) in table {
        for (session, expected) in states.iter().zip(expected) {
            let state = session.state_name().name();
            assert_eq!(outcome(session, command.clone()), expected, "{name} while {state}");
        }
    }
}

#[test]
fn after_its_time_nothing_but_expiry_is_possible() {
    let (pending, ticket) = opened(false, None);
    let scanned = after(&pending, [scan_by("Ada")]);
    let commands = [
        scan_by("Ada"),
        confirm_as(Some(user("Ada")), None),
        Command::Reject { reason: None },
        Command::Cancel,
        say("1"),
        redeem_with(&ticket),
    ];
    for command in commands {
        assert_eq!(apply(&scanned, command, LATE).unwrap_err(), Refusal::Expired);
    }
    let early = Timestamp(LATE.0 - 1);
    assert!(apply(&scanned, Command::Expire, early).is_err(), "not a moment too early");
    let step = apply(&scanned, Command::Expire, LATE).unwrap();
    assert_eq!(step.session.state_name(), EventType::Expired);
    assert!(step.session.has_ended());
}

#[test]
fn a_wrong_number_ends_the_session_and_a_missing_one_does_not() {
    let (pending, _) = opened(false, Some(42));
    let scanned = after(&pending, [scan_by("Ada")]);
    let known = || Some(user("Ada"));
    assert_eq!(outcome(&scanned, confirm_as(known(), None)), "NumberRequired");
    let wrong = outcome(&scanned, confirm_as(known(), Some(43)));
    assert_eq!(wrong, "rejected [rejected] but WrongNumber");
    assert_eq!(outcome(&scanned, confirm_as(known(), Some(42))), "confirmed [confirmed]");
    // A stranger does not learn whether the number was right by being unknown.
    let stranger = outcome(&scanned, confirm_as(None, Some(43)));
    assert_eq!(stranger, "rejected [rejected] but WrongNumber");
}

#[test]
fn with_messages_both_ends_go_on_after_the_confirmation_until_the_longer_time_is_over() {
    let (pending, ticket) = opened(true, None);
    let confirmed = after(&pending, [scan_by("Ada"), confirm_as(Some(user("Ada")), None)]);
    assert!(!confirmed.has_ended());
    assert_eq!(confirmed.expires_at, NOW.plus(Duration::from_secs(3600)));
    assert_eq!(outcome(&confirmed, say("{}")), "confirmed [message]");
    assert_eq!(outcome(&confirmed, redeem_with(&ticket)), "confirmed []");
    assert_eq!(outcome(&confirmed, Command::Cancel), "cancelled [cancelled]");
    let end = confirmed.expires_at;
    let over = apply(&confirmed, Command::Expire, end).unwrap().session;
    assert_eq!(over.state_name(), EventType::Expired);
}

#[test]
fn a_ticket_is_good_once_for_its_session_and_for_its_time() {
    let (pending, ticket) = opened(false, None);
    let (_, of_another) = opened(false, None);
    let confirmed = after(&pending, [scan_by("Ada"), confirm_as(Some(user("Ada")), None)]);
    assert_eq!(outcome(&confirmed, redeem_with(&of_another)), "WrongTicket");
    let spent = after(&confirmed, [redeem_with(&ticket)]);
    assert_eq!(outcome(&spent, redeem_with(&ticket)), "AlreadyRedeemed");
    assert_eq!(outcome(&spent, redeem_with(&of_another)), "WrongTicket");
    let late = NOW.plus(Duration::from_millis(60_001));
    assert_eq!(apply(&confirmed, redeem_with(&ticket), late).unwrap_err(), Refusal::Expired);
}

#[test]
fn what_is_for_the_token_alone_is_kept_until_there_is_one() {
    let (pending, ticket) = opened(true, None);
    let confirmed = after(&pending, [scan_by("Ada"), confirm_as(Some(user("Ada")), None)]);
    let claims = |session: &Session| match &session.state {
        State::Confirmed { user, .. } => user.claims.clone(),
        _ => panic!("a confirmed session"),
    };
    assert_eq!(claims(&confirmed), user("Ada").claims);
    assert_eq!(claims(&after(&confirmed, [say("1")])), user("Ada").claims);
    assert_eq!(claims(&after(&confirmed, [redeem_with(&ticket)])), None);
}

#[test]
fn a_session_takes_only_so_many_messages() {
    let (mut pending, _) = opened(false, None);
    pending.messages_sent = MOST_MESSAGES;
    assert_eq!(outcome(&pending, say("1")), "TooManyMessages");
    let (mut pending, _) = opened(false, None);
    pending.message_bytes = MOST_MESSAGE_BYTES - 10;
    assert_eq!(outcome(&pending, say("1")), "TooManyMessages");
}

#[test]
fn a_phone_that_scans_again_and_again_keeps_its_newest_tokens() {
    let (pending, _) = opened(false, None);
    let tokens: Vec<Bearer> = (0..6).map(|_| Bearer::random(&Entropy::system())).collect();
    let scanned = tokens.iter().fold(pending, |session, token| {
        let scan = Command::Scan {
            identity: identity("Ada"),
            name: None,
            avatar_url: None,
            token: token.digest(),
        };
        after(&session, [scan])
    });
    let held: Vec<bool> =
        tokens.iter().map(|token| scanned.phone().unwrap().holds(&token.digest())).collect();
    assert_eq!(held, [false, false, true, true, true, true]);
}

#[test]
fn what_a_later_scan_tells_of_the_same_person_is_kept() {
    let (pending, _) = opened(false, None);
    let scan = |union: Option<&str>| Command::Scan {
        identity: Identity { union: union.map(str::to_owned), ..identity("Ada") },
        name: None,
        avatar_url: None,
        token: Bearer::random(&Entropy::system()).digest(),
    };
    let union = |session: &Session| session.phone().unwrap().identity.union.clone();
    let scanned = after(&pending, [scan(None)]);
    assert_eq!(union(&scanned), None);
    let linked = after(&scanned, [scan(Some("u1"))]);
    assert_eq!(union(&linked).as_deref(), Some("u1"));
    assert_eq!(union(&after(&linked, [scan(None)])).as_deref(), Some("u1"));
}

/// Any command, by a number; the ticket is the session's own.
fn command(n: u8, ticket: &Bearer) -> Command {
    match n {
        0 => scan_by("Ada"),
        1 => scan_by("Bob"),
        2 => confirm_as(Some(user("Ada")), Some(42)),
        3 => confirm_as(None, Some(42)),
        4 => confirm_as(Some(user("Ada")), Some(7)),
        5 => Command::Register { user: user("Ada") },
        6 => Command::Reject { reason: Some("no".into()) },
        7 => Command::Cancel,
        8 => Command::Expire,
        9 => say("[1]"),
        _ => redeem_with(ticket),
    }
}

proptest! {
    #[test]
    fn whatever_happens_there_is_one_end_and_one_token(
        messages: bool,
        numbered: bool,
        steps in proptest::collection::vec((0u8..11, 0u64..40_000), 0..40),
    ) {
        let (mut session, ticket) = opened(messages, numbered.then_some(42));
        let mut now = NOW;
        let (mut ended, mut tokens, mut log) = (false, 0, 1);
        for (n, wait) in steps {
            now = Timestamp(now.0 + wait);
            let command = command(n, &ticket);
            let redeems = matches!(command, Command::Redeem { .. });
            let before = session.state_name();
            let Ok(step) = apply(&session, command, now) else { continue };
            prop_assert!(!ended || step.events.is_empty(), "an event after the end");
            prop_assert!(step.events.len() <= 1);
            if let Some(event) = step.events.first() {
                let kind = EventType::of(event.tag);
                prop_assert_eq!(kind.is_state(), kind == step.session.state_name() && kind.is_state());
                log += 1;
            } else {
                prop_assert_eq!(before, step.session.state_name(), "a state nobody is told of");
            }
            session = step.session;
            tokens += u32::from(redeems && step.refused.is_none());
            prop_assert!(tokens <= 1, "two tokens for one login");
            ended = session.has_ended();
        }
        prop_assert!(log <= 1 + 40);
    }
}
