//! The black-box tests: one binary, a module per subject.
//!
//! They drive the executable that `TESSERA_BIN` names (else the debug build), on SQLite and on the PostgreSQL whose superuser's DSN is in
//! `TESSERA_TEST_POSTGRES`; `none` there leaves PostgreSQL out.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

#[path = "acceptance/authorization_code.rs"]
mod authorization_code;
#[path = "acceptance/bad_input.rs"]
mod bad_input;
#[path = "acceptance/budgets.rs"]
mod budgets;
#[path = "acceptance/client_libraries.rs"]
mod client_libraries;
#[path = "acceptance/client_secrets.rs"]
mod client_secrets;
#[path = "acceptance/database_faults.rs"]
mod database_faults;
#[path = "acceptance/doctor.rs"]
mod doctor;
#[path = "acceptance/durability.rs"]
mod durability;
#[path = "acceptance/lifecycle.rs"]
mod lifecycle;
#[path = "acceptance/packaging.rs"]
mod packaging;
#[path = "acceptance/recordings.rs"]
mod recordings;
#[path = "acceptance/shutdown.rs"]
mod shutdown;
#[path = "acceptance/static_binary.rs"]
mod static_binary;
#[path = "acceptance/two_processes.rs"]
mod two_processes;
#[path = "acceptance/users.rs"]
mod users;
#[path = "acceptance/walk.rs"]
mod walk;
