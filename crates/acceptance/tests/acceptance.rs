//! The black-box tests: one binary, a module per subject.
//!
//! They drive the executable that `TESSERA_BIN` names (else the debug build), on SQLite and on the PostgreSQL whose superuser's DSN is in
//! `TESSERA_TEST_POSTGRES`; `none` there leaves PostgreSQL out.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

#[path = "acceptance/authorization_code.rs"]
mod authorization_code;
#[path = "acceptance/bad_input_admin.rs"]
mod bad_input_admin;
#[path = "acceptance/bad_input_assertions.rs"]
mod bad_input_assertions;
#[path = "acceptance/bad_input_credentials.rs"]
mod bad_input_credentials;
#[path = "acceptance/bad_input_forms.rs"]
mod bad_input_forms;
#[path = "acceptance/bad_input_tokens.rs"]
mod bad_input_tokens;
#[path = "acceptance/bad_input_wire.rs"]
mod bad_input_wire;
#[path = "acceptance/budgets.rs"]
mod budgets;
#[path = "acceptance/builtin_csrf.rs"]
mod builtin_csrf;
#[path = "acceptance/builtin_logout.rs"]
mod builtin_logout;
#[path = "acceptance/builtin_password.rs"]
mod builtin_password;
#[path = "acceptance/builtin_sign_in.rs"]
mod builtin_sign_in;
#[path = "acceptance/client_libraries.rs"]
mod client_libraries;
#[path = "acceptance/client_secrets.rs"]
mod client_secrets;
#[path = "acceptance/commands.rs"]
mod commands;
#[path = "acceptance/cors.rs"]
mod cors;
#[path = "acceptance/database_faults.rs"]
mod database_faults;
#[path = "acceptance/doctor.rs"]
mod doctor;
#[path = "acceptance/durability.rs"]
mod durability;
#[path = "acceptance/lifecycle.rs"]
mod lifecycle;
#[path = "acceptance/login_app.rs"]
mod login_app;
#[path = "acceptance/long_claims.rs"]
mod long_claims;
#[path = "acceptance/narrowed_tokens.rs"]
mod narrowed_tokens;
#[path = "acceptance/packaging.rs"]
mod packaging;
#[path = "acceptance/races.rs"]
mod races;
#[path = "acceptance/races_crash.rs"]
mod races_crash;
#[path = "acceptance/races_survivor.rs"]
mod races_survivor;
#[path = "acceptance/recordings.rs"]
mod recordings;
#[path = "acceptance/secrets_rotation.rs"]
mod secrets_rotation;
#[path = "acceptance/session_management.rs"]
mod session_management;
#[path = "acceptance/shutdown.rs"]
mod shutdown;
#[path = "acceptance/sign_in_admin_answers.rs"]
mod sign_in_admin_answers;
#[path = "acceptance/sign_in_again.rs"]
mod sign_in_again;
#[path = "acceptance/sign_in_apps.rs"]
mod sign_in_apps;
#[path = "acceptance/sign_in_browsers.rs"]
mod sign_in_browsers;
#[path = "acceptance/sign_in_budgets.rs"]
mod sign_in_budgets;
#[path = "acceptance/sign_in_codes.rs"]
mod sign_in_codes;
#[path = "acceptance/sign_in_commands.rs"]
mod sign_in_commands;
#[path = "acceptance/sign_in_hostile.rs"]
mod sign_in_hostile;
#[path = "acceptance/sign_in_identity_provider.rs"]
mod sign_in_identity_provider;
#[path = "acceptance/sign_in_logout.rs"]
mod sign_in_logout;
#[path = "acceptance/sign_in_logout_notices.rs"]
mod sign_in_logout_notices;
#[path = "acceptance/sign_in_logout_requests.rs"]
mod sign_in_logout_requests;
#[path = "acceptance/sign_in_pkce.rs"]
mod sign_in_pkce;
#[path = "acceptance/sign_in_prompts.rs"]
mod sign_in_prompts;
#[path = "acceptance/sign_in_redirect_uris.rs"]
mod sign_in_redirect_uris;
#[path = "acceptance/sign_in_refresh.rs"]
mod sign_in_refresh;
#[path = "acceptance/sign_in_refresh_grace.rs"]
mod sign_in_refresh_grace;
#[path = "acceptance/sign_in_request_objects.rs"]
mod sign_in_request_objects;
#[path = "acceptance/sign_in_session.rs"]
mod sign_in_session;
#[path = "acceptance/sign_in_spans.rs"]
mod sign_in_spans;
#[path = "acceptance/sign_in_userinfo.rs"]
mod sign_in_userinfo;
#[path = "acceptance/sign_in_verifiers.rs"]
mod sign_in_verifiers;
#[path = "acceptance/spring.rs"]
mod spring;
#[path = "acceptance/static_binary.rs"]
mod static_binary;
#[path = "acceptance/tls.rs"]
mod tls;
#[path = "acceptance/token_answers.rs"]
mod token_answers;
#[path = "acceptance/two_processes.rs"]
mod two_processes;
#[path = "acceptance/users.rs"]
mod users;
#[path = "acceptance/walk.rs"]
mod walk;
#[path = "acceptance/wire_details.rs"]
mod wire_details;
