//! Markdown tables.

use std::fmt::Write;

/// A table whose first columns are words and whose others are figures.
pub(crate) struct Table {
    words: usize,
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(words: usize, heads: [&str; N]) -> Self {
        Self { words, heads: heads.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.heads.len(), "a row has as many cells as there are heads");
        self.rows.push(cells.into());
    }

    /// The table under its heading; nothing for a table without rows.
    pub(crate) fn under(&self, heading: &str) -> String {
        let mut text = String::new();
        if self.rows.is_empty() {
            return text;
        }
        let rule: Vec<String> = (0..self.heads.len())
            .map(|column| if column < self.words { "---".into() } else { "---:".into() })
            .collect();
        let _ = writeln!(text, "\n## {heading}\n");
        for cells in [&self.heads, &rule].into_iter().chain(&self.rows) {
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text
    }
}

/// A figure with this many digits after the point, or a dash where there is none.
pub(crate) fn figure(value: impl Into<Option<f64>>, digits: usize) -> String {
    value.into().map_or_else(|| "–".into(), |value| format!("{value:.digits$}"))
}

pub(crate) fn mebibytes(bytes: impl Into<Option<f64>>) -> String {
    figure(bytes.into().map(|bytes| bytes / 1024.0 / 1024.0), 1)
}

/// One figure over another, where there are both.
pub(crate) fn ratio(over: Option<f64>, under: Option<f64>) -> Option<f64> {
    Some(over? / under.filter(|under| *under > 0.0)?)
}
