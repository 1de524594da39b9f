//! Masking: what the browser may see of a name before its owner has confirmed.

/// The name's first character and three stars, whatever its length: who knows the person
/// recognises them, who does not learns nothing.
#[must_use]
pub(super) fn masked(name: &str) -> String {
    name.trim().chars().next().map_or_else(|| "***".to_owned(), |first| format!("{first}***"))
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn nothing_but_the_first_character_is_left() {
        assert_eq!(masked("Alice"), "A***");
        assert_eq!(masked("张三丰"), "张***");
        assert_eq!(masked("B"), "B***");
        assert_eq!(masked("  "), "***");
    }
}
