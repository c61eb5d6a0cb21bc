//! The admin API: one file per kind of resource.

pub mod client_write;
pub mod clients;
pub mod lifespans;
pub mod paging;
pub mod patch;
pub mod secrets;
pub mod tokens;
