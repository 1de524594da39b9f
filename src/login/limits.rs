//! Limits: how much one address, identity or session may ask for.
//!
//! Counted by the generic cell rate algorithm (governor), each with a burst, so that an office
//! behind one address can begin its morning together.

use std::fmt::Display;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::Tally;

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

/// A limit that nobody runs into: what it keeps back is not told them.
const NOBODYS: &str = "";

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
    /// Who counts in place of our own counters, where instances share theirs.
    tally: Option<Arc<dyn Tally>>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

struct Counters {
    rates: Rates,
    sessions: Counter<IpAddr>,
    unknown_by_address: Counter<IpAddr>,
    unknown_by_identity: Counter<String>,
    unknown_asked: Counter<&'static str>,
    messages: Counter<u128>,
}

impl Limits {
    /// Counters at these rates; none: no limits.
    #[must_use]
    pub fn new(rates: Option<Rates>, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let counters = rates.map(|rates| Counters {
            rates,
            sessions: counter(rates.sessions, clock),
            unknown_by_address: counter(rates.unknown_scans, clock),
            unknown_by_identity: counter(rates.unknown_scans, clock),
            unknown_asked: counter(ASKED, clock),
            messages: counter(rates.messages, clock),
        });
        Self { counters, tally: None, clock, metrics }
    }

    /// These counters, in all instances that share a tally.
    #[must_use]
    pub fn shared(self, tally: Arc<dyn Tally>) -> Self {
        Self { tally: Some(tally), ..self }
    }

    /// Counts a session opened from an address.
    ///
    /// # Errors
    /// [`TooMany`]
    pub async fn open_session(&self, from: IpAddr) -> Result<(), TooMany> {
        let rate = |rates: &Rates| rates.sessions;
        self.check(("open", "sessions"), rate, |counters| &counters.sessions, &network(from)).await
    }

    /// Counts a scan of a scene that does not exist, against the address.
    ///
    /// # Errors
    /// [`TooMany`]
    pub async fn unknown_scan_from(&self, from: IpAddr) -> Result<(), TooMany> {
        let rate = |rates: &Rates| rates.unknown_scans;
        self.check(
            ("from", "unknown_scans"),
            rate,
            |counters| &counters.unknown_by_address,
            &network(from),
        )
        .await
    }

    /// Whether a provider may be asked who scanned a scene that does not exist: seldom, for whoever
    /// guesses from many addresses must not use up what the provider allows; never, if nothing is
    /// counted.
    #[must_use]
    pub async fn may_ask_who_guesses(&self) -> bool {
        let asking =
            self.check(("asked", NOBODYS), |_| ASKED, |counters| &counters.unknown_asked, &"");
        self.counters.is_some() && asking.await.is_ok()
    }

    /// Counts a scan of a scene that does not exist, against who scanned.
    ///
    /// # Errors
    /// [`TooMany`]
    pub async fn unknown_scan_by(&self, subject: &str) -> Result<(), TooMany> {
        let rate = |rates: &Rates| rates.unknown_scans;
        let subject = subject.to_owned();
        self.check(
            ("by", "unknown_scans"),
            rate,
            |counters| &counters.unknown_by_identity,
            &subject,
        )
        .await
    }

    /// Counts a message in a session.
    ///
    /// # Errors
    /// [`TooMany`]
    pub async fn message(&self, session: u128) -> Result<(), TooMany> {
        let rate = |rates: &Rates| rates.messages;
        self.check(("says", "messages"), rate, |counters| &counters.messages, &session).await
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

    async fn check<K: Hash + Eq + Clone + Display + Sync>(
        &self,
        (what, limit): (&str, &str),
        rate: impl Fn(&Rates) -> Rate,
        which: impl Fn(&Counters) -> &Counter<K>,
        key: &K,
    ) -> Result<(), TooMany> {
        let Some(counters) = &self.counters else { return Ok(()) };
        let now = self.clock.now();
        let retry_after = if let Some(tally) = &self.tally {
            let Rate { per_minute, burst } = rate(&counters.rates);
            let name = format!("{what}:{key}");
            let taken = tally.take(&name, per_minute.max(1), burst.max(1), now).await;
            // Where nobody can count, nothing can be changed either: that will be said.
            taken.unwrap_or_default()
        } else {
            let checked = which(counters).check_key(key);
            let clock = Ticks(self.clock);
            checked.map_or_else(
                |wait| wait.wait_time_from(GovernorClock::now(&clock)),
                |()| Duration::ZERO,
            )
        };
        if retry_after.is_zero() {
            return Ok(());
        }
        self.metrics.logins.limited(limit);
        Err(TooMany { retry_after })
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

    fn limits(rates: Option<Rates>) -> Limits {
        Limits::new(rates, Clock::system(), Arc::new(Metrics::new().expect("metrics")))
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_then_one_waits_as_long_as_it_is_told() {
        let limits = limits(Some(RATES));
        let office: IpAddr = [192, 0, 2, 1].into();
        assert!(limits.open_session(office).await.is_ok());
        assert!(limits.open_session(office).await.is_ok());
        let TooMany { retry_after } = limits.open_session(office).await.unwrap_err();
        assert!(limits.open_session([192, 0, 2, 2].into()).await.is_ok(), "others are not held up");
        tokio::time::advance(retry_after).await;
        assert!(limits.open_session(office).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_ipv6_customer_is_one_address() {
        let limits = limits(Some(RATES));
        let from = async |text: &str| limits.unknown_scan_from(text.parse().unwrap()).await;
        assert!(from("2001:db8::1").await.is_ok());
        assert!(from("2001:db8::2").await.is_err());
        assert!(from("2001:db8:0:1::1").await.is_ok());
        assert!(from("::ffff:192.0.2.1").await.is_ok());
        assert!(from("192.0.2.1").await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn without_rates_everything_passes() {
        let limits = limits(None);
        for _ in 0..10_000 {
            assert!(limits.message(1).await.is_ok());
        }
    }
}
