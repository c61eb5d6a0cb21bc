//! The HTTP client of the admin and public APIs.
//!
//! Security: certificates are checked against the built-in Mozilla roots and those that `SSL_CERT_FILE` and `SSL_CERT_DIR` add
//! (`trust.rs`); the system's store is never asked, so the binary works in an empty root file system.
//! Compat: 10 s per request, no retries, no proxy, as Hydra's client. Only GET follows redirects, as a proxy that wants HTTPS
//! sends them; the other methods say where they were sent.

use std::{fmt::Write as _, time::Duration};

use reqwest::{
    Method,
    blocking::{Client, RequestBuilder},
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde_json::Value;
use url::Url;

use crate::{redirect, trust};

/// Time limit of one request, connection set-up included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How an endpoint begins that is a socket file.
const SOCKET: &str = "unix://";

/// Where requests go and what they carry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// Base URL; a slash at the end is dropped.
    pub(crate) endpoint: String,
    /// Accept any certificate.
    pub(crate) skip_tls_verify: bool,
    /// Headers added to every request.
    pub(crate) headers: Vec<(String, String)>,
    /// The endpoint may be the path of a socket file, `unix:///path`.
    pub(crate) may_be_socket: bool,
}

/// A server, ready to be called.
#[derive(Debug)]
pub(crate) struct Api {
    http: Client,
    base: String,
    skip_tls_verify: bool,
    is_socket: bool,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status code with its reason, `404 Not Found`.
    pub(crate) status: String,
    /// Was it below 300?
    pub(crate) succeeded: bool,
    /// Was it 401?
    pub(crate) is_unauthorized: bool,
    /// Parameter `page_token` of the `Link` header with `rel="next"`; empty on the last page.
    pub(crate) next_page_token: String,
    /// The `Date` header, as sent.
    pub(crate) date: Option<String>,
    /// The body, as text.
    pub(crate) body: String,
}

/// Why a call brought no answer to use.
#[derive(Debug)]
pub(crate) enum CallError {
    /// No HTTP answer: `Get "<url>": <cause>`.
    Transport(String),
    /// A status of 300 or more.
    Refused(Answer),
}

