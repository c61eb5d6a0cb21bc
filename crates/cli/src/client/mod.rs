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

use crate::failure::Failure;

/// Path of the collection.
const CLIENTS: &str = "/admin/clients";

/// Path of one client.
///
/// Security: without an id it would be the path of the collection, which answers something else.
fn client_path(id: &str) -> Result<String, Failure> {
    if id.is_empty() {
        return Err(Failure::Error(EMPTY_ID.to_owned()));
    }
    Ok(format!("{CLIENTS}/{}", crate::api::segment(id)))
}

/// What to tell a user whose id is empty, such as an unset variable of a script.
pub(crate) const EMPTY_ID: &str = "the client id is empty; nothing was sent";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_id_is_no_path() {
        assert_eq!(client_path("a/b").unwrap(), "/admin/clients/a%2Fb");
        assert_eq!(client_path(""), Err(Failure::Error(EMPTY_ID.to_owned())));
    }
}
