//! Ids of 16 bytes: how they are made, and how the wire shows them.

use tessera_protocol::time::Timestamp;
use uuid::{Builder, Uuid};

/// The id of a new row. It begins with the time, so rows that are made together stand together in an index, and a commit
/// writes few pages of it however large it is.
///
/// Spec: RFC 9562 5.7 (UUID version 7)
pub(crate) fn fresh(now: Timestamp, random: &[u8; 10]) -> [u8; 16] {
    let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or_default();
    let id = Builder::from_unix_timestamp_millis(millis, random);
    id.into_uuid().into_bytes()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_as_uuids_of_version_7() {
        let at = |millis: i64, random: u8| {
            let now = Timestamp::from_micros(1_800_000_000_000_000 + millis * 1_000);
            fresh(now, &[random; 10])
        };
        assert!(at(0, 0xff) < at(1, 0));
        assert_ne!(at(0, 1), at(0, 2));
        let id = Uuid::from_bytes(at(0, 0xff));
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        let (secs, _) = id.get_timestamp().unwrap().to_unix();
        assert_eq!(secs, 1_800_000_000);
    }
}
