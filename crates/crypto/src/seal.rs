//! Sealed messages: encrypted and authenticated, under rotated keys.
//!
//! Spec: draft-irtf-cfrg-xchacha-03 (AEAD_XChaCha20_Poly1305).
//!
//! Layout: version (1 byte, 1) | key id (2 bytes) | nonce (24 bytes) | ciphertext | tag (16 bytes).
//!
//! Invariant: the nonce is random; 192 bits make a repetition under one key out of reach at any
//! rate.
//! Security: a change of any bit makes [`SealKeys::open`] fail, and so does other associated data.

use std::fmt;

use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::entropy::Entropy;

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 2;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// How many bytes sealing adds to the plain text.
pub const OVERHEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES;

/// The message was not sealed with these keys and this associated data, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenError;

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not sealed by this server, or changed since")
    }
}

impl std::error::Error for OpenError {}

/// Sealing keys of one purpose, newest first.
pub struct SealKeys {
    newest: SealKey,
    older: Vec<SealKey>,
}

struct SealKey {
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
}

impl SealKeys {
    #[expect(
        clippy::expect_used,
        reason = "a Keyring cannot be built without a secret"
    )]
    pub(crate) fn new(
        keys: impl Iterator<Item = ([u8; KEY_ID_BYTES], Zeroizing<[u8; 32]>)>,
    ) -> Self {
        let mut prepared = keys.map(|(id, key)| SealKey {
            id,
            cipher: XChaCha20Poly1305::new((&*key).into()),
        });
        Self {
            newest: prepared.next().expect("a keyring has a key"),
            older: prepared.collect(),
        }
    }

    /// Appends `plain`, sealed with the newest key and bound to `aad`, to `out`.
    ///
    /// `out` grows at most once, by the length of `plain` plus [`OVERHEAD_BYTES`]; nothing else is
    /// allocated.
    #[expect(
        clippy::expect_used,
        reason = "the cipher's only error is a message above 256 GiB"
    )]
    pub fn seal(&self, entropy: &dyn Entropy, aad: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let mut nonce = [0u8; NONCE_BYTES];
        entropy.fill(&mut nonce);
        out.reserve(plain.len() + OVERHEAD_BYTES);
        out.push(VERSION);
        out.extend_from_slice(&self.newest.id);
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.extend_from_slice(plain);
        let (_, body) = out.split_at_mut(start);
        let tag = self
            .newest
            .cipher
            .encrypt_inout_detached(&XNonce::from(nonce), aad, body.into())
            .expect("the message is shorter than the cipher's limit");
        out.extend_from_slice(&tag);
    }

    /// The plain text of a message that [`Self::seal`] made with the same `aad`.
    ///
    /// # Errors
    /// Whatever is wrong, the error is the same. Only keys whose id is in the message are tried.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let parts = Parts::of(sealed).ok_or(OpenError)?;
        let mut keys = std::iter::once(&self.newest)
            .chain(&self.older)
            .filter(|key| key.id == *parts.key_id);
        keys.find_map(|key| key.open(aad, &parts)).ok_or(OpenError)
    }

    /// Whether the message names the newest key, so that re-sealing it would change nothing. Does
    /// not open it.
    #[must_use]
    pub fn sealed_with_newest(&self, sealed: &[u8]) -> bool {
        Parts::of(sealed).is_some_and(|parts| *parts.key_id == self.newest.id)
    }
}

impl SealKey {
    fn open(&self, aad: &[u8], parts: &Parts<'_>) -> Option<Vec<u8>> {
        let mut plain = parts.ciphertext.to_vec();
        let nonce = XNonce::from(*parts.nonce);
        let tag = Tag::from(*parts.tag);
        self.cipher
            .decrypt_inout_detached(&nonce, aad, plain.as_mut_slice().into(), &tag)
            .ok()?;
        Some(plain)
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKeys({} keys)", 1 + self.older.len())
    }
}

/// The nonce of a sealed message: 24 bytes that no other message has, so they can name it. Does not
/// open it.
#[must_use]
pub fn nonce_of(sealed: &[u8]) -> Option<&[u8; 24]> {
    Parts::of(sealed).map(|parts| parts.nonce)
}

struct Parts<'a> {
    key_id: &'a [u8; KEY_ID_BYTES],
    nonce: &'a [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl<'a> Parts<'a> {
    fn of(sealed: &'a [u8]) -> Option<Self> {
        let (version, rest) = sealed.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (key_id, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (ciphertext, tag) = rest.split_last_chunk()?;
        Some(Self {
            key_id,
            nonce,
            ciphertext,
            tag,
        })
    }
}

#[cfg(test)]
mod tests;
