//! Base64 as tokens and keys use it: the URL alphabet, without padding.
//!
//! Spec: RFC 4648 s5 and s3.5, RFC 7515 s2.
//! Security: decoding is strict (no padding, no stray trailing bits), so that a value has exactly
//! one encoding.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// The text is not the encoding of any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base64Error;

impl std::fmt::Display for Base64Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not base64url without padding")
    }
}

impl std::error::Error for Base64Error {}

/// Encodes into a new string.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Encodes at the end of `out`, which grows at most once.
pub fn encode_into(bytes: &[u8], out: &mut String) {
    out.reserve(encoded_len(bytes.len()));
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

/// How many characters `bytes` bytes become.
#[must_use]
pub const fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// Decodes.
///
/// # Errors
/// A character outside the alphabet (padding included), an impossible length, trailing bits that
/// are not zero.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64Error> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Base64Error)
}

/// The standard alphabet without padding, as stored hashes use it.
pub(crate) fn encode_standard(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// The standard alphabet, padded or not, as HTTP Basic and PEM bundles use it.
///
/// # Errors
/// As for [`decode`].
pub fn decode_padded(text: &str) -> Result<Vec<u8>, Base64Error> {
    STANDARD_NO_PAD
        .decode(text.trim_end_matches('='))
        .map_err(|_| Base64Error)
}

/// Strict, as [`decode`], in the standard alphabet.
pub(crate) fn decode_standard(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7515_appendix_c_example() {
        assert_eq!(encode(&[3, 236, 255, 224, 193]), "A-z_4ME");
        assert_eq!(decode("A-z_4ME").unwrap(), [3, 236, 255, 224, 193]);
    }

    #[test]
    fn a_value_has_one_encoding() {
        for bad in [
            "A-z_4ME=",
            "A-z_4MF",
            "A",
            "A+z/4ME",
            "A-z_ 4ME",
            "A-z_4ME\n",
        ] {
            assert_eq!(decode(bad), Err(Base64Error), "{bad:?}");
        }
        assert!(decode("").unwrap().is_empty());
    }

    #[test]
    fn lengths_and_appending() {
        for n in 0..40usize {
            let bytes = vec![0xa5; n];
            let mut text = String::from("x.");
            encode_into(&bytes, &mut text);
            assert_eq!(text.len(), 2 + encoded_len(n));
            assert_eq!(decode(&text[2..]).unwrap(), bytes);
        }
    }
}
