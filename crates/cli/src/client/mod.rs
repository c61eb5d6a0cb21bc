//! `create|get|list|update|delete|import oauth2-client`.
//!
//! Spec: RFC 7591 section 2 (client metadata). Paths are `/admin/clients…`.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod flags;
pub(crate) mod get;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod source;
pub(crate) mod update;
pub(crate) mod view;

/// Path of the collection.
const CLIENTS: &str = "/admin/clients";

/// Path of one client.
fn client_path(id: &str) -> String {
    format!("{CLIENTS}/{}", crate::api::segment(id))
}
