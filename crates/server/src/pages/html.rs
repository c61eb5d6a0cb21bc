//! Builds HTML in which text cannot become markup.
//!
//! Security: markup is written in this crate's source, everything else goes through [`escape`]. There is no way to put
//! a computed string in unescaped.

use std::borrow::Cow;

/// A piece of HTML.
#[derive(Debug, Clone, Default)]
pub(crate) struct Html(String);

impl Html {
    /// Begins with markup.
    pub(crate) fn new(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// Appends markup.
    #[must_use]
    pub(crate) fn markup(mut self, markup: &'static str) -> Self {
        self.0.push_str(markup);
        self
    }

    /// Appends text, or the value of an attribute between double quotes.
    #[must_use]
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.push_str(&escape(text));
        self
    }

    /// Appends another piece.
    #[must_use]
    pub(crate) fn add(mut self, other: &Self) -> Self {
        self.0.push_str(&other.0);
        self
    }

    /// Appends one piece for each item.
    #[must_use]
    pub(crate) fn each<T>(
        self,
        items: impl IntoIterator<Item = T>,
        piece: impl Fn(Self, T) -> Self,
    ) -> Self {
        items.into_iter().fold(self, piece)
    }

    /// The finished text.
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Text as it may stand in an element or in a quoted attribute.
///
/// Security: control characters besides white space are no HTML at all, and become the replacement character.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let is_special = |c: char| {
        matches!(c, '&' | '<' | '>' | '"' | '\'')
            || c.is_control() && !matches!(c, '\n' | '\r' | '\t')
    };
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if is_special(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        for (text, escaped) in [
            ("", ""),
            ("plain ü 😀", "plain ü 😀"),
            (
                "\"><script>alert('1')</script>",
                "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;",
            ),
            ("a&amp;b", "a&amp;amp;b"),
            ("line\nend\tx", "line\nend\tx"),
            ("nul\0 esc\u{1b}", "nul\u{fffd} esc\u{fffd}"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }

    #[test]
    fn pieces_are_put_together() {
        let list = Html::new("<ul>").each(["a", "<"], |html, item| {
            html.markup("<li>").text(item).markup("</li>")
        });
        let all = Html::default().add(&list).markup("</ul>");
        assert_eq!(all.into_string(), "<ul><li>a</li><li>&lt;</li></ul>");
    }
}
