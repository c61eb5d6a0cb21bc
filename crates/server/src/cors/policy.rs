//! The rules of one listener, made ready once.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderValue, Method, Request};
use tessera_protocol::client::Client;
use tessera_protocol::origin;

use crate::config::{Cors, FeatureFlags};
use crate::observe::Port;

const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// Compat: what an empty list of methods stands for.
const SIMPLE_METHODS: [&str; 3] = ["GET", "POST", "HEAD"];
/// Compat: what an empty list of headers stands for.
const SIMPLE_HEADERS: [&str; 3] = ["accept", "content-type", "x-requested-with"];

/// What is said about one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The page may go on; these headers say so.
    Granted(HeaderMap),
    /// The listener's list does not let it in; what a client registered may.
    NotListed,
    /// It may not, and no header says why; this is for the log.
    Refused(&'static str),
}

/// What a path is to pages of other origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// People are sent here; no script has a reason to read it.
    OfPeople,
    /// Clients call it, and what the client registered counts as well.
    OfClients,
    /// Anything else.
    Other,
}

/// `serve.<listener>.cors`, made ready.
#[derive(Debug)]
pub(super) struct Policy {
    port: Port,
    /// In lower case; `None`: every origin.
    origins: Option<Vec<String>>,
    honours_unbounded: bool,
    /// In upper case.
    methods: Vec<String>,
    /// In lower case; `None`: every header.
    headers: Option<Vec<String>>,
    exposed: Option<HeaderValue>,
    allow_credentials: bool,
    max_age: Option<HeaderValue>,
    pub(super) options_passthrough: bool,
    /// Whether every verdict is logged.
    pub(super) is_told: bool,
}

