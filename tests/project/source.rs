//! As much of Rust as is needed to see which modules a file names.

use std::path::Path;

use crate::{project, read};

/// A file of `src/`.
pub(crate) struct Source {
    /// Its path under `src/`, with `/`.
    pub(crate) path: String,
    /// Its text as it is.
    pub(crate) text: String,
}

/// Every file of `src/`.
pub(crate) fn all() -> Vec<Source> {
    let root = project("src");
    let (mut folders, mut sources) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(&root).unwrap_or(Path::new(""));
                let relative = relative.to_string_lossy().replace('\\', "/");
                sources.push(Source { path: relative, text: read(&path) });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 20, "src/ was not found");
    sources
}

impl Source {
    /// The room that it belongs to: a folder or a file right under `src/`.
    pub(crate) fn room(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Its module, as `login::machine`.
    pub(crate) fn module(&self) -> String {
        let path = self.path.trim_end_matches(".rs").replace('/', "::");
        path.strip_suffix("::mod").map_or(path.clone(), str::to_owned)
    }

    /// Whether all of it is tests.
    pub(crate) fn is_tests(&self) -> bool {
        self.module().ends_with("tests")
    }

    /// Its code: no comments, no texts, no tests.
    pub(crate) fn code(&self) -> String {
        without_tests(&without_comments_and_texts(&self.text))
    }
}

fn without_comments_and_texts(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            code.push_str("\"\"");
            end_of_text(rest)
        } else if first == '\'' {
            // A character, and not a lifetime: it ends within a few.
            match rest.char_indices().skip(2).take(9).find(|(_, c)| *c == '\'') {
                Some((end, _)) if rest.starts_with("'\\") || end <= 5 => end + 1,
                _ => {
                    code.push(first);
                    1
                }
            }
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    code
}

fn end_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Takes out what stands behind each `#[cfg(test)]`: an item with a body, or one without.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let (mut depth, mut end) = (0_usize, rest.len());
        for (n, character) in rest[at..].char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(character, '}' | ';') {
                end = at + n + 1;
                break;
            }
        }
        rest = &rest[end..];
    }
    kept + rest
}

/// Every path of the code that begins with a root (`crate::`), the root taken off, with the
/// braces of `use` resolved.
pub(crate) fn paths(code: &str, root: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(root) {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
            tree(&code[at + root.len()..], "", &mut found);
        }
    }
    found
}

/// Reads one tree of a `use` behind a prefix; how much of the code it was.
fn tree(code: &str, prefix: &str, found: &mut Vec<String>) -> usize {
    let trimmed = code.trim_start();
    let skipped = code.len() - trimmed.len();
    if let Some(mut inner) = trimmed.strip_prefix('{') {
        while !inner.trim_start().starts_with('}') && !inner.trim().is_empty() {
            let used = tree(inner, prefix, found);
            let end = inner[used..].find([',', '}']).map_or(inner.len(), |end| used + end);
            inner = inner[end..].strip_prefix(',').unwrap_or(&inner[end..]);
        }
        let left = inner.trim_start();
        return code.len() - left.strip_prefix('}').unwrap_or(left).len();
    }
    let name_ends = |c: char| !(c.is_alphanumeric() || c == '_' || c == '*');
    let length = trimmed.find(name_ends).unwrap_or(trimmed.len());
    let (name, behind) = trimmed.split_at(length);
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    if let Some(further) = behind.strip_prefix("::")
        && !further.starts_with('<')
    {
        return skipped + length + 2 + tree(further, &path, found);
    }
    found.push(path);
    skipped + length
}

#[test]
fn comments_texts_and_tests_are_no_code() {
    let text = r##"
        //! use crate::api;
        use crate::store::{Change, memory::{self, MemoryStore}}; // crate::api
        /* crate::api */ fn f<'a>(c: &'a str) -> char { g("crate::api \" }", '"', '{'); 'x' }
        const T: &str = r#"crate::api " "#;
        #[cfg(test)]
        mod tests { use crate::api; fn t() { crate::api::f() } }
        #[cfg(test)]
        mod machine_tests;
        fn h() -> crate::stream::Event { my_crate::x(); crate::login::f::<u8>() }
    "##;
    let source = Source { path: "a/mod.rs".to_owned(), text: text.to_owned() };
    let found = paths(&source.code(), "crate::");
    let expected =
        ["store::Change", "store::memory::self", "store::memory::MemoryStore", "stream::Event"];
    assert_eq!(found[..4], expected);
    assert_eq!(found[4..], ["login::f"]);
    assert_eq!((source.room(), &*source.module()), ("a", "a"));
}
