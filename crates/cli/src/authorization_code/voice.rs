//! What the two generations print on the terminal.
//!
//! Compat: v26 talks on stderr and prints the token on stdout; v1 prints everything on stdout.

use jiff::Timestamp;
use serde_json::Value;

use super::redeem::Redeemed;
use crate::{
    print,
    print::{format::Output, json},
    token::client_credentials,
};

/// The generation of the command.
pub(crate) enum Voice {
    /// `perform authorization-code`.
    V26(Output),
    /// `token user`.
    V1,
}

impl Voice {
    /// Where the web server is.
    pub(super) fn start(&self, home: &str) {
        let stop = match self {
            Self::V26(_) => {
                "Press ctrl + c on Linux / Windows or cmd + c on OSX to end the process."
            }
            Self::V1 => "Press ctrl + c to end the process.",
        };
        self.say(&format!(
            "Setting up home route on {home}\nSetting up callback listener on {home}callback\n{stop}\n\
             If your browser does not open automatically, navigate to:\n\n\t{home}\n\n"
        ));
    }

    /// How a try ended.
    pub(super) fn end(&self, redeemed: &Redeemed, now: Timestamp) {
        match (redeemed, self) {
            (Redeemed::Tokens(body), Self::V26(output)) => {
                // The format was checked at the start; a pointer that leads nowhere is told like any failure.
                if let Err(failure) = client_credentials::print_token(output, body, now) {
                    failure.print();
                }
            }
            (Redeemed::Tokens(body), Self::V1) => print::stdout(&v1_tokens(body, now)),
            (failed, _) => self.say(&format!("{}\n", sentence(failed))),
        }
    }

    fn say(&self, text: &str) {
        match self {
            Self::V26(_) => print::stderr(text),
            Self::V1 => print::stdout(text),
        }
    }
}

/// Why there are no tokens, in one line. Control characters of the answer stay out of the terminal.
pub(super) fn sentence(redeemed: &Redeemed) -> String {
    let text = match redeemed {
        Redeemed::Refused { error, description } if description.is_empty() => {
            format!("Got error: {error}")
        }
        Redeemed::Refused { description, .. } => format!("Got error: {description}"),
        Redeemed::OtherState { expected, got } => {
            format!("States do not match. Expected {expected:?}, got {got:?}.")
        }
        Redeemed::NoTokens(why) => format!("Unable to exchange code for token: {why}"),
        Redeemed::Tokens(_) => String::new(),
    };
    text.replace(|c: char| c.is_control() && c != '\n', " ")
}

fn v1_tokens(body: &Value, now: Timestamp) -> String {
    let expiry = client_credentials::expiry(body, now).map_or_else(
        || "Mon, 01 Jan 0001 00:00:00 UTC".to_owned(),
        |at| at.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string(),
    );
    let id_token = match json::text(body, "id_token") {
        "" => "<nil>",
        token => token,
    };
    format!(
        "Access Token:\n\t{}\nRefresh Token:\n\t{}\nExpires in:\n\t{expiry}\nID Token:\n\t{id_token}\n\n",
        json::text(body, "access_token"),
        json::text(body, "refresh_token"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn v1_prints_a_block_per_token() {
        let body = json!({"access_token": "a", "refresh_token": "r", "expires_in": 60});
        assert_eq!(
            v1_tokens(&body, Timestamp::from_second(1_795_538_459).unwrap()),
            "Access Token:\n\ta\nRefresh Token:\n\tr\nExpires in:\n\tTue, 24 Nov 2026 16:41:59 UTC\nID Token:\n\t<nil>\n\n"
        );
    }

    #[test]
    fn failures_are_worded_as_scripts_know_them() {
        let refused = |description: &str| Redeemed::Refused {
            error: "access_denied".to_owned(),
            description: description.to_owned(),
        };
        assert_eq!(sentence(&refused("no\u{1b}[2J")), "Got error: no [2J");
        assert_eq!(sentence(&refused("")), "Got error: access_denied");
        let other = Redeemed::OtherState {
            expected: "a".to_owned(),
            got: "b".to_owned(),
        };
        assert_eq!(
            sentence(&other),
            "States do not match. Expected \"a\", got \"b\"."
        );
    }
}
