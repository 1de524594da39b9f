//! Measurements that came to nothing. The others go on, but the report names these and the run fails.

use serde::Serialize;

use crate::{Outcome, progress};

#[derive(Default, Serialize)]
pub(crate) struct Failures(Vec<String>);

impl Failures {
    /// What was measured, or nothing and a note of why.
    pub(crate) fn keep<T>(&mut self, what: &str, measured: Outcome<T>) -> Option<T> {
        measured
            .map_err(|error| {
                progress(&format!("{what} failed: {error}"));
                self.0.push(format!("{what}: {error}"));
            })
            .ok()
    }

    pub(crate) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    pub(crate) fn list(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        format!("\n## Failed\n\n- {}\n", self.0.join("\n- "))
    }
}
