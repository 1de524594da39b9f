//! Limits: how much one address, identity or session may ask for.
//!
//! Counted by the generic cell rate algorithm (governor), each with a burst, so that an office
//! behind one address can begin its morning together.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;

/// How often, and how many at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// How many a minute, in the long run; 0 lets nothing pass.
    pub per_minute: u32,
    /// How many at once; 0 lets nothing pass.
    pub burst: u32,
}

/// How often a provider is asked who scanned a scene that does not exist, over all addresses.
const ASKED: Rate = Rate { per_minute: 60, burst: 20 };

/// The rates of everything that is limited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rates {
    /// Sessions opened, per address.
    pub sessions: Rate,
    /// Scans of scenes that do not exist, per address and per identity.
    pub unknown_scans: Rate,
    /// Messages, per session.
    pub messages: Rate,
}

/// Too much was asked for; it may be asked again after this long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooMany {
    /// How long to wait.
    pub retry_after: Duration,
}

type Counter<K> = RateLimiter<K, DefaultKeyedStateStore<K>, Ticks, NoOpMiddleware<Nanos>>;

/// Our clock, as governor reads it.
#[derive(Clone, Debug)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Duration::from_millis(self.0.now().0).into()
    }
}

/// The counters. All of them let everything pass when there are no rates.
pub struct Limits {
    counters: Option<Counters>,
    clock: Clock,
}

struct Counters {
    sessions: Counter<IpAddr>,
    unknown_by_address: Counter<IpAddr>,
    unknown_by_identity: Counter<String>,
    unknown_asked: Counter<()>,
    messages: Counter<u128>,
}

impl Limits {
    /// Counters at these rates; none: no limits.
    #[must_use]
    pub fn new(rates: Option<Rates>, clock: Clock) -> Self {
        let counters = rates.map(|rates| Counters {
            sessions: counter(rates.sessions, clock),
            unknown_by_address: counter(rates.unknown_scans, clock),
            unknown_by_identity: counter(rates.unknown_scans, clock),
            unknown_asked: counter(ASKED, clock),
            messages: counter(rates.messages, clock),
        });
        Self { counters, clock }
    }

    /// Counts a session opened from an address.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn open_session(&self, from: IpAddr) -> Result<(), TooMany> {
        self.check(|counters| &counters.sessions, &network(from))
    }

    /// Counts a scan of a scene that does not exist, against the address.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn unknown_scan_from(&self, from: IpAddr) -> Result<(), TooMany> {
        self.check(|counters| &counters.unknown_by_address, &network(from))
    }

    /// Whether a provider may be asked who scanned a scene that does not exist: seldom, for whoever
    /// guesses from many addresses must not use up what the provider allows; never, if nothing is
    /// counted.
    #[must_use]
    pub fn may_ask_who_guesses(&self) -> bool {
        self.counters.is_some() && self.check(|counters| &counters.unknown_asked, &()).is_ok()
    }

    /// Counts a scan of a scene that does not exist, against who scanned.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn unknown_scan_by(&self, subject: &str) -> Result<(), TooMany> {
        self.check(|counters| &counters.unknown_by_identity, &subject.to_owned())
    }

    /// Counts a message in a session.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn message(&self, session: u128) -> Result<(), TooMany> {
        self.check(|counters| &counters.messages, &session)
    }

    /// Forgets who has not asked for long.
    pub fn tidy(&self) {
        if let Some(counters) = &self.counters {
            counters.sessions.retain_recent();
            counters.unknown_by_address.retain_recent();
            counters.unknown_by_identity.retain_recent();
            counters.messages.retain_recent();
        }
    }

    fn check<K: Hash + Eq + Clone>(
        &self,
        which: impl Fn(&Counters) -> &Counter<K>,
        key: &K,
    ) -> Result<(), TooMany> {
        let Some(counters) = &self.counters else { return Ok(()) };
        which(counters).check_key(key).map_err(|not_until| TooMany {
            retry_after: not_until.wait_time_from(GovernorClock::now(&Ticks(self.clock))),
        })
    }
}

fn counter<K: Hash + Eq + Clone>(rate: Rate, clock: Clock) -> Counter<K> {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let quota =
        Quota::per_minute(at_least_one(rate.per_minute)).allow_burst(at_least_one(rate.burst));
    RateLimiter::new(quota, DefaultKeyedStateStore::default(), Ticks(clock))
}

/// What counts as one address: an IPv4 address, or the /64 that one IPv6 customer is given.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        sessions: Rate { per_minute: 60, burst: 2 },
        unknown_scans: Rate { per_minute: 60, burst: 1 },
        messages: Rate { per_minute: 60, burst: 1 },
    };

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_then_one_waits_as_long_as_it_is_told() {
        let limits = Limits::new(Some(RATES), Clock::system());
        let office: IpAddr = [192, 0, 2, 1].into();
        assert!(limits.open_session(office).is_ok());
        assert!(limits.open_session(office).is_ok());
        let TooMany { retry_after } = limits.open_session(office).unwrap_err();
        assert!(limits.open_session([192, 0, 2, 2].into()).is_ok(), "others are not held up");
        tokio::time::advance(retry_after).await;
        assert!(limits.open_session(office).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_ipv6_customer_is_one_address() {
        let limits = Limits::new(Some(RATES), Clock::system());
        let from = |text: &str| limits.unknown_scan_from(text.parse().unwrap());
        assert!(from("2001:db8::1").is_ok());
        assert!(from("2001:db8::2").is_err());
        assert!(from("2001:db8:0:1::1").is_ok());
        assert!(from("::ffff:192.0.2.1").is_ok());
        assert!(from("192.0.2.1").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn without_rates_everything_passes() {
        let limits = Limits::new(None, Clock::system());
        assert!((0..10_000).all(|_| limits.message(1).is_ok()));
    }
}
