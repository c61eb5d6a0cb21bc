//! Bytes as lower-case hexadecimal digits.

/// Two digits for each byte.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    push(&mut out, bytes);
    out
}

/// Appends two digits for each byte.
pub(crate) fn push(out: &mut String, bytes: &[u8]) {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    out.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(text(&[]), "");
        assert_eq!(text(&[0, 9, 10, 0xa0, 0xff]), "00090aa0ff");
    }
}
