//! Every figure of a run, and the page they are shown on.

use std::fmt::Write;

use serde::Serialize;

use crate::args::Plan;
use crate::budgets;
use crate::failures::Failures;
use crate::fleet::{self, Shared};
use crate::held::Held;
use crate::history::{self, Kept};
use crate::latency::Latency;
use crate::logins::{self, Logins};
use crate::machine::Machine;
use crate::measure::{float, median};
use crate::million::Level;
use crate::pool::{self, Sessions};
use crate::server::{Kind, Transport};
use crate::table::{Table, figure, mebibytes, ratio};

#[derive(Serialize)]
pub(crate) struct Report {
    machine: Machine,
    plan: Plan,
    pub(crate) held: Vec<Held>,
    pub(crate) latency: Vec<Latency>,
    pub(crate) logins: Vec<Logins>,
    pub(crate) history: Vec<Kept>,
    pub(crate) pool: Vec<Sessions>,
    pub(crate) fleet: Vec<Shared>,
    pub(crate) million: Vec<Level>,
    pub(crate) failures: Failures,
}

/// The medians over the rounds of one server and transport.
pub(crate) struct HeldMedians {
    empty_rss: Option<f64>,
    few_rss: Option<f64>,
    many_rss: Option<f64>,
    pub(crate) per_login: Option<f64>,
    open_us: Option<f64>,
    pub(crate) connect_us: Option<f64>,
    pub(crate) idle_percent: Option<f64>,
    pub(crate) event_us: Option<f64>,
    events_per_second: Option<f64>,
}

impl Report {
    pub(crate) fn of(machine: Machine, plan: &Plan) -> Self {
        Self {
            machine,
            plan: plan.clone(),
            held: Vec::new(),
            latency: Vec::new(),
            logins: Vec::new(),
            history: Vec::new(),
            pool: Vec::new(),
            fleet: Vec::new(),
            million: Vec::new(),
            failures: Failures::default(),
        }
    }

    pub(crate) fn held_of(&self, server: Kind, transport: Transport) -> HeldMedians {
        let of = |figure: fn(&Held) -> Option<f64>| {
            let rounds = self.held.iter();
            let mine = rounds.filter(|held| held.server == server && held.transport == transport);
            median(mine.filter_map(figure))
        };
        HeldMedians {
            empty_rss: of(|held| Some(held.empty_rss)),
            few_rss: of(|held| Some(held.few_rss)),
            many_rss: of(|held| Some(held.many_rss)),
            per_login: of(|held| Some(held.per_login())),
            open_us: of(|held| Some(held.open_us)),
            connect_us: of(|held| Some(held.connect_us)),
            idle_percent: of(|held| held.idle_percent),
            event_us: of(|held| held.event_us),
            events_per_second: of(|held| held.events_per_second),
        }
    }

    /// Saoma's p50 and p99 over Nchan's of the same round; the median of the rounds.
    pub(crate) fn latency_ratios(&self, transport: Transport) -> (Option<f64>, Option<f64>) {
        let rounds = |server: Kind| {
            let all = self.latency.iter().filter(move |it| it.transport == transport);
            all.filter(move |it| it.server == server).map(|it| it.spread)
        };
        let pairs: Vec<_> = rounds(Kind::Saoma).zip(rounds(Kind::Nchan)).collect();
        (
            median(pairs.iter().map(|(saoma, nchan)| saoma.p50 / nchan.p50)),
            median(pairs.iter().map(|(saoma, nchan)| saoma.p99 / nchan.p99)),
        )
    }

    pub(crate) fn markdown(&self) -> String {
        let mut page = String::from("# What a pending login costs\n\n");
        for (name, fact) in &self.machine.facts {
            let _ = writeln!(page, "- {name}: {fact}");
        }
        let _ = writeln!(
            page,
            "\nMedians of {} round(s); {} and {} held; 1 KB here is 1,024 bytes.",
            self.plan.rounds, self.plan.few, self.plan.many
        );
        page + &self.memory()
            + &self.work()
            + &self.latencies()
            + &self.whole()
            + &history::table(&self.history)
            + &pool::tables(&self.pool, &self.plan)
            + &fleet::tables(&self.fleet)
            + &self.levels()
            + &budgets::table(self).under("Budgets")
            + &self.failures.list()
    }

