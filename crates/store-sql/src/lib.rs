//! tessera-store-sql
