//! The flags of `clients create` and `clients update`.

use clap::{ArgMatches, Command};
use serde_json::{Map, Value};

use crate::client_flags::{self, ClientFlag, Encryption, Kind};

const fn flag(
    name: &'static str,
    short: Option<char>,
    member: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> ClientFlag {
    ClientFlag {
        name,
        short,
        member,
        kind,
        default,
        help,
    }
}

/// Compat: members that are empty are not sent.
#[rustfmt::skip]
const FLAGS: &[ClientFlag] = &[
    flag("allowed-cors-origins", None, "allowed_cors_origins", Kind::List, "", "Origins that may call the public endpoints from a browser"),
    flag("audience", None, "audience", Kind::List, "", "Audiences the client may ask for"),
    flag("backchannel-logout-callback", None, "backchannel_logout_uri", Kind::Text, "", "URL that gets a logout token when a person logs out"),
    flag("backchannel-logout-session-required", None, "backchannel_logout_session_required", Kind::Switch, "", "The logout token must name the session (sid)"),
    flag("callbacks", Some('c'), "redirect_uris", Kind::List, "", "URLs that get authorization responses"),
    flag("client-uri", None, "client_uri", Kind::Text, "", "Web page about the client"),
    flag("frontchannel-logout-callback", None, "frontchannel_logout_uri", Kind::Text, "", "URL loaded in a frame when a person logs out"),
    flag("frontchannel-logout-session-required", None, "frontchannel_logout_session_required", Kind::Switch, "", "The front-channel logout URL must name issuer and session"),
    flag("grant-types", Some('g'), "grant_types", Kind::List, "authorization_code", "Grant types the client may use"),
    flag("jwks-uri", None, "jwks_uri", Kind::Text, "", "URL of the client's public keys, for private_key_jwt"),
    flag("logo-uri", None, "logo_uri", Kind::Text, "", "URL of the client's logo"),
    flag("name", Some('n'), "client_name", Kind::Text, "", "Name shown to people"),
    flag("policy-uri", None, "policy_uri", Kind::Text, "", "URL of the client's privacy policy"),
    flag("post-logout-callbacks", None, "post_logout_redirect_uris", Kind::List, "", "URLs to return to after logout"),
    flag("response-types", Some('r'), "response_types", Kind::List, "code", "Response types the client may use"),
    flag("scope", Some('a'), "scope", Kind::Scope, "", "Scopes the client may ask for"),
    flag("secret", None, "client_secret", Kind::Text, "", "Client secret; one is made when it is empty"),
    flag("subject-type", None, "subject_type", Kind::Text, "public", "Subject identifiers: public or pairwise"),
    flag("token-endpoint-auth-method", None, "token_endpoint_auth_method", Kind::Text, "client_secret_basic", "Client authentication: client_secret_basic, client_secret_post, private_key_jwt or none"),
    flag("token-endpoint-auth-signing-alg", None, "token_endpoint_auth_signing_alg", Kind::Text, "", "Algorithm of the client's assertions"),
    flag("tos-uri", None, "tos_uri", Kind::Text, "", "URL of the client's terms of service"),
];

/// The client that the flags describe.
#[derive(Debug, Clone)]
pub(crate) struct ClientFlags {
    /// Its JSON, without empty members.
    pub(crate) client: Map<String, Value>,
    /// What the user wanted done with the printed secret.
    pub(crate) encryption: Encryption,
}

impl clap::FromArgMatches for ClientFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut client = client_flags::client(matches, FLAGS)
            .map_err(|message| clap::Error::raw(clap::error::ErrorKind::InvalidValue, message))?;
        client.retain(|_, member| !super::view::is_empty(member));
        Ok(Self {
            client,
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
        Encryption::augment_args(client_flags::add_flags(command, FLAGS))
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

    #[test]
    fn short_flags_become_members_and_empty_ones_are_left_out() {
        let command = crate::cobra::relaxed(ClientFlags::augment_args(Command::new("create")));
        let line = [
            "create",
            "-g",
            "a,b",
            "-r",
            "code",
            "-a",
            "x,y",
            "-c",
            "https://cb",
            "-n",
            "N",
        ];
        let flags = ClientFlags::from_arg_matches(&command.get_matches_from(line)).unwrap();
        assert_eq!(
            Value::from(flags.client),
            json!({"redirect_uris": ["https://cb"], "grant_types": ["a", "b"], "client_name": "N",
                   "response_types": ["code"], "scope": "x y", "subject_type": "public",
                   "token_endpoint_auth_method": "client_secret_basic"})
        );
    }
}
