//! Patterns with `*` (any run of characters, also none).

/// Whether all of `text` fits `pattern`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut tail) = text.strip_prefix(head) else {
        return false;
    };
    loop {
        if matches(rest, tail) {
            return true;
        }
        let mut chars = tail.chars();
        if chars.next().is_none() {
            return false;
        }
        tail = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn star_stands_for_any_run_of_characters() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("v1*/clients/*", "v1.11.9/clients/list", true),
            ("v1*/clients/*", "v26.2.0/clients/list", false),
            ("body:*/skip", "body:/0/skip", true),
            ("body:*/skip", "body:/skip", true),
            ("body:*/skip", "body:/skipped", false),
            ("*aab", "aaab", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
