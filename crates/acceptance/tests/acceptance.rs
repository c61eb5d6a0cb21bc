//! The black-box tests: one binary, a module per subject.
//!
//! They drive the executable that `TESSERA_BIN` names (else the debug build), on SQLite always and on PostgreSQL where `TESSERA_TEST_POSTGRES` gives the DSN
//! of a superuser.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

#[path = "acceptance/lifecycle.rs"]
mod lifecycle;
#[path = "acceptance/packaging.rs"]
mod packaging;
#[path = "acceptance/recordings.rs"]
mod recordings;
#[path = "acceptance/static_binary.rs"]
mod static_binary;
#[path = "acceptance/walk.rs"]
mod walk;
