//! `token client|user|introspect|revoke|delete|flush`.

use std::{process::ExitCode, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    target::{Bearer, Common, failed, first, misused},
    view,
};
use crate::{
    api::CallError,
    args,
    authorization_code::{self, Special, Voice},
    clock, cobra,
    failure::{Failure, Outcome},
    print,
    print::json::text,
    token::{
        client_credentials::{self, Wanted},
        credentials::{Credentials, MISSING},
    },
};

/// `token …`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Token {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    action: Option<Action>,
}

/// The server of one command.
#[derive(Debug, Clone, clap::Args)]
struct Endpoint {
    /// Base URL of the API; otherwise the environment variable HYDRA_ADMIN_URL or HYDRA_URL.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

/// What to do with tokens.
#[derive(Debug, Clone, clap::Subcommand)]
enum Action {
    /// Get a token with the client credentials grant and print it
    Client {
        #[command(flatten)]
        endpoint: Endpoint,
        #[command(flatten)]
        credentials: Credentials,
        #[command(flatten)]
        wanted: Wanted,
        /// Print the whole answer.
        #[arg(long, short = 'v')]
        verbose: bool,
    },
    /// Log in as a person with the authorization code grant, in a browser
    User {
        #[command(flatten)]
        endpoint: Endpoint,
        #[command(flatten)]
        flags: Box<authorization_code::Flags>,
        /// How old the login may be, in seconds; 0: the person has to log in again.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        max_age: i64,
    },
    /// Print what the server knows about a token
    Introspect {
        /// The token.
        #[arg(value_name = "TOKEN")]
        token: Vec<String>,
        #[command(flatten)]
        endpoint: Endpoint,
        #[command(flatten)]
        bearer: Bearer,
        /// Accepted for scripts, without effect.
        #[command(flatten)]
        credentials: Credentials,
        /// Scopes the token must have to count as active.
        #[arg(long, value_name = "LIST")]
        scope: Vec<String>,
    },
    /// Revoke a token
    Revoke {
        /// The token.
        #[arg(value_name = "TOKEN")]
        token: Vec<String>,
        #[command(flatten)]
        endpoint: Endpoint,
        #[command(flatten)]
        credentials: Credentials,
    },
    /// End all access tokens of a client
    Delete {
        #[command(flatten)]
        endpoint: Endpoint,
        #[command(flatten)]
        bearer: Bearer,
        /// Id of the client; otherwise the environment variable OAUTH2_CLIENT_ID.
        #[arg(long, value_name = "TEXT")]
        client_id: Option<String>,
    },
    /// Delete expired access tokens from the database
    Flush {
        #[command(flatten)]
        endpoint: Endpoint,
        #[command(flatten)]
        bearer: Bearer,
        /// Keep what is younger.
        #[arg(long, value_name = "DURATION", default_value = "0", value_parser = cobra::duration)]
        min_age: Duration,
    },
}

/// Runs a `token` command.
pub(crate) fn run(token: &Token) -> ExitCode {
    let common = &token.common;
    let outcome = match &token.action {
        None => help(&["token"]),
        Some(Action::Client {
            endpoint,
            credentials,
            wanted,
            verbose,
        }) => client(common, endpoint, credentials, (wanted, *verbose)),
        Some(Action::User {
            endpoint,
            flags,
            max_age,
        }) => user(common, endpoint, flags, *max_age),
        Some(Action::Introspect {
            token,
            endpoint,
            bearer,
            credentials,
            scope,
        }) => {
            let notice = credentials.id().is_some() || credentials.secret().is_some();
            introspect(common, (endpoint, bearer), token, (scope, notice))
        }
        Some(Action::Revoke {
            token,
            endpoint,
            credentials,
        }) => revoke(common, endpoint, token, credentials),
        Some(Action::Delete {
            endpoint,
            bearer,
            client_id,
        }) => delete(common, (endpoint, bearer), client_id.clone()),
        Some(Action::Flush {
            endpoint,
            bearer,
            min_age,
        }) => flush(common, (endpoint, bearer), *min_age),
    };
    outcome.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

fn client(
    common: &Common,
    endpoint: &Endpoint,
    credentials: &Credentials,
    (wanted, is_verbose): (&Wanted, bool),
) -> Outcome {
    let Some((id, secret)) = credentials.both() else {
        // Compat: not a failure, and all of it on stdout.
        print::stdout(&format!(
            "{}\n{MISSING}\n",
            args::help(&["token", "client"])
        ));
        return Ok(());
    };
    let api = common.open(endpoint.endpoint.as_ref(), "HYDRA_URL", None)?;
    let answer = client_credentials::request(&api, &id, &secret, wanted).map_err(|error| {
        let why = match error {
            CallError::Transport(message) => message,
            CallError::Refused(answer) => {
                format!(
                    "oauth2: cannot fetch token: {}\nResponse: {}",
                    answer.status, answer.body
                )
            }
        };
        Failure::Notice(format!("Could not retrieve access token because: {why}"))
    })?;
    let body = answer.token().map_err(|why| {
        Failure::Notice(format!("Could not retrieve access token because: {why}"))
    })?;
    if is_verbose {
        print::stdout(&verbose(&body, clock::now()));
    } else {
        print::stdout(&format!("{}\n", text(&body, "access_token")));
    }
    Ok(())
}

/// Compat: max_age is always sent. Hydra joins audiences and prompts with a literal `+`, which no server reads as a list;
/// ours have blanks between.
fn user(
    common: &Common,
    endpoint: &Endpoint,
    flags: &authorization_code::Flags,
    max_age: i64,
) -> Outcome {
    if flags.credentials.id().is_none() {
        print::stdout(&args::help(&["token", "user"]));
        print::stdout(authorization_code::MISSING);
        return Err(Failure::Reported);
    }
    let target = common.target(endpoint.endpoint.as_ref(), "HYDRA_URL")?;
    let special = Special {
        max_age,
        response_mode: None,
        state: None,
        demo: None,
    };
    authorization_code::perform(flags, special, &target, Voice::V1)
}

/// Go's dump of the library's token. Compat: `-v` is what scripts cut values out of.
fn verbose(body: &Value, now: Timestamp) -> String {
    let expiry = client_credentials::expiry(body, now).unwrap_or(now);
    let raw: Vec<String> = body
        .as_object()
        .map(sorted_members)
        .into_iter()
        .flatten()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}:{text}"),
            other => format!("{name}:{other}"),
        })
        .collect();
    format!(
        "&{{AccessToken:{} TokenType:{} RefreshToken:{} Expiry:{} raw:map[{}]}}\n",
        text(body, "access_token"),
        text(body, "token_type"),
        text(body, "refresh_token"),
        expiry.strftime("%Y-%m-%d %H:%M:%S.%f +0000 UTC"),
        raw.join(" ")
    )
}

