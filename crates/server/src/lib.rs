//! The server: configuration, HTTP and everything else that touches the outside.
//!
//! [`config`] turns files, flags and environment variables into checked settings.

pub mod config;
