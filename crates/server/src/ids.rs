//! Ids of 16 bytes as the wire shows them.

use uuid::Uuid;

/// 32 hexadecimal digits: flows and grants.
pub(crate) fn hex(id: &[u8; 16]) -> String {
    Uuid::from_bytes(*id).simple().to_string()
}

/// A UUID: login sessions.
pub(crate) fn uuid(id: &[u8; 16]) -> String {
    Uuid::from_bytes(*id).to_string()
}

/// Reads either form.
pub(crate) fn parse(text: &str) -> Option<[u8; 16]> {
    Uuid::parse_str(text).ok().map(Uuid::into_bytes)
}
