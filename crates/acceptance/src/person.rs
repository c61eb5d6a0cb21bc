//! A person with a browser: follows redirects and forms that post themselves, keeps cookies, and says yes at login, consent and logout over the admin API.
//!
//! Invariant: only the sites that it was told of are fetched. Every other address, such as a redirect URI that nobody serves, is where the way ends.

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::jar::Jar;
use crate::page;
use crate::percent;

/// More than any way has, so that a loop of redirects ends.
const HOP_LIMIT: usize = 30;
/// Who logs in.
pub const SUBJECT: &str = "person-1";
/// Pages of this address are never fetched: the person knows what they would ask from the challenge in their URL.
pub const NOBODY: &str = "http://127.0.0.1:9";

/// The questions that the server sends a person away with.
const QUESTIONS: [&str; 3] = ["login", "consent", "logout"];

/// A browser and somebody in front of it.
#[derive(Clone, Debug)]
pub struct Person {
    admin: String,
    sites: Vec<String>,
    jar: Jar,
}

/// Where a way ended.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub url: String,
    /// What a page of `response_mode=form_post` would have posted there.
    pub form: Option<Pairs>,
    /// The page, if it is one of a site.
    pub page: Option<Response>,
    /// What was answered on the way: `login`, `consent`, `logout`, with ` skipped` where the server knew the answer.
    pub asked: Vec<String>,
}

/// Names and values of a form, in order.
type Pairs = Vec<(String, String)>;

/// What one page leads to.
enum Step {
    /// Another address, and what is posted there.
    On(String, Option<Pairs>),
    End(Response),
}

impl Person {
    /// Somebody who trusts the server with these base URLs.
    pub fn at(public: &str, admin: &str) -> Self {
        Self {
            admin: admin.to_owned(),
            sites: vec![public.to_owned()],
            jar: Jar::default(),
        }
    }

    /// Fetches pages of this base URL as well.
    pub fn visits(mut self, site: &str) -> Self {
        self.sites.push(site.to_owned());
        self
    }

    /// Follows `url` to its end, and says yes to every question. Panics where the way breaks.
    pub fn follow(&mut self, url: &str) -> Arrival {
        self.go(url, true)
            .unwrap_or_else(|broken| panic!("{broken}"))
    }

    /// Follows `url` up to its end or the first question (`answers` off), or says yes to the questions. An error says where the way broke.
    pub fn go(&mut self, url: &str, answers: bool) -> Result<Arrival, String> {
        let (mut at, mut form, mut asked) = (url.to_owned(), None, Vec::new());
        for _ in 0..HOP_LIMIT {
            let mut page = None;
            let question = question(&at);
            if let (Some((kind, challenge)), true) = (&question, answers) {
                at = self.answer(kind, challenge, &mut asked)?;
                continue;
            }
            if question.is_none() && self.sites.iter().any(|site| is_below(site, &at)) {
                match self.visit(&at, form.take())? {
                    Step::On(next, posted) => {
                        (at, form) = (next, posted);
                        continue;
                    }
                    Step::End(response) => page = Some(response),
                }
            }
            return Ok(Arrival {
                url: at,
                form,
                page,
                asked,
            });
        }
        Err(format!("more than {HOP_LIMIT} redirects from {url}"))
    }

    /// One page, and where it sends to.
    fn visit(&mut self, url: &str, form: Option<Pairs>) -> Result<Step, String> {
        let method = if form.is_some() { "POST" } else { "GET" };
        let mut request = Request::for_url(method, url)?.header("Accept", "text/html,*/*");
        if let Some(pairs) = form {
            request = request.body(
                "application/x-www-form-urlencoded",
                &percent::encode_pairs(&pairs),
            );
        }
        if let Some(cookies) = self.jar.header() {
            request = request.header("Cookie", &cookies);
        }
        let response = request.send();
        for cookie in response.header_values("set-cookie") {
            self.jar.store(cookie);
        }
        match (response.status, response.header("location")) {
            (302 | 303, Some(location)) => Ok(Step::On(absolute(url, location)?, None)),
            (200..300, _) => Ok(match self_posting(&response) {
                Some((action, pairs)) => Step::On(action, Some(pairs)),
                None => Step::End(response),
            }),
            _ => Err(format!(
                "{url} answers {}: {}",
                response.status, response.body
            )),
        }
    }

