//! Fewer bytes for texts that are bytes in disguise: hex digits, UUIDs and base64url, as clients make states, nonces, challenges and names.
//!
//! Invariant: what is restored is the text, character by character; one that would not be stays plain.

use std::borrow::Cow;

use tessera_crypto::b64;

use crate::hex;
use crate::token::sid;

/// How a text is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// Unpadded base64url.
    Base64,
    /// Pairs of lower-case hex digits.
    Hex,
    /// A lower-case UUID.
    Uuid,
}

impl Form {
    /// All of them; a record holds the index.
    pub(super) const ALL: [Self; 4] = [Self::Plain, Self::Base64, Self::Hex, Self::Uuid];
}

/// The shortest form of a text.
pub(super) fn shorten(text: &str) -> (Form, Cow<'_, [u8]>) {
    let short = [Form::Uuid, Form::Hex, Form::Base64]
        .into_iter()
        .find_map(|form| {
            let bytes = bytes_of(form, text)?;
            (restore(form, &bytes)? == text).then_some((form, Cow::Owned(bytes)))
        });
    short.unwrap_or((Form::Plain, Cow::Borrowed(text.as_bytes())))
}

fn bytes_of(form: Form, text: &str) -> Option<Vec<u8>> {
    match form {
        Form::Plain => None,
        Form::Base64 => b64::decode(text).ok(),
        Form::Hex => from_hex(text),
        Form::Uuid => sid::read(text).map(Vec::from),
    }
}

/// The text that was shortened; `None` for bytes that no text gave.
pub(super) fn restore(form: Form, bytes: &[u8]) -> Option<String> {
    match form {
        Form::Plain => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Form::Base64 => {
            let mut text = String::new();
            b64::encode_into(bytes, &mut text);
            Some(text)
        }
        Form::Hex => Some(hex::text(bytes)),
        Form::Uuid => Some(sid::text(bytes.try_into().ok()?)),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    pairs
        .iter()
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_in_the_form_that_fits() {
        for (text, form, length) in [
            ("", Form::Hex, 0),
            ("0123456789abcdef0123456789abcdef", Form::Hex, 16),
            ("0123456789ABCDEF0123456789ABCDEF", Form::Base64, 24),
            ("0f8fad5b-d9cb-469f-a165-70867728950e", Form::Uuid, 16),
            ("0f8fad5bd-9cb-469f-a165-70867728950e", Form::Base64, 27),
            ("0F8FAD5B-D9CB-469F-A165-70867728950E", Form::Base64, 27),
            (
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
                Form::Base64,
                32,
            ),
            (
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN",
                Form::Plain,
                43,
            ),
            ("+1+2", Form::Plain, 4),
            ("abc", Form::Base64, 2),
            ("abd", Form::Plain, 3),
            ("a==", Form::Plain, 3),
            ("openid offline", Form::Plain, 14),
            ("0g", Form::Base64, 1),
            ("ü", Form::Plain, 2),
            ("\u{0}", Form::Plain, 1),
        ] {
            let (found, bytes) = shorten(text);
            assert_eq!((found, bytes.len()), (form, length), "{text}");
            assert_eq!(restore(found, &bytes).as_deref(), Some(text));
        }
    }

    #[test]
    fn bytes_that_no_text_gave_are_refused() {
        assert_eq!(restore(Form::Plain, &[0xff]), None);
        assert_eq!(restore(Form::Uuid, &[1, 2, 3]), None);
    }
}
