//! tessera-acceptance
