//! The HTML that this server shows to people.
//!
//! Spec: HTML Living Standard; Content Security Policy Level 3; WCAG 2.2 AA
//!
//! Invariant: pages load nothing, run no script but their own, and say in plain words what happened and what to do.
//! Compat: titles, headings and statuses are the reference server's where its tests look at them.

pub(crate) mod check_session;
pub(crate) mod client_links;
pub(crate) mod consent;
pub(crate) mod error;
pub(crate) mod fallback;
pub(crate) mod form_post;
pub(crate) mod frontchannel_logout;
pub(crate) mod html;
pub(crate) mod layout;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod stopped;

#[cfg(test)]
mod tests;
