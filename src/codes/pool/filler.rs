//! The filler: keeps pools filled, one of all instances at a time.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::select_all;
use tokio::time::{Instant, sleep, timeout};

use super::Pool;
use super::lease::{Lease, Watch};
use super::maker::{Pace, Trouble, WAIT};
use super::shelf::Stock;
use crate::clock::Clock;
use crate::database::{Database, NoAnswer};

/// How often the stock is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often somebody else's lease is looked at.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a used code is kept after its session is over, for people who look it up.
const KEPT: Duration = Duration::from_secs(3600);
/// How often what is of no use any more is cleared away.
const TIDY: Duration = Duration::from_secs(60);
/// The longest rest after trouble.
const LONGEST: Duration = Duration::from_secs(60);
/// How long somebody waits who has said that it is enough.
const A_MOMENT: Duration = Duration::from_secs(1);
/// How often a command is tried again without a single code made between.
const TRIES: u32 = 6;

/// Keeps pools filled.
pub struct Filler {
    pools: Vec<Pool>,
    lease: Lease,
    clock: Clock,
    pace: Pace,
}

/// What a pool is given after trouble: each time in a row twice as long.
#[derive(Clone, Copy, Debug, Default)]
struct Rest(Duration, Option<Instant>);

impl Rest {
    /// Begins after trouble that is worth waiting for so long, or for somebody; how long it is.
    fn begin(&mut self, wait: Option<Duration>) -> Duration {
        let pause = (self.0 * 2).max(wait.unwrap_or(LONGEST)).min(LONGEST);
        *self = Self(pause, Some(Instant::now() + pause));
        pause
    }

    fn is_over(&self) -> bool {
        self.1.is_none_or(|until| until <= Instant::now())
    }
}

