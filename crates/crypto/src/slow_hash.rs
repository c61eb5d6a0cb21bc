//! Hashes for client secrets and passwords, slow on purpose.
//!
//! Spec: RFC 8018 s5.2 (PBKDF2), RFC 9106 (argon2), the bcrypt paper by Provos and Mazieres.
//!
//! Compat: the texts are the reference server's:
//! `$pbkdf2-sha256$i=<iterations>,l=<bytes>$<salt>$<hash>` with unpadded standard base64, and
//! `$2a$` bcrypt; argon2 is verified, and made for passwords only. When verifying, the length comes from the hash
//! and not from `l=`, the names `sha224` and `sha384` mean SHA3, and an unknown digest name means
//! SHA-256; imported hashes depend on it.
//!
//! Security: a stored text may come from an import, so the work it can ask for is bounded (`*_MAX`
//! below). Each call takes milliseconds to seconds of CPU: never on an async thread.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::SimpleHmac;
use pbkdf2::{pbkdf2, pbkdf2_hmac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use sha3::{Sha3_224, Sha3_384};

use crate::{
    b64,
    entropy::{Entropy, random_bytes},
    secret::constant_time_eq,
};

/// bcrypt reads no more of a secret than this many bytes.
pub const BCRYPT_SECRET_BYTES_MAX: usize = 72;
/// The most bcrypt work done for one hash, about five seconds.
pub const BCRYPT_COST_MAX: u32 = 16;
/// The least cost that bcrypt knows.
pub const BCRYPT_COST_MIN: u32 = 4;
/// The most PBKDF2 iterations done for one hash, over all its blocks; about two seconds.
pub const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;
/// The most memory argon2 may ask for, in KiB.
const ARGON2_MEMORY_KIB_MAX: u32 = 256 * 1024;
/// The most argon2 work: KiB of memory times passes.
const ARGON2_KIB_PASSES_MAX: u64 = 1024 * 1024;
/// The most lanes of argon2.
const ARGON2_LANES_MAX: u32 = 64;
/// Memory, passes and lanes of new argon2id hashes: the OWASP Password Storage Cheat Sheet's choice.
const ARGON2ID_COSTS: (u32, u32, u32) = (19_456, 2, 1);
const ARGON2ID_KEY_BYTES: usize = 32;

const SALT_BYTES: usize = 16;
const PBKDF2_KEY_BYTES: usize = 32;
/// Salts and hashes of imported texts. A hash that is too short would match by chance.
const STORED_SALT_BYTES_MAX: usize = 128;
const STORED_HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=128;

/// How new hashes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlowHash {
    /// PBKDF2 with HMAC-SHA-256.
    Pbkdf2 {
        /// 1 to [`PBKDF2_ITERATIONS_MAX`].
        iterations: u32,
    },
    /// bcrypt.
    Bcrypt {
        /// [`BCRYPT_COST_MIN`] to [`BCRYPT_COST_MAX`]; each step doubles the work.
        cost: u32,
    },
}

/// Why a secret was not hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlowHashError {
    /// bcrypt would ignore what is beyond [`BCRYPT_SECRET_BYTES_MAX`] bytes.
    SecretTooLong,
    /// The iterations or the cost are outside their range.
    CostOutOfRange,
    /// argon2 takes no secret of 4 GiB and more.
    Argon2Refused,
}

impl fmt::Display for SlowHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretTooLong => write!(
                f,
                "the secret is longer than {BCRYPT_SECRET_BYTES_MAX} bytes, which is all that bcrypt reads"
            ),
            Self::CostOutOfRange => write!(
                f,
                "bcrypt cost must be {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX}, \
                 PBKDF2 iterations 1 to {PBKDF2_ITERATIONS_MAX}"
            ),
            Self::Argon2Refused => f.write_str("argon2 takes no secret of that length"),
        }
    }
}

impl std::error::Error for SlowHashError {}

