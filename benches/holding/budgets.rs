//! The budgets of DESIGN.md, and which of them this run's figures meet.

use crate::report::Report;
use crate::server::{Kind, Transport};
use crate::table::{Table, figure, ratio};

pub(crate) fn table(report: &Report) -> Table {
    let mut table = Table::new(3, ["budget", "transport", "wanted", "figure", "met"]);
    let mut row = |name: &str, place: &str, bound: f64, digits: usize, unit: &str, value| {
        let Some(value) = value else { return };
        let met = if value <= bound { "yes" } else { "**no**" };
        table.row([
            name.to_owned(),
            place.to_owned(),
            format!("≤ {bound}{unit}"),
            format!("{value:.digits$}{unit}"),
            met.to_owned(),
        ]);
    };
    for transport in Transport::ALL {
        let place = transport.to_string();
        let saoma = report.held_of(Kind::Saoma, transport);
        let nchan = report.held_of(Kind::Nchan, transport);
        row("memory per pending login", &place, 2_048.0, 0, " B", saoma.per_login);
        row("the same, as wanted", &place, 1_024.0, 0, " B", saoma.per_login);
        let connect = ratio(saoma.connect_us, nchan.connect_us);
        row("server CPU per connect", &place, 1.5, 2, " × Nchan's", connect);
        let event = ratio(saoma.event_us, nchan.event_us);
        row("server CPU per event in a burst", &place, 1.0, 2, " × Nchan's", event);
        let (p50, p99) = report.latency_ratios(transport);
        row("confirm → event, p50", &place, 1.0, 2, " × Nchan's", p50);
        row("confirm → event, p99", &place, 1.0, 2, " × Nchan's", p99);
        row("idle CPU, all held", &place, 1.0, 2, " % of a core", saoma.idle_percent);
    }
    if let [first, .., last] = report.million.as_slice() {
        // A quarter is what the same level differs by from run to run.
        let flat = ratio(Some(last.spread.p50), Some(first.spread.p50));
        let place = format!("{} sessions", figure(crate::measure::float(last.sessions), 0));
        let unit = format!(" × at {}", first.sessions);
        row("confirm → event stays flat, p50", &place, 1.25, 2, &unit, flat);
    }
    table
}
