//! From the answer of the authorization endpoint to tokens.
//!
//! Spec: RFC 6749 sections 4.1.2, 4.1.3 and 2.3.1; RFC 7636 section 4.5; OpenID Connect Core 1.0 section 3.1.3.7.

use serde_json::Value;

use super::{
    attempt::{Attempt, Wanted},
    form::Form,
    id_token,
};
use crate::{
    api::{Answer, Api, CallError},
    print::json,
    token::client_credentials::{is_invalid_client, refusal},
};

/// What came of an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Redeemed {
    /// The token endpoint's answer.
    Tokens(Value),
    /// The authorization endpoint refused.
    Refused { error: String, description: String },
    /// The answer belongs to another question.
    OtherState { expected: String, got: String },
    /// No tokens, or some that cannot be trusted.
    NoTokens(String),
}

/// The first look at an answer: a code for this try, or the reason why there is none.
///
/// Security: the state is looked at before anything else is believed. Only a refusal may come without one.
pub(super) fn code(answer: &Form, attempt: &Attempt) -> Result<String, Redeemed> {
    let (state, error) = (answer.text("state"), answer.text("error"));
    let is_ours = attempt.has_state(state) || !error.is_empty() && state.is_empty();
    if !is_ours {
        return Err(Redeemed::OtherState {
            expected: attempt.state.clone(),
            got: state.to_owned(),
        });
    }
    if !error.is_empty() {
        return Err(Redeemed::Refused {
            error: error.to_owned(),
            description: answer.text("error_description").to_owned(),
        });
    }
    match answer.text("code") {
        "" => Err(Redeemed::NoTokens(
            "the server's answer has neither a code nor an error".to_owned(),
        )),
        code => Ok(code.to_owned()),
    }
}

/// Exchanges a code for tokens.
pub(super) fn redeem(api: &Api, wanted: &Wanted, attempt: &Attempt, code: &str) -> Redeemed {
    let answer = match request(api, wanted, attempt, code) {
        Ok(answer) => answer,
        Err(CallError::Transport(message)) => return Redeemed::NoTokens(message),
        Err(CallError::Refused(answer)) => return Redeemed::NoTokens(refusal(&answer)),
    };
    let body = match answer.json() {
        Ok(body) => body,
        Err(message) => return Redeemed::NoTokens(message),
    };
    if json::text(&body, "access_token").is_empty() {
        return Redeemed::NoTokens("the server's answer has no access_token".to_owned());
    }
    match json::text(&body, "id_token") {
        "" => Redeemed::Tokens(body),
        token => match id_token::check(token, &wanted.client_id, &attempt.nonce) {
            Ok(()) => Redeemed::Tokens(body),
            Err(message) => Redeemed::NoTokens(message),
        },
    }
}

/// A client with a secret tries HTTP Basic first, and the body when that was no valid client; one without names itself.
fn request(api: &Api, wanted: &Wanted, attempt: &Attempt, code: &str) -> Result<Answer, CallError> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &wanted.redirect_uri),
        ("code_verifier", &attempt.verifier),
    ];
    let id = wanted.client_id.as_str();
    let Some(secret) = wanted.client_secret.as_deref() else {
        form.push(("client_id", id));
        return api.post_form("", &form, None);
    };
    let first = match api.post_form("", &form, Some((id, secret))) {
        Err(CallError::Refused(answer)) if is_invalid_client(&answer) => answer,
        result => return result,
    };
    form.extend([("client_id", id), ("client_secret", secret)]);
    match api.post_form("", &form, None) {
        Err(CallError::Refused(second)) if is_invalid_client(&second) => {
            Err(CallError::Refused(first))
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use tessera_crypto::OsEntropy;

    use super::*;

    fn attempt() -> Attempt {
        Attempt::new(Some("the-state"), &OsEntropy)
    }

    #[test]
    fn a_code_counts_only_with_the_state_that_was_sent() {
        let code = |query: &str| code(&Form::parse(query), &attempt());
        assert_eq!(code("code=c&state=the-state"), Ok("c".to_owned()));
        for other in [
            "code=c",
            "code=c&state=",
            "code=c&state=other",
            "error=x&state=other",
        ] {
            assert!(
                matches!(code(other), Err(Redeemed::OtherState { .. })),
                "{other}"
            );
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_state_or_without_any() {
        let refused = Redeemed::Refused {
            error: "access_denied".to_owned(),
            description: "no <b>".to_owned(),
        };
        for query in [
            "error=access_denied&error_description=no+%3Cb%3E&state=the-state",
            "error=access_denied&error_description=no+%3Cb%3E",
            "error=access_denied&error_description=no+%3Cb%3E&code=c&state=the-state",
        ] {
            assert_eq!(
                code(&Form::parse(query), &attempt()),
                Err(refused_copy(&refused)),
                "{query}"
            );
        }
    }

    fn refused_copy(refused: &Redeemed) -> Redeemed {
        match refused {
            Redeemed::Refused { error, description } => Redeemed::Refused {
                error: error.clone(),
                description: description.clone(),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_without_code_and_error_is_no_success() {
        assert!(matches!(
            code(&Form::parse("state=the-state"), &attempt()),
            Err(Redeemed::NoTokens(_))
        ));
    }
}
