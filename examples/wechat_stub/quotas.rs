//! How often something may be done in a minute or a day.

use std::collections::HashMap;

use crate::clock::Moment;

/// WeChat's days begin at midnight in Beijing.
const BEIJING: Moment = 8 * 60 * 60 * 1000;

/// What was done in the windows that are open.
#[derive(Default)]
pub(crate) struct Quotas(HashMap<(&'static str, String), Window>);

struct Window {
    number: u64,
    taken: u32,
}

impl Quotas {
    /// Counts one; whether it was among the first `most` of its window.
    pub(crate) fn take(
        &mut self,
        what: &'static str,
        whose: &str,
        most: u32,
        window: Moment,
        now: Moment,
    ) -> bool {
        let number = (now + BEIJING) / window;
        let open = self.0.entry((what, whose.to_owned())).or_insert(Window { number, taken: 0 });
        if open.number != number {
            *open = Window { number, taken: 0 };
        }
        let fits = open.taken < most;
        open.taken += u32::from(fits);
        fits
    }
}