/// How a command comes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Report<'a> {
    /// Another makes codes; it is waited for.
    Waiting(&'a str),
    /// One more code is made.
    Made,
    /// It is tried again, for this reason, after so long.
    Again(&'a str, Duration),
}

/// Why a command was given up.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unfilled(String);

impl Filler {
    /// One that fills these pools, all in one database. `holder` is what others see of us.
    #[must_use]
    pub fn new(pools: Vec<Pool>, database: Database, holder: String, clock: Clock) -> Self {
        let lease = Lease::new(database, "pool", holder);
        Self { pools, lease, clock, pace: Pace::new() }
    }

    /// Looks after the pools, for ever.
    pub async fn fill_for_ever(self) {
        let mut watch = Watch::default();
        let mut rests = vec![Rest::default(); self.pools.len()];
        let mut tidied = Instant::now();
        loop {
            let tidy = tidied.elapsed() >= TIDY;
            match self.look_after(&mut watch, &mut rests, tidy).await {
                Ok(true) => tidied = if tidy { Instant::now() } else { tidied },
                // Another does it, or has just done it.
                Ok(false) => {
                    sleep(AGAIN).await;
                    continue;
                }
                Err(NoAnswer) => {
                    tracing::warn!(why = %NoAnswer, seconds = WAIT.as_secs(), "pool.not_filled");
                    sleep(WAIT).await;
                    continue;
                }
            }
            let looked_after = self.pools.iter().zip(&rests).filter(|(_, rest)| rest.is_over());
            let empty = looked_after.map(|(pool, _)| pool.0.empty.notified().boxed());
            // Where all rest, nobody who finds a pool empty hastens it.
            let empty: Vec<_> = empty.chain([pending().boxed()]).collect();
            let _ = timeout(LOOK, select_all(empty)).await;
        }
    }

    /// Does what there is to do. False if another is at it.
    async fn look_after(
        &self,
        watch: &mut Watch,
        rests: &mut [Rest],
        tidy: bool,
    ) -> Result<bool, NoAnswer> {
        let mut idle = !tidy;
        for (pool, rest) in self.pools.iter().zip(&*rests) {
            let stock = pool.stock().await?;
            let full = lack(pool, &stock) == 0 && stock.making == 0 && stock.outdated == 0;
            idle &= full || !rest.is_over();
        }
        if idle {
            return Ok(true);
        }
        let Some(generation) = self.lease.take(watch).await? else {
            return Ok(false);
        };
        let done = tokio::select! {
            () = self.upkeep(rests) => Ok(true),
            lost = self.lease.keep(generation) => lost.map(|()| false),
        };
        let _ = self.lease.give_back(generation).await;
        done
    }

    /// Does for each pool what there is to do. What is wrong with one keeps no other from its codes.
    async fn upkeep(&self, rests: &mut [Rest]) {
        for (pool, rest) in self.pools.iter().zip(rests).filter(|(_, rest)| rest.is_over()) {
            match self.tend(pool).await {
                Ok(()) => *rest = Rest::default(),
                Err(Trouble { why, wait }) => {
                    let seconds = rest.begin(wait).as_secs();
                    tracing::warn!(namespace = pool.namespace(), why, seconds, "pool.not_filled");
                }
            }
        }
    }

    async fn tend(&self, pool: &Pool) -> Result<(), Trouble> {
        let now = self.clock.now();
        pool.renew(now).await?;
        pool.finish(&self.pace, &|| {}).await?;
        let stock = pool.stock().await.map_err(Trouble::because)?;
        let lack = lack(pool, &stock);
        if lack > 0 {
            tracing::info!(namespace = pool.namespace(), count = lack, "pool.growing");
            pool.grow(lack, &self.pace, &|| {}).await?;
        }
        pool.clear(now.minus(KEPT)).await.map(drop)
    }

    /// Makes `count` codes more in the first pool, as a command: beside servers, and after a
    /// command that was stopped, whose codes are finished first and count.
    ///
    /// # Errors
    /// [`Unfilled`] when it does not come on.
    pub async fn fill(
        &self,
        count: u64,
        report: &(impl Fn(Report<'_>) + Sync),
    ) -> Result<(), Unfilled> {
        let Some(pool) = self.pools.first() else { return Ok(()) };
        let made = AtomicU64::new(0);
        let more = || {
            made.fetch_add(1, Ordering::Relaxed);
            report(Report::Made);
        };
        let mut tries = 0;
        loop {
            let before = made.load(Ordering::Relaxed);
            let filling = async {
                pool.renew(self.clock.now()).await?;
                pool.grow(count.saturating_sub(before), &self.pace, &more).await
            };
            let Err(Trouble { why, wait }) = self.alone(filling, report).await else {
                return Ok(());
            };
            tries = if made.load(Ordering::Relaxed) > before { 0 } else { tries + 1 };
            let Some(wait) = wait.filter(|_| tries < TRIES) else {
                return Err(Unfilled(why));
            };
            report(Report::Again(&why, wait));
            sleep(wait).await;
        }
    }

    /// Clears away what is of no use any more, as a command; how many codes and pictures.
    ///
    /// # Errors
    /// [`Unfilled`] when it cannot be done.
    pub async fn prune(&self, report: &impl Fn(Report<'_>)) -> Result<(u64, u64), Unfilled> {
        let mut all = (0, 0);
        for pool in &self.pools {
            let clearing = pool.clear(self.clock.now());
            let cleared = self.alone(clearing, report).await;
            let (codes, pictures) = cleared.map_err(|Trouble { why, .. }| Unfilled(why))?;
            all = (all.0 + codes, all.1 + pictures);
        }
        Ok(all)
    }

    /// Leaves the rest to others, who need not wait until we have been silent for long enough. To be
    /// called when what was under way is dropped.
    pub async fn leave(&self) {
        let _ = timeout(A_MOMENT, self.lease.let_go()).await;
    }

    /// Does something that one alone shall do, when nobody else does.
    async fn alone<T>(
        &self,
        doing: impl Future<Output = Result<T, Trouble>>,
        report: &impl Fn(Report<'_>),
    ) -> Result<T, Trouble> {
        let mut watch = Watch::default();
        let mut told = false;
        let generation = loop {
            if let Some(generation) = self.lease.take(&mut watch).await.map_err(Trouble::because)? {
                break generation;
            }
            if !told && let Some(holder) = self.lease.holder().await.map_err(Trouble::because)? {
                report(Report::Waiting(&holder));
                told = true;
            }
            sleep(AGAIN).await;
        };
        let done = tokio::select! {
            done = doing => done,
            lost = self.lease.keep(generation) => Err(match lost {
                Ok(()) => {
                    let why = "another has begun to make codes".to_owned();
                    Trouble { why, wait: Some(AGAIN) }
                }
                Err(silent) => Trouble::because(silent),
            }),
        };
        // If this is lost, it is taken from us when we have been silent for long enough.
        let _ = self.lease.give_back(generation).await;
        done
    }
}

/// How many codes a pool lacks.
fn lack(pool: &Pool, stock: &Stock) -> u64 {
    let rules = &pool.0.rules;
    if stock.numbers < rules.size {
        rules.size - stock.numbers
    } else if stock.free + stock.making + stock.outdated < rules.low_water {
        rules.grow_by
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_that_falls_silent_is_called_so_and_is_worth_another_try() {
        let database = Database::open("sqlite::memory:").await.expect("open");
        let filler = Filler::new(Vec::new(), database.clone(), "us".to_owned(), Clock::system());
        let falls_silent = async {
            database.close().await;
            pending::<Result<(), Trouble>>().await
        };
        let meanwhile = filler.alone(falls_silent, &|_| {}).await;
        let from_the_start = filler.alone(async { Ok(()) }, &|_| {}).await;
        for silent in [meanwhile, from_the_start] {
            let Trouble { why, wait } = silent.expect_err("no answer");
            assert_eq!(why, "the database gives no answer");
            assert!(wait.is_some());
        }
    }

    #[tokio::test]
    async fn who_was_silent_for_too_long_stops_when_another_has_begun() {
        let database = Database::open("sqlite::memory:").await.expect("open");
        let filler = Filler::new(Vec::new(), database.clone(), "us".to_owned(), Clock::system());
        let taken = "UPDATE leases SET holder = 'another', generation = generation + 1";
        let loses = async {
            sqlx::query(taken).execute(database.pool()).await.expect("taken");
            pending::<Result<(), Trouble>>().await
        };
        let stopped = timeout(10 * AGAIN, filler.alone(loses, &|_| {})).await;
        let Trouble { why, wait } = stopped.expect("in time").expect_err("stopped");
        assert_eq!(why, "another has begun to make codes");
        assert!(wait.is_some());
        assert_eq!(filler.lease.holder().await, Ok(Some("another".to_owned())));
    }
}
