//! What the black-box tests stand on: starting the built binary, sending exact HTTP requests, and replaying recordings.
//!
//! Recordings say what the reference server answered ([`scenario`] for HTTP, [`cli`] for commands). [`matcher`] compares, [`differences`] reads which
//! deviations we stand by, [`report`] collects the rest.
//!
//! Invariant: sees the product only as a process (ports, files, exit codes, output). Depends on no other crate of the workspace.
//! Invariant: a panic in here is how a test fails, so the lints that forbid panics in the product are off.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "support code of tests: a panic is a failed test"
)]

pub mod app;
pub mod bad_input;
pub mod binary;
pub mod browser;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod database;
pub mod differences;
pub mod flow;
pub mod glob;
pub mod http;
pub mod jar;
pub mod jwks;
pub mod jwt;
pub mod logout;
pub mod machine;
pub mod make;
pub mod matcher;
pub mod page;
pub mod percent;
pub mod person;
pub mod person_service;
mod player;
pub mod programs;
pub mod proxy;
pub mod race;
pub mod recording;
pub mod report;
pub mod response;
pub mod scenario;
pub mod server;
pub mod shop;
pub mod sink;
pub mod small_disk;
pub mod vars;
