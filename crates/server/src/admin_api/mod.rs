//! The admin API: one file per kind of resource.

pub(crate) mod client_write;
pub(crate) mod clients;
pub(crate) mod lifespans;
pub(crate) mod paging;
pub(crate) mod patch;
pub(crate) mod secrets;
pub(crate) mod tokens;