fn sorted_members(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    members
}

fn introspect(
    common: &Common,
    (endpoint, bearer): (&Endpoint, &Bearer),
    token: &[String],
    (scope, has_credentials): (&[String], bool),
) -> Outcome {
    let token = first(token, &["token", "introspect"])?;
    let api = common.open(endpoint.endpoint.as_ref(), "HYDRA_ADMIN_URL", Some(bearer))?;
    if has_credentials {
        print::stderr(
            "Flags --client-id and --client-secret are deprecated here and have no effect.\n",
        );
    }
    let scope = cobra::list(scope).join(" ");
    let form = [("token", token), ("scope", scope.as_str())];
    let answer = api
        .post_form("/oauth2/introspect", &form, None)
        .map_err(failed)?;
    print::stdout(&view::introspection(
        answer.facts().map_err(Failure::Notice)?,
    ));
    Ok(())
}

fn revoke(
    common: &Common,
    endpoint: &Endpoint,
    token: &[String],
    credentials: &Credentials,
) -> Outcome {
    let token = first(token, &["token", "revoke"])?;
    let api = common.open(endpoint.endpoint.as_ref(), "HYDRA_URL", None)?;
    let Some((id, secret)) = credentials.both() else {
        return Err(misused(&["token", "revoke"], MISSING));
    };
    let form = [("token", token)];
    api.post_form("/oauth2/revoke", &form, Some((&id, &secret)))
        .map_err(failed)?;
    print::stdout(&format!("Revoked OAuth 2.0 Access Token: {token}\n"));
    Ok(())
}

fn delete(
    common: &Common,
    (endpoint, bearer): (&Endpoint, &Bearer),
    client_id: Option<String>,
) -> Outcome {
    let api = common.open(endpoint.endpoint.as_ref(), "HYDRA_URL", Some(bearer))?;
    let given = client_id.filter(|id| !id.is_empty());
    let Some(id) = given.or_else(|| crate::connection::env("OAUTH2_CLIENT_ID")) else {
        return Err(misused(
            &["token", "delete"],
            "Please provide a Client ID using flag --client-id, or environment variable OAUTH2_CLIENT_ID.",
        ));
    };
    api.delete("/oauth2/tokens", &[("client_id", &id)])
        .map_err(failed)?;
    print::stdout(&format!(
        "Successfully deleted access tokens for client {id}\n"
    ));
    Ok(())
}

fn flush(common: &Common, (endpoint, bearer): (&Endpoint, &Bearer), min_age: Duration) -> Outcome {
    let api = common.open(endpoint.endpoint.as_ref(), "HYDRA_ADMIN_URL", Some(bearer))?;
    let not_after = clock::now()
        .checked_sub(min_age)
        .map_err(|error| Failure::Notice(format!("--min-age is too long: {error}")))?;
    api.post_json("/oauth2/flush", &json!({"notAfter": not_after.to_string()}))
        .map_err(failed)?;
    print::stdout("Successfully flushed inactive access tokens\n");
    Ok(())
}

fn help(path: &[&str]) -> Outcome {
    print::stdout(&args::help(path));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verbose_token_is_dumped_as_go_does() {
        let body =
            json!({"access_token": "a", "expires_in": 60, "scope": "", "token_type": "bearer"});
        assert_eq!(
            verbose(&body, Timestamp::from_second(1_795_538_459).unwrap()),
            "&{AccessToken:a TokenType:bearer RefreshToken: Expiry:2026-11-24 16:41:59 +0000 UTC \
             raw:map[access_token:a expires_in:60 scope: token_type:bearer]}\n"
                .replace(":59 +", ":59.0 +")
        );
    }
}
