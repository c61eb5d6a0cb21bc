//! The binary record that sealed tokens hold: fields of tag, length and bytes.
//!
//! Invariant: a reader refuses a tag it does not know, so that an older release never honours a token whose
//! restrictions it cannot see; new fields take new tags and old tokens stay readable.

/// Appends fields.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// A field that is left out when empty.
    pub(crate) fn text(&mut self, tag: u8, value: &str) {
        if !value.is_empty() {
            self.bytes(tag, value.as_bytes());
        }
    }

    pub(crate) fn bytes(&mut self, tag: u8, value: &[u8]) {
        self.0.push(tag);
        self.varint(u64::try_from(value.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(value);
    }

    /// A number in as few little-endian bytes as it needs.
    pub(crate) fn number(&mut self, tag: u8, value: u64) {
        let bytes = value.to_le_bytes();
        let used = bytes
            .iter()
            .rposition(|b| *b != 0)
            .map_or(0, |last| last.saturating_add(1));
        self.bytes(tag, bytes.get(..used).unwrap_or_default());
    }

    /// An instant after 1970, in microseconds.
    pub(crate) fn time(&mut self, tag: u8, time: crate::time::Timestamp) {
        self.number(tag, time.as_micros().max(0).unsigned_abs());
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0
                .push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
            value >>= 7;
        }
        self.0.push(u8::try_from(value).unwrap_or_default());
    }
}

/// Iterates over the fields; `None` as an item means that the record is malformed.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u8, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.0.split_first()?;
        let field = read_varint(rest).and_then(|(length, rest)| {
            let length = usize::try_from(length).ok()?;
            let value = rest.get(..length)?;
            self.0 = rest.get(length..)?;
            Some((*tag, value))
        });
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        let shift = u32::try_from(index).ok()?.checked_mul(7)?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index.checked_add(1)?..)?));
        }
    }
    None
}

pub(crate) fn read_number(bytes: &[u8]) -> Option<u64> {
    let mut buffer = [0; 8];
    buffer.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(buffer))
}

pub(crate) fn read_text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}
