//! The maker: from a number to a code that a session may have. A code is free only once its picture
//! has been looked at and is stored; whoever is stopped before leaves it to the next.

use std::iter;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::shelf::Blank;
use super::{Inner, Pool};
use crate::clock::Timestamp;
use crate::codes::picture;
use crate::database::answer;
use crate::login::scene::Scene;

/// WeChat makes 5000 codes a minute for an account (getUnlimitedQRCode). A tenth is left to those
/// that are made for one session.
const A_MINUTE: u32 = 4500;
/// How many codes are made at a time, and how many numbers are given at a time.
const LANES: usize = 32;
const BATCH: u64 = 256;
/// What a provider says that will not take these settings, however often it is asked.
const MISCONFIGURED: &str = "wechat_misconfigured";
/// How long to wait before another try, where nobody says.
pub(super) const WAIT: Duration = Duration::from_secs(5);

/// Codes are made no faster than WeChat makes them.
pub(super) struct Pace(Mutex<Interval>);

/// Why a code could not be made. Its text has nothing secret in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Trouble {
    pub(super) why: String,
    /// After how long it is worth trying again; none if somebody has to mend the settings first.
    pub(super) wait: Option<Duration>,
}

impl Trouble {
    #[expect(clippy::needless_pass_by_value, reason = "as an error comes")]
    pub(super) fn because(why: impl ToString) -> Self {
        Self { why: why.to_string(), wait: Some(WAIT) }
    }
}

impl Pace {
    pub(super) fn new() -> Self {
        let mut ticks = interval(Duration::from_secs(60) / A_MINUTE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Mutex::new(ticks))
    }

    /// Waits until one more may be made.
    async fn turn(&self) {
        self.0.lock().await.tick().await;
    }
}

impl Pool {
    /// Makes `count` codes more, those that somebody else began first; `made` is told of each.
    pub(super) async fn grow(
        &self,
        count: u64,
        pace: &Pace,
        made: &(impl Fn() + Sync),
    ) -> Result<(), Trouble> {
        let mut left = count;
        loop {
            left = left.saturating_sub(self.finish(pace, made).await?);
            if left == 0 {
                return Ok(());
            }
            let codes = (0..left.min(BATCH)).map(|_| self.0.draw()).collect();
            answer(self.0.shelf.begin(codes)).await.map_err(Trouble::because)?;
            // For the eyes of operators.
            self.stock().await.map_err(Trouble::because)?;
        }
    }

    /// Makes what has been begun; how many.
    pub(super) async fn finish(
        &self,
        pace: &Pace,
        made: &(impl Fn() + Sync),
    ) -> Result<u64, Trouble> {
        let mut finished = 0;
        loop {
            let most = i64::try_from(BATCH).unwrap_or(i64::MAX);
            let begun = answer(self.0.shelf.begun(most)).await.map_err(Trouble::because)?;
            if begun.is_empty() {
                return Ok(finished);
            }
            // The first trouble ends it: the others would have the same. But what is under way is
            // not broken off, or halves of pictures would lie about.
            let mut trouble = None;
            let mut left = begun.into_iter();
            let mut making = FuturesUnordered::<BoxFuture<'_, _>>::new();
            loop {
                while trouble.is_none() && making.len() < LANES {
                    let Some(code) = left.next() else { break };
                    making.push(self.make(code, pace, made).boxed());
                }
                match making.next().await {
                    Some(Ok(())) => finished += 1,
                    Some(Err(other)) => trouble = trouble.or(Some(other)),
                    None => break,
                }
            }
            if let Some(trouble) = trouble {
                return Err(trouble);
            }
        }
    }

    async fn make(
        &self,
        code: Blank,
        pace: &Pace,
        made: &(impl Fn() + Sync),
    ) -> Result<(), Trouble> {
        pace.turn().await;
        let done = self.0.make(&code).await;
        let outcome = if done.is_ok() { "made" } else { "failed" };
        self.0.parts.metrics.pool.made(self.namespace(), outcome);
        done.inspect(|()| made())
    }

    /// Begins anew what was made for something else; how many.
    pub(super) async fn renew(&self, now: Timestamp) -> Result<u64, Trouble> {
        let mut renewed = 0;
        loop {
            let most = i64::try_from(BATCH).unwrap_or(i64::MAX);
            let old = self.0.shelf.outdated(most, now);
            let old = answer(old).await.map_err(Trouble::because)?;
            if old.is_empty() {
                return Ok(renewed);
            }
            for code in &old {
                let (scene, picture) = self.0.draw();
                let begun = self.0.shelf.begin_anew(code, &scene, &picture);
                answer(begun).await.map_err(Trouble::because)?;
                renewed += 1;
            }
        }
    }

    /// Clears away codes whose sessions were over before then, and pictures that no code has any
    /// more; how many codes, and how many pictures.
    pub(super) async fn clear(&self, before: Timestamp) -> Result<(u64, u64), Trouble> {
        let Inner { shelf, parts, .. } = &*self.0;
        let struck = answer(shelf.strike_used(before)).await.map_err(Trouble::because)?;
        let mut cleared = 0;
        loop {
            let most = i64::try_from(BATCH).unwrap_or(i64::MAX);
            let litter = answer(shelf.litter(most)).await.map_err(Trouble::because)?;
            if litter.is_empty() {
                return Ok((struck, cleared));
            }
            for litter in &litter {
                let stored = picture::media_type_of(litter).is_some();
                // Of a code that was never made, nobody knows which it might have had.
                let names = iter::once(litter.clone()).filter(|_| stored);
                for name in names.chain(picture::names_of(litter).filter(|_| !stored)) {
                    parts.storage.delete(&name).await.map_err(Trouble::because)?;
                }
                answer(shelf.cleared(litter)).await.map_err(Trouble::because)?;
                cleared += 1;
            }
        }
    }
}

impl Inner {
    /// A scene that has nothing of its number in it, and a name that nobody guesses.
    fn draw(&self) -> (Scene, String) {
        let entropy = &self.parts.entropy;
        (Scene::random(entropy), picture::stem(entropy))
    }

    async fn make(&self, code: &Blank) -> Result<(), Trouble> {
        let made = self.parts.provider.make(&code.scene).await.map_err(|error| {
            let wait = error.retry_after.map_or(WAIT, Duration::from_secs);
            Trouble { why: error.why, wait: (error.code != MISCONFIGURED).then_some(wait) }
        })?;
        let image = picture::check(&made).map_err(Trouble::because)?;
        let name = picture::named(&code.picture, image.media_type);
        self.parts.storage.put(&name, &image).await.map_err(Trouble::because)?;
        answer(self.shelf.made(code, &name)).await.map(drop).map_err(Trouble::because)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::*;

    /// WeChat counts by its own minutes: whichever they are, there are no more in any of them.
    #[tokio::test(start_paused = true)]
    async fn codes_are_made_no_faster_than_wechat_makes_them() {
        let pace = Pace::new();
        let begun = Instant::now();
        let mut made = Vec::new();
        for batch in 0..400 {
            join_all((0..LANES).map(|_| pace.turn())).await;
            made.push(begun.elapsed());
            // WeChat is slow for a while, and what was not made then is not made up for.
            if batch == 50 {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        }
        let most = made.iter().map(|from| {
            let until = *from + Duration::from_secs(60);
            made.iter().filter(|at| (*from..until).contains(*at)).count()
        });
        let most = most.max().unwrap_or_default() * LANES;
        assert!((4400..=4600).contains(&most), "{most} in a minute");
    }
}
