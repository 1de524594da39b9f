//! What it costs a login to be written down: whole logins with a history and without, in turns.

use serde::Serialize;

use crate::args::Plan;
use crate::failures::Failures;
use crate::logins::{self, Logins};
use crate::progress;
use crate::saoma::Saoma;
use crate::server::Transport;
use crate::table::{Table, figure, ratio};

/// Days that logins are kept: the default, and none.
const DAYS: [u32; 2] = [90, 0];

#[derive(Serialize)]
pub(crate) struct Kept {
    days: u32,
    round: u32,
    logins: Logins,
}

pub(crate) async fn run(plan: &Plan, failures: &mut Failures) -> Vec<Kept> {
    let mut all = Vec::new();
    for round in 1..=plan.rounds {
        for days in DAYS {
            let what = format!("whole logins: {days} days kept, round {round} of {}", plan.rounds);
            progress(&what);
            let measured = async {
                let kept = ("SAOMA_HISTORY_RETENTION_DAYS", days.to_string());
                let saoma = Saoma::start_with(&[kept])?;
                logins::one(saoma, Transport::WebSocket, None, plan).await
            };
            let logins = failures.keep(&what, measured.await);
            all.extend(logins.map(|logins| Kept { days, round, logins }));
        }
    }
    all
}

pub(crate) fn table(all: &[Kept]) -> String {
    let heads = [
        "kept",
        "round",
        "logins a second",
        "p50, ms",
        "p99, ms",
        "server CPU each, µs",
        "logins over none kept",
        "CPU over none kept",
    ];
    let mut table = Table::new(1, heads);
    for Kept { days, round, logins } in all {
        let none = all.iter().find(|it| it.round == *round && it.days == 0);
        let over = |figure: fn(&Logins) -> f64| {
            ratio(Some(figure(logins)), none.map(|none| figure(&none.logins)))
        };
        table.row([
            format!("{days} days"),
            round.to_string(),
            figure(logins.per_second, 0),
            figure(logins.spread.p50, 2),
            figure(logins.spread.p99, 2),
            figure(logins.server_us, 0),
            figure(over(|it| it.per_second), 2),
            figure(over(|it| it.server_us), 2),
        ]);
    }
    table.under("Whole logins with a history (WebSocket, SQLite)")
}
