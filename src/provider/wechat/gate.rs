//! Whether to call WeChat at all: a circuit that opens when it is down, and rests where it said
//! that a quota is used up. Pure: the moment is passed in.

use std::time::Duration;

use super::failure::{Failure, QUOTA};
use crate::clock::Timestamp;

/// Outages in a row that open the circuit.
const OUTAGES: u32 = 5;
/// How long it stays open before one call may try again.
const REST: Duration = Duration::from_secs(10);
/// How long an API is left alone after its quota: the window of those that have a minute's.
const WINDOW: Duration = Duration::from_secs(60);

/// Whether a call may be made now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// It may.
    Now,
    /// When the call has ended that is finding out whether WeChat is back.
    Later,
}

/// The gate before one account's calls of one API.
#[derive(Debug, Default)]
pub(super) struct Gate {
    outages: u32,
    closed_until: Option<Timestamp>,
    quota: bool,
    /// One call is finding out whether WeChat is back.
    probing: bool,
}

impl Gate {
    /// Lets a call through, or has it wait.
    ///
    /// # Errors
    /// [`Failure::Paused`] with the seconds until the gate is tried again.
    pub(super) fn admit(&mut self, now: Timestamp) -> Result<Turn, Failure> {
        let Some(until) = self.closed_until else { return Ok(Turn::Now) };
        if now < until {
            let seconds = until.seconds_from(now);
            return Err(Failure::Paused { quota: self.quota, seconds });
        }
        if self.probing {
            return Ok(Turn::Later);
        }
        self.probing = true;
        Ok(Turn::Now)
    }

    /// What came of a call that was let through.
    pub(super) fn learn(
        &mut self,
        outcome: Result<(), &Failure>,
        per_person: bool,
        now: Timestamp,
    ) {
        self.probing = false;
        match outcome {
            Err(Failure::Errcode(code)) if QUOTA.contains(code) => {
                // 45011 of a login code is that one person's minute (code2Session), nobody else's.
                if !per_person || *code != 45011 {
                    self.quota = true;
                    self.closed_until = Some(now.plus(WINDOW));
                }
            }
            Err(failure) if failure.is_an_outage() => {
                self.outages = self.outages.saturating_add(1);
                if self.outages >= OUTAGES {
                    self.quota = false;
                    self.closed_until = Some(now.plus(REST));
                }
            }
            // Of a call from before the quota was used up: it says nothing of what is left.
            _ if self.quota && self.closed_until.is_some_and(|until| now < until) => {}
            // Any other answer, a refusal too, is a WeChat that works.
            _ => *self = Self::default(),
        }
    }

    /// A call that was let through and then given up.
    pub(super) fn forget(&mut self) {
        self.probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);

    fn after(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    fn down() -> Gate {
        let mut gate = Gate::default();
        for _ in 0..OUTAGES {
            assert_eq!(gate.admit(START), Ok(Turn::Now));
            gate.learn(Err(&Failure::Slow), false, START);
        }
        gate
    }

    #[test]
    fn a_few_outages_in_a_row_open_the_circuit() {
        let mut gate = down();
        assert_eq!(gate.admit(after(0)), Err(Failure::Paused { quota: false, seconds: 10 }));
        assert_eq!(gate.admit(after(9)), Err(Failure::Paused { quota: false, seconds: 1 }));
    }

    #[test]
    fn then_one_call_tries_and_the_others_wait_for_what_it_finds() {
        let mut gate = down();
        assert_eq!(gate.admit(after(10)), Ok(Turn::Now));
        assert_eq!(gate.admit(after(10)), Ok(Turn::Later));
        gate.learn(Err(&Failure::Unreachable), false, after(11));
        assert!(gate.admit(after(20)).is_err(), "still down: another rest");
        assert_eq!(gate.admit(after(21)), Ok(Turn::Now));
        gate.learn(Ok(()), false, after(21));
        assert_eq!(gate.admit(after(21)), Ok(Turn::Now));
        assert_eq!(gate.admit(after(21)), Ok(Turn::Now), "it works again for all");
    }

    #[test]
    fn a_call_that_is_given_up_leaves_the_try_to_another() {
        let mut gate = down();
        assert_eq!(gate.admit(after(10)), Ok(Turn::Now));
        gate.forget();
        assert_eq!(gate.admit(after(10)), Ok(Turn::Now));
    }

    #[test]
    fn an_answer_between_two_outages_forgives_the_first() {
        let mut gate = Gate::default();
        for n in 0..20 {
            assert_eq!(gate.admit(after(n)), Ok(Turn::Now));
            let refused = Failure::Errcode(40029);
            let outcome = if n % 3 == 0 { Err(&refused) } else { Err(&Failure::Slow) };
            gate.learn(outcome, false, after(n));
        }
    }

    #[test]
    fn a_used_up_quota_is_left_alone_until_its_window_turns() {
        for code in QUOTA {
            let mut gate = Gate::default();
            gate.learn(Err(&Failure::Errcode(code)), false, START);
            assert_eq!(gate.admit(after(1)), Err(Failure::Paused { quota: true, seconds: 59 }));
            assert_eq!(gate.admit(after(60)), Ok(Turn::Now));
        }
    }

    #[test]
    fn an_answer_that_was_under_way_does_not_give_the_quota_back() {
        let mut gate = Gate::default();
        assert_eq!((gate.admit(START), gate.admit(START)), (Ok(Turn::Now), Ok(Turn::Now)));
        gate.learn(Err(&Failure::Errcode(45009)), false, START);
        gate.learn(Ok(()), false, after(1));
        assert_eq!(gate.admit(after(2)), Err(Failure::Paused { quota: true, seconds: 58 }));
    }

    #[test]
    fn one_persons_minute_is_not_everybodys() {
        let mut gate = Gate::default();
        gate.learn(Err(&Failure::Errcode(45011)), true, START);
        assert_eq!(gate.admit(START), Ok(Turn::Now));
        gate.learn(Err(&Failure::Errcode(45009)), true, START);
        assert!(gate.admit(START).is_err());
    }
}
