//! The name of a login session as text: the `sid` claim.
//!
//! Spec: OpenID Connect Front-Channel Logout 1.0 3; RFC 9562 4 (the textual form)

use crate::grant::record::SessionId;
use crate::hex;

/// How many characters a name has.
const LENGTH: usize = 36;

/// As a UUID prints: 8-4-4-4-12 lower-case hexadecimal digits.
pub fn text(sid: &SessionId) -> String {
    let mut out = String::with_capacity(LENGTH);
    for (index, byte) in sid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        hex::push(&mut out, &[*byte]);
    }
    out
}

/// Reads what [`text`] writes; `None` for anything else.
pub fn read(sid: &str) -> Option<SessionId> {
    if sid.len() != LENGTH {
        return None;
    }
    let digits: String = sid.chars().filter(|c| *c != '-').collect();
    let mut id = SessionId::default();
    for (index, byte) in id.iter_mut().enumerate() {
        let at = index.checked_mul(2)?;
        *byte = u8::from_str_radix(digits.get(at..at.checked_add(2)?)?, 16).ok()?;
    }
    (text(&id) == sid).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_reads_back() {
        let sid = *b"\x0f\x8f\xad[\xd9\xcbF\x9f\xa1epg\x95\x0e\x01\x02";
        assert_eq!(text(&sid), "0f8fad5b-d9cb-469f-a165-7067950e0102");
        assert_eq!(read(&text(&sid)), Some(sid));
        for other in [
            "",
            "0F8FAD5B-d9cb-469f-a165-7067950e0102",
            "0f8fad5bd9cb469fa1657067950e0102",
            "0f8fad5b-d9cb-469f-a165-7067950e01",
            "+f8fad5b-d9cb-469f-a165-7067950e0102",
            "üüüüüüüüüüüüüüüü",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
