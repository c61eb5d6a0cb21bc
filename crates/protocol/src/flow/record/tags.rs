//! What each field of a record is.
//!
//! Invariant: a tag never changes its meaning, so that a flow goes on over a change of releases.

use crate::flow::short_text::Form;

/// Parameters that most requests have, as one byte each. New ones are added at the end, up to [`FORM_STEP`].
pub(super) const NAMES: [&str; 18] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "prompt",
    "max_age",
    "audience",
    "resource",
    "login_hint",
    "ui_locales",
    "acr_values",
    "display",
    "id_token_hint",
];

pub(super) const FLOW_ID: u8 = 1;
pub(super) const REQUESTED_AT: u8 = 2;
pub(super) const LOGIN_CSRF: u8 = 3;
pub(super) const SID: u8 = 4;
pub(super) const KNOWN_SUBJECT: u8 = 5;
pub(super) const KNOWN_AUTH_TIME: u8 = 6;
pub(super) const REQUEST_PENDING: u8 = 7;
pub(super) const OTHER_NAME: u8 = 8;
pub(super) const OTHER_VALUE: u8 = 9;
// 10 was the subject as it is, and must not be used again.
pub(super) const AUTH_TIME: u8 = 11;
pub(super) const LOGIN_FLAGS: u8 = 12;
pub(super) const REMEMBER_FOR: u8 = 13;
pub(super) const ACR: u8 = 14;
pub(super) const AMR: u8 = 15;
pub(super) const PROVIDER_SESSION: u8 = 16;
pub(super) const FORCED_SUBJECT: u8 = 17;
pub(super) const CONTEXT_PENDING: u8 = 18;
pub(super) const GRANT_ID: u8 = 19;
pub(super) const CONSENT_CSRF: u8 = 20;
pub(super) const CONSENT_FLAGS: u8 = 21;
pub(super) const GRANTED_SCOPE: u8 = 22;
pub(super) const GRANTED_AUDIENCE: u8 = 23;
pub(super) const CONSENT_REMEMBER_FOR: u8 = 24;
pub(super) const HANDLED_AT: u8 = 25;
pub(super) const CONSENT_PENDING: u8 = 26;
pub(super) const ERROR: u8 = 27;
pub(super) const ERROR_DESCRIPTION: u8 = 28;
pub(super) const ERROR_HINT: u8 = 29;
pub(super) const ERROR_DEBUG: u8 = 30;
pub(super) const OBJECT_NAME: u8 = 31;
pub(super) const OBJECT_VALUE: u8 = 32;
/// The subject's tags: this plus the index in [`Form::ALL`].
pub(super) const SHORT_SUBJECT: u8 = 33;
pub(super) const SHORT_SUBJECT_LAST: u8 = 36;
const _: () = assert!(SHORT_SUBJECT_LAST as usize == SHORT_SUBJECT as usize + Form::ALL.len() - 1);
/// Tags from here on are parameters: this, plus the index in [`NAMES`], plus [`FORM_STEP`] times the index in
/// [`Form::ALL`].
pub(super) const PARAMETER: u8 = 64;
pub(super) const FORM_STEP: u8 = 48;

pub(super) const REMEMBER: u64 = 1;
pub(super) const EXTEND: u64 = 2;
pub(super) const SKIP: u64 = 1;
pub(super) const CONSENT_REMEMBER: u64 = 2;