    fn memory(&self) -> String {
        let (few, many) = (self.plan.few, self.plan.many);
        let (at_few, at_many) = (format!("{few} held, MiB"), format!("{many} held, MiB"));
        let heads = ["server", "transport", "empty, MiB", &at_few, &at_many, "a pending login, B"];
        let mut table = Table::new(2, heads);
        self.each_held(|server, transport, held| {
            table.row([
                server.to_string(),
                transport.to_string(),
                mebibytes(held.empty_rss),
                mebibytes(held.few_rss),
                mebibytes(held.many_rss),
                figure(held.per_login, 0),
            ]);
        });
        table.under("Memory (RSS, user space; the slope between the two counts)")
    }

    fn work(&self) -> String {
        let heads = [
            "server",
            "transport",
            "session opened, µs",
            "connect, µs",
            "event in a burst, µs",
            "events a second",
            "idle, % of a core",
        ];
        let mut table = Table::new(2, heads);
        self.each_held(|server, transport, held| {
            table.row([
                server.to_string(),
                transport.to_string(),
                // A channel of Nchan's begins with its subscriber.
                figure(held.open_us.filter(|_| server == Kind::Saoma), 1),
                figure(held.connect_us, 1),
                figure(held.event_us, 1),
                figure(held.events_per_second, 0),
                figure(held.idle_percent, 2),
            ]);
        });
        table.under("Server CPU (user and system)")
    }

    fn latencies(&self) -> String {
        let heads = [
            "transport",
            "round",
            "saoma p50",
            "saoma p99",
            "nchan p50",
            "nchan p99",
            "p50 ratio",
            "p99 ratio",
        ];
        let mut table = Table::new(1, heads);
        for transport in Transport::ALL {
            for round in 1..=self.plan.rounds {
                let of = |server: Kind| {
                    let mut all = self.latency.iter();
                    let here = |it: &&Latency| it.transport == transport && it.round == round;
                    all.find(|it| here(it) && it.server == server).map(|it| it.spread)
                };
                let (saoma, nchan) = (of(Kind::Saoma), of(Kind::Nchan));
                if saoma.is_none() && nchan.is_none() {
                    continue;
                }
                let (saoma_50, saoma_99) = (saoma.map(|it| it.p50), saoma.map(|it| it.p99));
                let (nchan_50, nchan_99) = (nchan.map(|it| it.p50), nchan.map(|it| it.p99));
                table.row([
                    transport.to_string(),
                    round.to_string(),
                    figure(saoma_50, 3),
                    figure(saoma_99, 3),
                    figure(nchan_50, 3),
                    figure(nchan_99, 3),
                    figure(ratio(saoma_50, nchan_50), 2),
                    figure(ratio(saoma_99, nchan_99), 2),
                ]);
            }
        }
        table.under(&format!(
            "Confirm → event, ms ({} a second, {} others held)",
            self.plan.confirms_per_second, self.plan.bystanders
        ))
    }

    fn whole(&self) -> String {
        let heads = [
            "transport",
            "server threads",
            "people at once",
            "logins a second",
            "p50, ms",
            "p99, ms",
            "server CPU each, µs",
            "client CPU each, µs",
        ];
        let mut table = Table::new(1, heads);
        for logins in &self.logins {
            table.row([
                logins.transport.to_string(),
                logins::said(logins.threads),
                logins.people.to_string(),
                figure(logins.per_second, 0),
                figure(logins.spread.p50, 2),
                figure(logins.spread.p99, 2),
                figure(logins.server_us, 0),
                figure(logins.client_us, 0),
            ]);
        }
        table.under(
            "Whole logins (open, wait, scan, confirm, event, token; client on the same cores)",
        )
    }

    fn levels(&self) -> String {
        let heads = [
            "sessions",
            "RSS, MiB",
            "a session, B",
            "opening one, µs of CPU",
            "confirm p50, ms",
            "confirm p99, ms",
        ];
        let mut table = Table::new(0, heads);
        for level in &self.million {
            table.row([
                figure(float(level.sessions), 0),
                mebibytes(level.rss),
                figure(level.per_session, 0),
                figure(level.open_us, 1),
                figure(level.spread.p50, 3),
                figure(level.spread.p99, 3),
            ]);
        }
        table.under("Pending sessions in one process (confirm → event over WebSocket)")
    }

    fn each_held(&self, mut row: impl FnMut(Kind, Transport, HeldMedians)) {
        for transport in Transport::ALL {
            for server in [Kind::Saoma, Kind::Nchan] {
                let held = self.held_of(server, transport);
                if held.many_rss.is_some() {
                    row(server, transport, held);
                }
            }
        }
    }
}
