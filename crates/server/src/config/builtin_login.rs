//! The server's own login and consent pages.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Settings;
use super::dsn::Dsn;

/// File name of the people who may log in, beside an SQLite file.
const DEFAULT_FILE: &str = "users.json";

/// `builtin_login`; [`Settings::users_file`] fills in what is unset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct BuiltinLogin {
    pub users_file: Option<PathBuf>,
}

impl Settings {
    /// Whether people may log in at this server itself, as far as the addresses of other pages allow it.
    #[must_use]
    pub fn has_builtin_login(&self) -> bool {
        self.urls.login.is_none() && self.urls.consent.is_none()
    }

    /// Where the people who may log in are listed. `None`: nothing is configured, and the database has no directory
    /// that a file could lie in. Whether the file is there is another question.
    #[must_use]
    pub fn users_file(&self) -> Option<PathBuf> {
        place(self.builtin_login.users_file.as_deref(), &self.dsn)
    }
}

/// The file that is named, else the one beside the database. One function for all who look for it.
pub(super) fn place(named: Option<&Path>, dsn: &Dsn) -> Option<PathBuf> {
    match (named, dsn) {
        (Some(named), _) => Some(named.to_owned()),
        (None, Dsn::SqliteFile { path, .. }) => Some(path.with_file_name(DEFAULT_FILE)),
        (None, Dsn::SqliteMemory | Dsn::Postgres { .. }) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::testing::settings;

    #[test]
    fn the_users_file_lies_beside_the_database() {
        let mut unset = settings(&json!({}));
        assert_eq!(unset.users_file(), None);
        unset.dsn = Dsn::default_file("/var/lib/tessera".as_ref());
        assert_eq!(
            unset.users_file(),
            Some(PathBuf::from("/var/lib/tessera/users.json"))
        );
        let named = settings(&json!({"builtin_login": {"users_file": "/etc/people.yaml"}}));
        assert_eq!(named.users_file(), Some(PathBuf::from("/etc/people.yaml")));
    }

    #[test]
    fn pages_of_another_app_switch_the_own_ones_off() {
        assert!(settings(&json!({})).has_builtin_login());
        for page in ["login", "consent"] {
            let app = settings(&json!({"urls": {page: "https://app.example.com/"}}));
            assert!(!app.has_builtin_login(), "{page}");
        }
    }
}