    /// Says yes over the admin API; where the server sends to then.
    fn answer(
        &self,
        kind: &str,
        challenge: &str,
        asked: &mut Vec<String>,
    ) -> Result<String, String> {
        let base = format!("{}/admin/oauth2/auth/requests/{kind}", self.admin);
        let query = format!("?{kind}_challenge={}", percent::encode(challenge));
        let facts = call("GET", &format!("{base}{query}"), None)?;
        let skipped = facts["skip"] == true;
        asked.push(format!("{kind}{}", if skipped { " skipped" } else { "" }));
        let body = match kind {
            "login" if skipped => json!({"subject": facts["subject"]}),
            "login" => {
                json!({"subject": SUBJECT, "remember": true, "remember_for": 3600, "acr": "1", "amr": ["pwd"]})
            }
            "consent" => json!({
                "grant_scope": facts["requested_scope"],
                "grant_access_token_audience": facts["requested_access_token_audience"],
                "remember": !skipped,
                "remember_for": 3600,
                "session": {"id_token": {"department": "tests"}, "access_token": {"department": "tests"}},
            }),
            _ => json!({}),
        };
        let accepted = call("PUT", &format!("{base}/accept{query}"), Some(&body))?;
        let next = accepted["redirect_to"].as_str();
        next.map(str::to_owned)
            .ok_or_else(|| format!("{kind} was accepted without redirect_to: {accepted}"))
    }
}

impl Arrival {
    /// A parameter that came along, in the query, the fragment or the form.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let in_url = self.url.split_once(['?', '#']).map(|(_, rest)| rest);
        let sent = percent::decode_pairs(in_url.unwrap_or_default());
        let all = sent
            .into_iter()
            .chain(self.form.clone().into_iter().flatten());
        all.into_iter()
            .find_map(|(found, value)| (found == name).then_some(value))
    }
}

/// The question that a URL puts, and its challenge.
fn question(url: &str) -> Option<(&'static str, String)> {
    let query = url.split_once('?')?.1.split('#').next()?;
    let pairs = percent::decode_pairs(query);
    QUESTIONS.iter().find_map(|kind| {
        let name = format!("{kind}_challenge");
        let (_, challenge) = pairs.iter().find(|(found, _)| *found == name)?;
        Some((*kind, challenge.clone()))
    })
}

fn is_below(site: &str, url: &str) -> bool {
    url.strip_prefix(site)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

/// `location` as seen from `url`.
fn absolute(url: &str, location: &str) -> Result<String, String> {
    if location.starts_with('/') {
        let authority = Request::for_url("GET", url)?.authority;
        return Ok(format!("http://{authority}{location}"));
    }
    Ok(location.to_owned())
}

/// Address and content of a form that a script sends as soon as the page is there.
fn self_posting(response: &Response) -> Option<(String, Pairs)> {
    if !response.body.contains(".submit()") {
        return None;
    }
    let parts = page::parts(&response.body);
    let action = parts["form_action"].as_str()?.to_owned();
    let inputs = parts["inputs"].as_object()?.iter();
    let pairs =
        inputs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    Some((action, pairs.collect()))
}

fn call(method: &str, url: &str, body: Option<&Value>) -> Result<Value, String> {
    let mut request = Request::for_url(method, url)?;
    if let Some(body) = body {
        request = request.body("application/json", &body.to_string());
    }
    let response = request.send();
    if response.status != 200 {
        return Err(format!(
            "{method} {url} answers {}: {}",
            response.status, response.body
        ));
    }
    response
        .json()
        .ok_or_else(|| format!("{method} {url} answers no JSON: {}", response.body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_told_by_its_challenge() {
        let found = question("http://app/x?a=1&consent_challenge=c%2B#f");
        assert_eq!(found, Some(("consent", "c+".to_owned())));
        assert_eq!(question("http://app/x?consent_verifier=c"), None);
    }

    #[test]
    fn only_pages_of_a_site_are_fetched() {
        assert!(is_below("http://h:1", "http://h:1?a"));
        assert!(!is_below("http://h:1", "http://h:12/"));
    }

    #[test]
    fn a_location_may_be_relative() {
        assert_eq!(
            absolute("http://h:1/a/b", "/c?d"),
            Ok("http://h:1/c?d".to_owned())
        );
        assert_eq!(
            absolute("http://h:1/a", "app://x"),
            Ok("app://x".to_owned())
        );
    }
}
