//! tessera-crypto
