//! The settings as people read them.

use std::fmt::Write;

use super::settings::SETTINGS;

/// The table of settings in Markdown: variable, key, default and meaning of each.
#[must_use]
pub fn reference() -> String {
    let mut text =
        String::from("| variable | key | default | meaning |\n| --- | --- | --- | --- |\n");
    for setting in SETTINGS {
        // Code marks are for values; a default in words has its own inside.
        let mark = if setting.default.contains([' ', '`']) || setting.default == "none" {
            ""
        } else {
            "`"
        };
        let (variable, key) = (setting.variable, setting.key);
        let (default, meaning) = (setting.default, setting.meaning);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{variable}` | `{key}` | {mark}{default}{mark} | {meaning} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_a_row_of_four_cells() {
        let text = reference();
        assert!(text.contains(
            "| `SAOMA_SESSION_TTL` | `namespaces.default.session_ttl` | `180` | \
             seconds that a session lives, 5 to 3600 |"
        ));
        assert!(text.lines().all(|line| line.matches('|').count() == 5));
        assert_eq!(text.lines().count(), SETTINGS.len() + 2);
    }
}