/// Spec: the Fetch standard: OPTIONS that asks for a method is a preflight.
pub(super) fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Policy {
    pub(super) fn new(settings: &Cors, port: Port, flags: &FeatureFlags) -> Self {
        let lower = |text: &String| text.to_ascii_lowercase();
        let honours_unbounded = flags.legacy_allow_insecure_origins;
        let origins = || {
            let origins = settings.allowed_origins.iter().map(lower);
            origins
                .filter(|pattern| honours_unbounded || origin::is_bounded(pattern))
                .collect()
        };
        let exposed = settings.exposed_headers.join(", ");
        let or_simple = |listed: Vec<String>, simple: [&str; 3]| {
            if listed.is_empty() {
                simple.map(str::to_owned).to_vec()
            } else {
                listed
            }
        };
        let methods = settings.allowed_methods.iter();
        let headers: Vec<String> = settings.allowed_headers.iter().map(lower).collect();
        Self {
            port,
            // Invariant: decided by the list as it is written: one whose patterns all count for nothing allows nobody.
            origins: (!settings.allows_any_origin()).then(origins),
            honours_unbounded,
            methods: or_simple(
                methods.map(|m| m.to_ascii_uppercase()).collect(),
                SIMPLE_METHODS,
            ),
            headers: (!headers.iter().any(|name| name == "*"))
                .then(|| or_simple(headers, SIMPLE_HEADERS)),
            exposed: HeaderValue::from_str(&exposed)
                .ok()
                .filter(|exposed| !exposed.is_empty()),
            allow_credentials: settings.allow_credentials,
            max_age: (settings.max_age > 0).then(|| settings.max_age.into()),
            options_passthrough: settings.options_passthrough,
            is_told: settings.debug,
        }
    }

    /// Spec: RFC 9700 2.6: the authorization endpoint must not support CORS.
    pub(super) fn place(&self, path: &str) -> Place {
        match (self.port, path) {
            (Port::Admin, _) => Place::Other,
            (Port::Public, "/oauth2/auth") => Place::OfPeople,
            (Port::Public, path) if path.starts_with("/oauth2/fallbacks/") => Place::OfPeople,
            (
                Port::Public,
                "/oauth2/token"
                | "/oauth2/revoke"
                | "/oauth2/introspect"
                | "/userinfo"
                | "/.well-known/openid-configuration"
                | "/.well-known/oauth-authorization-server"
                | "/.well-known/jwks.json",
            ) => Place::OfClients,
            (Port::Public, _) => Place::Other,
        }
    }

    /// What a preflight is answered.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Verdict {
        let asked = request.headers();
        let (Some(origin), Some(method)) =
            (asked.get(ORIGIN), asked.get(ACCESS_CONTROL_REQUEST_METHOD))
        else {
            return Verdict::Refused("it has no origin");
        };
        let place = self.place(request.uri().path());
        if place == Place::OfPeople {
            return Verdict::Refused("people's pages are not shared");
        }
        let is_web =
            |origin: String| origin.starts_with("https://") || origin.starts_with("http://");
        let may_be_registered = place == Place::OfClients && text(origin).is_some_and(is_web);
        if !may_be_registered && !self.lists(origin) {
            return Verdict::NotListed;
        }
        if !method
            .to_str()
            .is_ok_and(|method| self.allows_method(method))
        {
            return Verdict::Refused("its method is not allowed");
        }
        if !asked
            .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
            .iter()
            .all(|names| self.allows_headers(names))
        {
            return Verdict::Refused("one of its headers is not allowed");
        }
        let mut headers = HeaderMap::new();
        let allowed = if self.origins.is_none() {
            ANY
        } else {
            origin.clone()
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        for names in asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.append(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        if self.allow_credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        if let Some(max_age) = &self.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, max_age.clone());
        }
        Verdict::Granted(headers)
    }

    /// What the list of the listener says about a request that is no preflight.
    ///
    /// Compat: where everyone is let in, the endpoints of clients name the origin and others say `*`.
    pub(super) fn by_list(&self, place: Place, method: &Method, origin: &HeaderValue) -> Verdict {
        if place == Place::OfPeople {
            return Verdict::Refused("people's pages are not shared");
        }
        if !self.allows_method(method.as_str()) {
            return Verdict::Refused("its method is not allowed");
        }
        if !self.lists(origin) {
            return Verdict::NotListed;
        }
        self.granted(match place {
            Place::Other if self.origins.is_none() => ANY,
            _ => origin.clone(),
        })
    }

    /// The headers of an answer that this origin may read.
    pub(super) fn granted(&self, allowed: HeaderValue) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if let Some(exposed) = &self.exposed {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
        if self.allow_credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        Verdict::Granted(headers)
    }

    /// Whether the client registered this origin.
    pub(super) fn is_registered(&self, client: &Client, origin: &HeaderValue) -> bool {
        let Some(origin) = text(origin) else {
            return false;
        };
        client
            .metadata()
            .allowed_cors_origins
            .iter()
            .any(|pattern| {
                let pattern = pattern.to_ascii_lowercase();
                (self.honours_unbounded || origin::is_bounded(&pattern))
                    && origin::is_registered(&pattern, &origin)
            })
    }

    fn lists(&self, origin: &HeaderValue) -> bool {
        let Some(patterns) = &self.origins else {
            return true;
        };
        text(origin).is_some_and(|origin| patterns.iter().any(|p| origin::is_listed(p, &origin)))
    }

    /// Compat: OPTIONS always is.
    fn allows_method(&self, method: &str) -> bool {
        method == "OPTIONS" || self.methods.iter().any(|m| m.eq_ignore_ascii_case(method))
    }

    fn allows_headers(&self, names: &HeaderValue) -> bool {
        let Some(allowed) = &self.headers else {
            return true;
        };
        names.to_str().is_ok_and(|names| {
            let mut names = names
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            names.all(|name| allowed.iter().any(|known| known.eq_ignore_ascii_case(name)))
        })
    }
}

/// In lower case, as patterns are.
fn text(origin: &HeaderValue) -> Option<String> {
    origin.to_str().ok().map(str::to_ascii_lowercase)
}
