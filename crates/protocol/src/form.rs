//! Reads `application/x-www-form-urlencoded` bodies.
//!
//! Spec: RFC 6749 3.1, 3.2 and Appendix B; WHATWG URL 5.1
//!
//! Invariant: values borrow from the body and are copied only where decoding changes them.

use std::borrow::Cow;

/// Why a form cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormError {
    /// A `%` that no two hexadecimal digits follow.
    BadEscape,
    /// A raw `;`, which some parsers take for a separator and others do not.
    Semicolon,
    /// Decoded bytes that are not UTF-8.
    NotUtf8,
    /// A NUL character, which no parameter may hold and not every database can store.
    Nul,
}

impl FormError {
    /// The rule in words, for a body.
    pub const fn text(self) -> &'static str {
        match self {
            Self::BadEscape => "A '%' in the form body is not followed by two hexadecimal digits.",
            Self::Semicolon => {
                "The form body holds a raw ';'; separate parameters by '&' and escape it as %3B."
            }
            Self::NotUtf8 => "The form body is not UTF-8 after decoding.",
            Self::Nul => "The form body holds a NUL character.",
        }
    }

    /// The rule in words, for a query.
    pub const fn text_in_query(self) -> &'static str {
        match self {
            Self::BadEscape => "A '%' in the query is not followed by two hexadecimal digits.",
            Self::Semicolon => {
                "The query holds a raw ';'; separate parameters by '&' and escape it as %3B."
            }
            Self::NotUtf8 => "The query is not UTF-8 after decoding.",
            Self::Nul => "The query holds a NUL character.",
        }
    }
}

/// Iterates over the parameters of a form in order.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over the bytes of a body or a query string.
    pub const fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }
}

/// One decoded parameter: name and value.
pub type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Parameter<'a>, FormError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let (pair, rest) = split_at_byte(self.rest, b'&');
            self.rest = rest;
            if pair.is_empty() {
                continue;
            }
            if pair.contains(&b';') {
                return Some(Err(FormError::Semicolon));
            }
            let (name, value) = split_at_byte(pair, b'=');
            return Some(decode(name).and_then(|name| Ok((name, decode(value)?))));
        }
    }
}

fn split_at_byte(bytes: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match bytes.iter().position(|b| *b == separator) {
        Some(at) => (
            bytes.get(..at).unwrap_or_default(),
            bytes.get(at.saturating_add(1)..).unwrap_or_default(),
        ),
        None => (bytes, &[]),
    }
}

/// Decodes `+` and `%XX`; borrows when neither occurs.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, FormError> {
    if !bytes.iter().any(|b| matches!(b, b'+' | b'%' | 0)) {
        return std::str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(|_| FormError::NotUtf8);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let (byte, tail) = match first {
            b'+' => (b' ', tail),
            b'%' => match tail {
                [high, low, tail @ ..] => {
                    let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
                        return Err(FormError::BadEscape);
                    };
                    (high << 4 | low, tail)
                }
                _ => return Err(FormError::BadEscape),
            },
            other => (*other, tail),
        };
        if byte == 0 {
            return Err(FormError::Nul);
        }
        out.push(byte);
        rest = tail;
    }
    String::from_utf8(out)
        .map(Cow::Owned)
        .map_err(|_| FormError::NotUtf8)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<(String, String)>, FormError> {
        Reader::new(body.as_bytes())
            .map(|p| p.map(|(n, v)| (n.into_owned(), v.into_owned())))
            .collect()
    }

    #[test]
    fn parameters_come_in_order_and_decoded() {
        let got = read("a=1&b=x+y%2Bz&&c&=d&e=%C3%BC").unwrap();
        let want = [("a", "1"), ("b", "x y+z"), ("c", ""), ("", "d"), ("e", "ü")];
        assert_eq!(got, want.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn malformed_bodies_are_refused_by_name() {
        assert_eq!(read("a=%zz"), Err(FormError::BadEscape));
        assert_eq!(read("a=%2"), Err(FormError::BadEscape));
        assert_eq!(read("a=1;b=2"), Err(FormError::Semicolon));
        assert_eq!(read("a=%ff"), Err(FormError::NotUtf8));
        assert_eq!(read("a=%00"), Err(FormError::Nul));
        assert_eq!(read("a=\0"), Err(FormError::Nul));
    }

    #[test]
    fn plain_values_are_borrowed() {
        let (_, value) = Reader::new(b"grant_type=client_credentials")
            .next()
            .unwrap()
            .unwrap();
        assert!(matches!(value, Cow::Borrowed("client_credentials")));
    }
}
