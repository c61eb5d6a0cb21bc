//! Cryptography: secrets, sealing, MACs, slow hashes and JOSE.
//!
//! This is the only crate that names a cryptography library, so that one can be exchanged by
//! editing one crate.
//!
//! Invariant: everything here is synchronous; there is no I/O besides reading randomness from the
//! operating system.
//! Invariant: no clock. Times in tokens are checked by whoever knows what time it is.
//! Invariant: secrets cannot be printed, and are compared in constant time.
#![warn(missing_docs)]

pub mod b64;
pub mod entropy;
pub mod jose;
pub mod keyring;
pub mod mac;
pub mod seal;
pub mod secret;
pub mod slow_hash;

pub use entropy::{Entropy, OsEntropy, random_bytes};
pub use keyring::{Keyring, KeyringError, Purpose};
pub use mac::{ProcessMac, sha256};
pub use seal::{OpenError, SealKeys};
pub use secret::{Secret, constant_time_eq};
pub use slow_hash::{SlowHash, SlowHashError};
