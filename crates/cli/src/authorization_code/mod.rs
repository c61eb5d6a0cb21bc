//! The authorization code flow with a small web server as the client: `perform authorization-code`, and v1's `token user`.
//!
//! Spec: RFC 6749 section 4.1, RFC 7636 (PKCE), OpenID Connect Core 1.0 section 3.1.
//! Security: state, nonce and PKCE with S256 always; the state is compared in constant time and works once.
//! Compat: Hydra listens on all interfaces; we on loopback, unless `--host` says otherwise, or this is a container, where
//! loopback leads nowhere. Hydra's command ends with 0 when the flow failed, and v1's with 1 when it succeeded; ours say what
//! happened.

mod attempt;
mod browser;
mod consent;
mod form;
mod id_token;
mod listener;
mod login;
mod page;
mod redeem;
mod site;
mod voice;

use std::sync::Arc;

use url::Url;

use crate::{
    api::{Api, Target},
    args, cobra,
    connection::Connection,
    failure::{Failure, Outcome},
    print,
    token::credentials::Credentials,
};
use attempt::Wanted;
use site::{Demo, Site};
pub(crate) use voice::Voice;

/// What to tell a user who named no client.
pub(crate) const MISSING: &str = "Please provide a Client ID using --client-id flag, or OAUTH2_CLIENT_ID environment variable.\n";

/// The flags of both generations.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) credentials: Credentials,
    /// Port of the web server.
    #[arg(long, short = 'p', value_name = "NUMBER", default_value_t = 4446)]
    port: u16,
    /// Address that the web server listens on; otherwise loopback only, and in a container every interface (0.0.0.0).
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Serve HTTPS with a self-signed certificate, made anew at each start.
    #[arg(long)]
    https: bool,
    /// Do not open a browser.
    #[arg(long)]
    no_open: bool,
    /// Go on after a result.
    #[arg(long)]
    no_shutdown: bool,
    /// Scopes to ask for.
    #[arg(long, value_name = "LIST", default_value = "offline,openid")]
    scope: Vec<String>,
    /// Audiences to ask for.
    #[arg(long, value_name = "LIST")]
    audience: Vec<String>,
    /// Values of the parameter prompt: none, login, consent.
    #[arg(long, value_name = "LIST")]
    prompt: Vec<String>,
    /// Redirect URI of the client; otherwise the address of the web server with the path /callback.
    #[arg(long, value_name = "URL")]
    redirect: Option<String>,
    /// URL of the authorization endpoint; otherwise /oauth2/auth below the endpoint.
    #[arg(long, value_name = "URL")]
    auth_url: Option<String>,
    /// URL of the token endpoint; otherwise /oauth2/token below the endpoint.
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
}

/// Arguments of `perform authorization-code`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AuthorizationCode {
    #[command(flatten)]
    flags: Flags,
    /// How old the login may be, in seconds; -1: any age.
    #[arg(long, value_name = "SECONDS", default_value_t = -1)]
    max_age: i64,
    /// How the answer comes back: query or form_post.
    #[arg(long, value_name = "MODE")]
    response_mode: Option<String>,
    /// A fixed state, instead of a random one.
    #[arg(long, value_name = "TEXT")]
    state: Option<String>,
    /// Accept login and consent requests without a page when the server says that they may be skipped.
    #[arg(long)]
    skip: bool,
}

/// What the two generations differ in.
pub(crate) struct Special {
    pub(crate) max_age: i64,
    pub(crate) response_mode: Option<String>,
    pub(crate) state: Option<String>,
    /// Whether there are login and consent pages, and whether they skip what may be skipped.
    pub(crate) demo: Option<bool>,
}

/// `perform authorization-code`.
pub(crate) fn run(arguments: &AuthorizationCode, connection: &Connection) -> Outcome {
    if arguments.flags.credentials.id().is_none() {
        // Compat: on stdout.
        print::stdout(&args::help(&["perform", "authorization-code"]));
        print::stdout(MISSING);
        return Err(Failure::Reported);
    }
    let special = Special {
        max_age: arguments.max_age,
        response_mode: arguments.response_mode.clone(),
        state: arguments.state.clone(),
        demo: Some(arguments.skip),
    };
    let voice = Voice::V26(connection.output()?);
    perform(&arguments.flags, special, &connection.target()?, voice)
}

/// Runs the flow and says how it ended.
pub(crate) fn perform(flags: &Flags, special: Special, target: &Target, voice: Voice) -> Outcome {
    let Some(client_id) = flags.credentials.id() else {
        return Err(Failure::Notice(MISSING.to_owned()));
    };
    let bound = listener::bind(flags.host.as_deref(), flags.port)?;
    let scheme = if flags.https { "https" } else { "http" };
    let home = format!("{scheme}://127.0.0.1:{}/", bound.port());
    let redirect = flags.redirect.clone().filter(|given| !given.is_empty());
    let wanted = Wanted {
        client_id,
        client_secret: flags.credentials.secret(),
        redirect_uri: redirect.unwrap_or_else(|| format!("{home}callback")),
        auth_url: url(flags.auth_url.as_ref(), target, "/oauth2/auth")?,
        scope: cobra::list(&flags.scope).join(" "),
        audience: cobra::list(&flags.audience).join(" "),
        prompt: cobra::list(&flags.prompt).join(" "),
        max_age: special.max_age,
        response_mode: special.response_mode.unwrap_or_default(),
        state: special.state.filter(|state| !state.is_empty()),
    };
    let token_target = Target {
        endpoint: url(flags.token_url.as_ref(), target, "/oauth2/token")?.into(),
        ..target.clone()
    };
    let demo = match special.demo {
        Some(skips) => Some(Demo::new(api(target)?, skips)),
        None => None,
    };
    // Invariant: the HTTP client outlives the runtime below; the last handle must not be dropped inside of it.
    let site = Arc::new(Site::new(
        wanted,
        api(&token_target)?,
        voice,
        demo,
        flags.no_shutdown,
    ));
    site.say_start(&home);
    if !flags.no_open {
        browser::open(&home);
    }
    listener::run(bound, flags.https, &site)
}

fn api(target: &Target) -> Result<Api, Failure> {
    Api::new(target).map_err(Failure::Error)
}

fn url(given: Option<&String>, target: &Target, path: &str) -> Result<Url, Failure> {
    let text = match given.filter(|given| !given.is_empty()) {
        Some(given) => given.clone(),
        None => format!("{}{path}", target.endpoint.trim_end_matches('/')),
    };
    Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| {
            Failure::Error(format!(
                "could not use the URL {text:?}: it must be absolute and start with http:// or https://"
            ))
        })
}