/// Hashes `secret` with a fresh salt into a text to store.
///
/// # Errors
/// See [`SlowHashError`].
pub fn hash(secret: &[u8], how: &SlowHash, entropy: &dyn Entropy) -> Result<String, SlowHashError> {
    let salt: [u8; SALT_BYTES] = random_bytes(entropy);
    match *how {
        SlowHash::Pbkdf2 { iterations } => {
            if !(1..=PBKDF2_ITERATIONS_MAX).contains(&iterations) {
                return Err(SlowHashError::CostOutOfRange);
            }
            let mut key = [0u8; PBKDF2_KEY_BYTES];
            pbkdf2_hmac::<Sha256>(secret, &salt, iterations, &mut key);
            Ok(pbkdf2_text(iterations, &salt, &key))
        }
        SlowHash::Bcrypt { cost } => {
            if secret.len() > BCRYPT_SECRET_BYTES_MAX {
                return Err(SlowHashError::SecretTooLong);
            }
            if !(BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(&cost) {
                return Err(SlowHashError::CostOutOfRange);
            }
            let parts = bcrypt::hash_with_salt(secret, cost, salt)
                .map_err(|_| SlowHashError::CostOutOfRange)?;
            Ok(parts.format_for_version(bcrypt::Version::TwoA))
        }
    }
}

/// Hashes a password with argon2id into a PHC string to store. `salt` is random, and new for each password.
///
/// # Errors
/// [`SlowHashError::Argon2Refused`].
pub fn argon2id_hash(secret: &[u8], salt: &[u8; 16]) -> Result<String, SlowHashError> {
    let (memory_kib, passes, lanes) = ARGON2ID_COSTS;
    let refused = |_| SlowHashError::Argon2Refused;
    let params =
        Params::new(memory_kib, passes, lanes, Some(ARGON2ID_KEY_BYTES)).map_err(refused)?;
    let mut key = [0u8; ARGON2ID_KEY_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(secret, salt, &mut key)
        .map_err(refused)?;
    Ok(argon2id_text(salt, &key))
}

/// A PHC string that no password matches, and that costs as much to verify as one of [`argon2id_hash`]. See
/// [`cost_twin`].
#[must_use]
pub fn argon2id_cost_twin() -> String {
    argon2id_text(&[0; SALT_BYTES], &[0; ARGON2ID_KEY_BYTES])
}

fn argon2id_text(salt: &[u8], key: &[u8]) -> String {
    let (memory_kib, passes, lanes) = ARGON2ID_COSTS;
    let (salt, key) = (b64::encode_standard(salt), b64::encode_standard(key));
    format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${key}")
}

/// Whether `stored` is a hash of `secret`. A text that is malformed, of an unknown kind or too
/// costly matches nothing.
#[must_use]
pub fn verify(secret: &[u8], stored: &str) -> bool {
    let matches = match stored.split('$').nth(1) {
        Some("2" | "2a" | "2b" | "2y") => verify_bcrypt(secret, stored),
        Some("argon2i") => verify_argon2(secret, stored, Algorithm::Argon2i),
        Some("argon2id") => verify_argon2(secret, stored, Algorithm::Argon2id),
        Some(name) if name.starts_with("pbkdf2-sha") => verify_pbkdf2(secret, stored),
        _ => None,
    };
    matches.unwrap_or(false)
}

/// A stored text that no secret matches, and that costs as much to verify as one made by `how`.
///
/// Verify against it when a client is unknown, so that the time of the answer does not say so.
#[must_use]
pub fn cost_twin(how: &SlowHash) -> String {
    match *how {
        SlowHash::Pbkdf2 { iterations } => {
            pbkdf2_text(iterations, &[0; SALT_BYTES], &[0; PBKDF2_KEY_BYTES])
        }
        // 22 characters of salt and 31 of hash, all bits zero.
        SlowHash::Bcrypt { cost } => format!("$2a${cost:02}${}", ".".repeat(53)),
    }
}

fn pbkdf2_text(iterations: u32, salt: &[u8], key: &[u8]) -> String {
    let (l, salt, key) = (
        key.len(),
        b64::encode_standard(salt),
        b64::encode_standard(key),
    );
    format!("$pbkdf2-sha256$i={iterations},l={l}${salt}${key}")
}

fn verify_bcrypt(secret: &[u8], stored: &str) -> Option<bool> {
    let rest = stored.strip_prefix("$2")?;
    let rest = rest.strip_prefix(['a', 'b', 'y']).unwrap_or(rest);
    let cost: u32 = number(rest.strip_prefix('$')?.split('$').next()?)?;
    let affordable = (BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(&cost);
    if !affordable || secret.len() > BCRYPT_SECRET_BYTES_MAX {
        return None;
    }
    // The letter marks repaired bugs of other implementations; the sound algorithm is one.
    bcrypt::verify(secret, &format!("$2b{rest}")).ok()
}

fn verify_pbkdf2(secret: &[u8], stored: &str) -> Option<bool> {
    let [name, costs, salt, hash] = fields(stored)?;
    let digest = name.strip_prefix("pbkdf2-sha")?;
    if !(1..=3).contains(&digest.len()) || !digest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (iterations, length) = costs.strip_prefix("i=")?.split_once(",l=")?;
    let iterations: u32 = number(iterations)?;
    let _: u32 = number(length)?;
    let (salt, expected) = (stored_salt(salt)?, stored_hash(hash)?);
    let block = match digest {
        "1" => 20,
        "224" => 28,
        "384" => 48,
        "512" => 64,
        _ => 32,
    };
    let blocks = u32::try_from(expected.len().div_ceil(block)).ok()?;
    if iterations == 0 || iterations.checked_mul(blocks)? > PBKDF2_ITERATIONS_MAX {
        return None;
    }
    let mut key = vec![0u8; expected.len()];
    match digest {
        "1" => pbkdf2_hmac::<Sha1>(secret, &salt, iterations, &mut key),
        "224" => pbkdf2::<SimpleHmac<Sha3_224>>(secret, &salt, iterations, &mut key).ok()?,
        "384" => pbkdf2::<SimpleHmac<Sha3_384>>(secret, &salt, iterations, &mut key).ok()?,
        "512" => pbkdf2_hmac::<Sha512>(secret, &salt, iterations, &mut key),
        _ => pbkdf2_hmac::<Sha256>(secret, &salt, iterations, &mut key),
    }
    Some(constant_time_eq(&key, &expected))
}

fn verify_argon2(secret: &[u8], stored: &str, algorithm: Algorithm) -> Option<bool> {
    let [_, version, costs, salt, hash] = fields(stored)?;
    if version != "v=19" {
        return None;
    }
    let mut costs = costs.split(',');
    let memory_kib: u32 = number(costs.next()?.strip_prefix("m=")?)?;
    let passes: u32 = number(costs.next()?.strip_prefix("t=")?)?;
    let lanes: u32 = number(costs.next()?.strip_prefix("p=")?)?;
    let work = u64::from(memory_kib) * u64::from(passes);
    let affordable = memory_kib <= ARGON2_MEMORY_KIB_MAX
        && work <= ARGON2_KIB_PASSES_MAX
        && lanes <= ARGON2_LANES_MAX;
    if costs.next().is_some() || !affordable {
        return None;
    }
    let (salt, expected) = (stored_salt(salt)?, stored_hash(hash)?);
    let params = Params::new(memory_kib, passes, lanes, Some(expected.len())).ok()?;
    let mut key = vec![0u8; expected.len()];
    Argon2::new(algorithm, Version::V0x13, params)
        .hash_password_into(secret, &salt, &mut key)
        .ok()?;
    Some(constant_time_eq(&key, &expected))
}

/// The `N` fields after the leading `$`, no more and no fewer.
fn fields<const N: usize>(stored: &str) -> Option<[&str; N]> {
    let mut parts = stored.strip_prefix('$')?.split('$');
    let mut fields = [""; N];
    for field in &mut fields {
        *field = parts.next()?;
    }
    parts.next().is_none().then_some(fields)
}

/// Decimal digits only; the standard parser would take a sign.
fn number(text: &str) -> Option<u32> {
    let all_digits = text.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| text.parse().ok())?
}

fn stored_salt(text: &str) -> Option<Vec<u8>> {
    b64::decode_standard(text).filter(|salt| salt.len() <= STORED_SALT_BYTES_MAX)
}

fn stored_hash(text: &str) -> Option<Vec<u8>> {
    b64::decode_standard(text).filter(|hash| STORED_HASH_BYTES.contains(&hash.len()))
}

#[cfg(test)]
mod tests;
