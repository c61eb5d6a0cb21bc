//! What names a client in its cookies' names.
//!
//! Compat: the reference server takes this hash; nothing rests on it being hard to collide.

/// MurmurHash3, 32 bits, seed 0.
pub(super) fn murmur3(bytes: &[u8]) -> u32 {
    const fn mixed(block: u32) -> u32 {
        block
            .wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593)
    }
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mut hash = blocks.iter().fold(0u32, |hash, block| {
        (hash ^ mixed(u32::from_le_bytes(*block)))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64)
    });
    let last = tail
        .iter()
        .rev()
        .fold(0u32, |last, byte| last << 8 | u32::from(*byte));
    if !tail.is_empty() {
        hash ^= mixed(last);
    }
    // The algorithm takes the length modulo 2^32.
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}
