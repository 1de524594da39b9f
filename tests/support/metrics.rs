//! What instances count, as an operator's tools read it.

use std::collections::BTreeMap;

/// What the store counts: each instance tells all of it.
const OF_THE_STORE: &str = "saoma_pending_logins{";

/// The sum of a metric over those of its labels that hold `label`.
pub(crate) fn sum(metrics: &str, metric: &str, label: &str) -> u64 {
    let of_it = |line: &&str| {
        let rest = line.strip_prefix(metric);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
    };
    let values = metrics.lines().filter(of_it).filter_map(|line| line.rsplit(' ').next());
    values.map(|value| value.parse::<u64>().expect("a count")).sum()
}

/// The metrics of several instances, as one text.
pub(crate) fn together<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut all = BTreeMap::<&str, f64>::new();
    let lines = texts.into_iter().flat_map(str::lines).filter(|line| !line.starts_with('#'));
    for (name, value) in lines.filter_map(|line| line.rsplit_once(' ')) {
        let value: f64 = value.parse().expect("a number");
        let of_all = all.entry(name).or_default();
        *of_all = if name.starts_with(OF_THE_STORE) { of_all.max(value) } else { *of_all + value };
    }
    let lines: Vec<_> = all.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    lines.join("\n")
}