impl Api {
    /// Prepares calls to `target`. The error is a message for the user.
    pub(crate) fn new(target: &Target) -> Result<Self, String> {
        let endpoint = target.endpoint.trim_end_matches('/');
        let socket = endpoint
            .strip_prefix(SOCKET)
            .filter(|path| target.may_be_socket && !path.is_empty());
        let base = socket.map_or(endpoint, |_| "http://localhost").to_owned();
        let url = Url::parse(&base)
            .map_err(|error| format!("could not parse the endpoint URL {base:?}: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "could not use the endpoint URL {base:?}: it must start with http:// or https://"
            ));
        }
        Ok(Self {
            http: client(headers(target)?, target.skip_tls_verify, socket)?,
            base,
            skip_tls_verify: target.skip_tls_verify,
            is_socket: socket.is_some(),
        })
    }

    /// `GET path?query`.
    pub(crate) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, CallError> {
        self.send(Method::GET, path, query, |request| request)
    }

    /// `POST path` with a JSON body.
    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Result<Answer, CallError> {
        self.send(Method::POST, path, &[], |request| request.json(body))
    }

    /// `PUT path` with a JSON body.
    pub(crate) fn put_json(&self, path: &str, body: &Value) -> Result<Answer, CallError> {
        self.send(Method::PUT, path, &[], |request| request.json(body))
    }

    /// `POST path` with a form, and HTTP Basic credentials when given.
    ///
    /// Spec: RFC 6749 section 2.3.1: both are form-encoded first.
    pub(crate) fn post_form(
        &self,
        path: &str,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<Answer, CallError> {
        self.send(Method::POST, path, &[], |request| {
            let request = request.form(form);
            match basic {
                Some((id, secret)) => {
                    request.basic_auth(form_encoded(id), Some(form_encoded(secret)))
                }
                None => request,
            }
        })
    }

    /// `DELETE path?query`.
    pub(crate) fn delete(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, CallError> {
        self.send(Method::DELETE, path, query, |request| request)
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, CallError> {
        let mut url = format!("{}{path}", self.base);
        for (position, (name, value)) in query.iter().enumerate() {
            let separator = if position == 0 { '?' } else { '&' };
            let _ = write!(url, "{separator}{name}={}", form_encoded(value));
        }
        let verb = verb(&method);
        let failed = |why: String| CallError::Transport(format!("{verb} {url:?}: {why}"));
        let transport = |error: reqwest::Error| failed(cause(&error));
        let follows = method == Method::GET && !self.is_socket;
        let mut response = fill(self.http.request(method, &url))
            .send()
            .map_err(transport)?;
        if follows {
            let stranger = || client(HeaderMap::new(), self.skip_tls_verify, None);
            response = redirect::follow(response, &self.http, stranger).map_err(failed)?;
        } else if let Some(location) = redirect::location(&response) {
            let status = response.status();
            return Err(failed(format!(
                "the server answered {status} and sends on to {location:?}, which only GET requests follow; name that \
                 address with --endpoint"
            )));
        }
        let status = response.status();
        let answer = Answer {
            status: status.to_string(),
            succeeded: status.as_u16() < 300,
            is_unauthorized: status == reqwest::StatusCode::UNAUTHORIZED,
            next_page_token: next_page(response.headers()),
            date: date(response.headers()),
            body: response.text().map_err(transport)?,
        };
        if answer.succeeded {
            Ok(answer)
        } else {
            Err(CallError::Refused(answer))
        }
    }
}

fn headers(target: &Target) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &target.headers {
        let name = HeaderName::from_bytes(name.trim().as_bytes())
            .map_err(|_| format!("{name:?} is not a header name"))?;
        let value = HeaderValue::from_str(value.trim())
            .map_err(|_| format!("the value of header {name} has characters that HTTP forbids"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn client(
    mut headers: HeaderMap,
    skip_tls_verify: bool,
    socket: Option<&str>,
) -> Result<Client, String> {
    headers
        .entry(reqwest::header::ACCEPT)
        .or_insert(HeaderValue::from_static("application/json"));
    let builder = Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .redirect(Policy::none())
        .user_agent(concat!("tessera/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers);
    let builder = match socket {
        Some(path) => builder.unix_socket(path.to_owned()),
        None => builder,
    };
    let builder = if skip_tls_verify {
        builder.tls_danger_accept_invalid_certs(true)
    } else {
        builder.tls_backend_preconfigured(trust::tls_config()?)
    };
    builder
        .build()
        .map_err(|error| format!("could not set up HTTP: {error}"))
}

impl Answer {
    /// The body as a JSON object. The error is a message for the user.
    pub(crate) fn object(&self) -> Result<Value, String> {
        let body = self.json()?;
        if body.is_object() {
            return Ok(body);
        }
        Err(format!(
            "the server answered {} with JSON that is no object; does the endpoint URL lead to the right port and path?",
            self.status
        ))
    }

    /// What is known about a token: an object that says whether it is active. The error is a message for the user.
    ///
    /// Spec: RFC 7662 section 2.2.
    pub(crate) fn facts(&self) -> Result<Value, String> {
        let body = self.object()?;
        if body.get("active").is_some_and(Value::is_boolean) {
            return Ok(body);
        }
        Err("server response missing active".to_owned())
    }

    /// A token endpoint's answer: an object with a token. The error is a message for the user.
    pub(crate) fn token(&self) -> Result<Value, String> {
        let body = self.json()?;
        let token = body.get("access_token").and_then(Value::as_str);
        if token.is_none_or(str::is_empty) {
            return Err("server response missing access_token".to_owned());
        }
        Ok(body)
    }

    /// The body as JSON. The error is a message for the user.
    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_str(&self.body).map_err(|error| {
            format!(
                "the server answered {} without valid JSON: {error}",
                self.status
            )
        })
    }
}

/// One path segment, percent-encoded.
pub(crate) fn segment(text: &str) -> String {
    form_encoded(text).replace('+', "%20")
}

/// `application/x-www-form-urlencoded` form of one value.
pub(crate) fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn next_page(headers: &HeaderMap) -> String {
    let links = headers.get_all(reqwest::header::LINK).iter();
    links
        .filter_map(|value| value.to_str().ok())
        .find_map(next_page_token)
        .unwrap_or_default()
}

fn date(headers: &HeaderMap) -> Option<String> {
    let date = headers.get(reqwest::header::DATE)?;
    date.to_str().ok().map(str::to_owned)
}

fn next_page_token(link: &str) -> Option<String> {
    let target = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let start = target.find('<')?.saturating_add(1);
    let end = target.find('>')?;
    let (_, query) = target.get(start..end)?.split_once('?')?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "page_token")
        .map(|(_, value)| value.into_owned())
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::POST => "Post",
        Method::PUT => "Put",
        Method::DELETE => "Delete",
        _ => "Get",
    }
}

/// The causes below reqwest's own sentence, which only repeats the URL.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} seconds", TIMEOUT.as_secs());
    }
    let mut causes: Vec<String> = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let text = inner.to_string();
        let is_new = causes.last().is_none_or(|outer| !outer.ends_with(&text));
        if is_new && !text.starts_with("client error (") {
            causes.push(text);
        }
        source = inner.source();
    }
    if causes.is_empty() {
        return error.to_string();
    }
    let text = causes.join(": ");
    let way_out = trust::way_out(&text);
    text + way_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_token_comes_from_the_next_link_only() {
        let link = "</admin/clients?page_size=2&page_token=a%3D>; rel=\"first\",\
                    </admin/clients?page_size=2&page_token=b%3D%3D>; rel=\"next\"";
        assert_eq!(next_page_token(link).as_deref(), Some("b=="));
        assert_eq!(
            next_page_token("</admin/clients?page_token=a>; rel=\"first\""),
            None
        );
    }

    #[test]
    fn ids_are_one_path_segment() {
        assert_eq!(segment("a/b c+d?"), "a%2Fb%20c%2Bd%3F");
    }

    #[test]
    fn an_endpoint_must_be_an_http_url() {
        for bad in ["::bad", "localhost:4445", "ftp://x"] {
            let target = Target {
                endpoint: bad.to_owned(),
                ..Target::default()
            };
            assert!(
                Api::new(&target).unwrap_err().contains("endpoint URL"),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_socket_is_an_endpoint_where_that_is_allowed() {
        let mut target = Target {
            endpoint: "unix:///run/admin.sock".to_owned(),
            ..Target::default()
        };
        assert!(Api::new(&target).is_err());
        target.may_be_socket = true;
        assert!(Api::new(&target).unwrap().is_socket);
    }

    #[test]
    fn an_answer_of_another_shape_is_no_success() {
        let answer = |body: &str| Answer {
            status: "200 OK".to_owned(),
            succeeded: true,
            is_unauthorized: false,
            next_page_token: String::new(),
            date: None,
            body: body.to_owned(),
        };
        for body in ["[]", "{}", "{\"access_token\":\"\"}", "\"x\""] {
            assert!(
                answer(body)
                    .token()
                    .unwrap_err()
                    .contains("missing access_token"),
                "{body}"
            );
        }
        assert!(answer("{\"access_token\":\"a\"}").token().is_ok());
        assert!(answer("[]").object().is_err() && answer("{}").object().is_ok());
        assert!(answer("{}").facts().is_err() && answer("{\"active\":false}").facts().is_ok());
    }
}
