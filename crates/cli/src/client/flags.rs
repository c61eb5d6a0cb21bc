//! The flags of `create oauth2-client` and `update oauth2-client`.

use clap::{ArgMatches, Command};
use serde_json::{Map, Value};

use crate::{
    client_flags::{self, ClientFlag, Encryption, Kind},
    failure::Failure,
};

const fn flag(
    name: &'static str,
    member: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> ClientFlag {
    ClientFlag {
        name,
        short: None,
        member,
        kind,
        default,
        help,
    }
}

/// Compat: all of them are sent, also those not given; the server takes an empty string for "not set".
#[rustfmt::skip]
const FLAGS: &[ClientFlag] = &[
    flag("access-token-strategy", "access_token_strategy", Kind::Text, "", "Form of the client's access tokens: opaque or jwt; empty is the server's setting"),
    flag("allowed-cors-origin", "allowed_cors_origins", Kind::List, "", "Origins that may call the public endpoints from a browser"),
    flag("audience", "audience", Kind::List, "", "Audiences the client may ask for"),
    flag("backchannel-logout-callback", "backchannel_logout_uri", Kind::Text, "", "URL that gets a logout token when a person logs out"),
    flag("backchannel-logout-session-required", "backchannel_logout_session_required", Kind::Switch, "", "The logout token must name the session (sid)"),
    flag("client-uri", "client_uri", Kind::Text, "", "Web page about the client"),
    flag("contact", "contacts", Kind::List, "", "Ways to reach the people behind the client"),
    flag("frontchannel-logout-callback", "frontchannel_logout_uri", Kind::Text, "", "URL loaded in a frame when a person logs out"),
    flag("frontchannel-logout-session-required", "frontchannel_logout_session_required", Kind::Switch, "", "The front-channel logout URL must name issuer and session"),
    flag("grant-type", "grant_types", Kind::List, "authorization_code", "Grant types the client may use"),
    flag("jwks-uri", "jwks_uri", Kind::Text, "", "URL of the client's public keys, for private_key_jwt"),
    flag("logo-uri", "logo_uri", Kind::Text, "", "URL of the client's logo"),
    flag("metadata", "metadata", Kind::Json, "{}", "Any JSON to keep with the client"),
    flag("name", "client_name", Kind::Text, "", "Name shown to people"),
    flag("owner", "owner", Kind::Text, "", "Who owns the client"),
    flag("policy-uri", "policy_uri", Kind::Text, "", "URL of the client's privacy policy"),
    flag("post-logout-callback", "post_logout_redirect_uris", Kind::List, "", "URLs to return to after logout"),
    flag("redirect-uri", "redirect_uris", Kind::List, "", "URLs that get authorization responses"),
    flag("request-object-signing-alg", "request_object_signing_alg", Kind::Text, "RS256", "Algorithm that request objects must be signed with"),
    flag("request-uri", "request_uris", Kind::List, "", "URLs of request objects the client may use"),
    flag("response-type", "response_types", Kind::List, "code", "Response types the client may use"),
    flag("scope", "scope", Kind::Scope, "", "Scopes the client may ask for"),
    flag("secret", "client_secret", Kind::Text, "", "Client secret; the server makes one when it is empty"),
    flag("sector-identifier-uri", "sector_identifier_uri", Kind::Text, "", "https URL of the list of redirect URLs that share pairwise subjects"),
    flag("skip-consent", "skip_consent", Kind::Switch, "", "Never ask people for consent"),
    flag("skip-logout-consent", "skip_logout_consent", Kind::Switch, "", "Never ask people to confirm a logout"),
    flag("subject-type", "subject_type", Kind::Text, "public", "Subject identifiers: public or pairwise"),
    flag("token-endpoint-auth-method", "token_endpoint_auth_method", Kind::Text, "client_secret_basic", "Client authentication: client_secret_basic, client_secret_post, private_key_jwt or none"),
    flag("tos-uri", "tos_uri", Kind::Text, "", "URL of the client's terms of service"),
];

/// The client that the flags describe.
#[derive(Debug, Clone)]
pub(crate) struct ClientFlags {
    /// The flags as JSON; the error is a message for the user.
    described: Result<Map<String, Value>, String>,
    /// A file with the client instead; `-` is stdin.
    pub(crate) file: Option<String>,
    /// What the user wanted done with the printed secret.
    pub(crate) encryption: Encryption,
}

impl ClientFlags {
    /// The client's JSON: from `--file` if given, else from the flags.
    pub(crate) fn client(&self) -> Result<Map<String, Value>, Failure> {
        self.encryption.refuse()?;
        match &self.file {
            Some(path) if !path.is_empty() => super::source::client(path),
            _ => self.described.clone().map_err(Failure::Error),
        }
    }
}

impl clap::FromArgMatches for ClientFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            described: client_flags::client(matches, FLAGS),
            file: matches.get_one::<String>("file").cloned(),
            encryption: Encryption::from_arg_matches(matches)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for ClientFlags {
    fn augment_args(command: Command) -> Command {
        let file = clap::Arg::new("file")
            .long("file")
            .value_name("PATH")
            .help("Read the client as JSON from a file, - for stdin; the other client flags are ignored then");
        Encryption::augment_args(client_flags::add_flags(command, FLAGS).arg(file))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};
    use serde_json::json;

    use super::*;

    fn described(arguments: &[&str]) -> Value {
        let command = crate::cobra::relaxed(ClientFlags::augment_args(Command::new("create")));
        let matches = command.get_matches_from([&["create"], arguments].concat());
        Value::from(
            ClientFlags::from_arg_matches(&matches)
                .unwrap()
                .client()
                .unwrap(),
        )
    }

    #[test]
    fn every_member_is_sent_with_its_default() {
        assert_eq!(
            described(&[]),
            json!({
                "access_token_strategy": "", "allowed_cors_origins": [], "audience": [],
                "backchannel_logout_uri": "", "backchannel_logout_session_required": false,
                "client_uri": "", "contacts": [], "frontchannel_logout_uri": "",
                "frontchannel_logout_session_required": false, "grant_types": ["authorization_code"],
                "jwks_uri": "", "logo_uri": "", "metadata": {}, "client_name": "", "owner": "",
                "policy_uri": "", "post_logout_redirect_uris": [], "redirect_uris": [],
                "request_object_signing_alg": "RS256", "request_uris": [], "response_types": ["code"],
                "scope": "", "client_secret": "", "sector_identifier_uri": "", "skip_consent": false,
                "skip_logout_consent": false, "subject_type": "public",
                "token_endpoint_auth_method": "client_secret_basic", "tos_uri": ""
            })
        );
    }

    #[test]
    fn flags_become_members() {
        let client = described(&[
            "--grant-type",
            "client_credentials,refresh_token",
            "--scope",
            "a,b",
            "--scope",
            "c",
            "--skip-consent",
            "--skip-logout-consent=false",
            "--metadata",
            r#"{"a":1}"#,
            "--secret",
            "-starts-with-a-dash",
            "--name",
            "first",
            "--name",
            "second",
        ]);
        assert_eq!(
            client["grant_types"],
            json!(["client_credentials", "refresh_token"])
        );
        assert_eq!(client["scope"], "a b c");
        assert_eq!(client["skip_consent"], true);
        assert_eq!(client["skip_logout_consent"], false);
        assert_eq!(client["metadata"], json!({"a": 1}));
        assert_eq!(client["client_secret"], "-starts-with-a-dash");
        assert_eq!(client["client_name"], "second");
    }

    #[test]
    fn encryption_is_refused_before_anything_is_sent() {
        let command = crate::cobra::relaxed(ClientFlags::augment_args(Command::new("create")));
        let matches = command.get_matches_from(["create", "--keybase", "someone"]);
        let refused = ClientFlags::from_arg_matches(&matches).unwrap().client();
        assert!(matches!(refused, Err(Failure::Notice(text)) if text.contains("--keybase")));
    }
}
