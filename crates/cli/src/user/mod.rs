//! `create user`: people who may log in at the built-in login page.

pub(crate) mod create;
mod password;
mod users_file;
