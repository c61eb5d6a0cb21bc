//! What the web server answers, path by path.
//!
//! Invariant: everything here is blocking; `listener.rs` runs it off the async threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tessera_crypto::{OsEntropy, b64, constant_time_eq, random_bytes};
use tokio::sync::watch;

use super::{
    attempt::{Attempt, Wanted},
    consent,
    form::Form,
    login,
    page::{self, Reply},
    redeem::{self, Redeemed},
    voice::Voice,
};
use crate::{api::Api, clock, token::client_credentials};

/// A request of the browser.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) is_post: bool,
    pub(super) path: String,
    pub(super) query: String,
    /// The posted form.
    pub(super) body: String,
}

/// The login and consent pages, for servers whose `urls.login` and `urls.consent` lead here.
pub(super) struct Demo {
    /// The admin API.
    pub(super) api: Api,
    /// Accept without a page what may be skipped.
    pub(super) skips: bool,
    /// Security: in every form, so that no other site can post one in the person's name.
    form_key: String,
}

impl Demo {
    pub(super) fn new(api: Api, skips: bool) -> Self {
        Self {
            api,
            skips,
            form_key: b64::encode(&random_bytes::<32>(&OsEntropy)),
        }
    }

    /// The hidden field of a form.
    pub(super) fn form_field(&self) -> String {
        format!(
            "<input type=\"hidden\" name=\"form_key\" value=\"{}\">\n",
            self.form_key
        )
    }

    /// Whether a form came from a page of this process.
    pub(super) fn made(&self, form: &Form) -> bool {
        constant_time_eq(form.text("form_key").as_bytes(), self.form_key.as_bytes())
    }
}

/// How the command should end, once it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Succeeded,
    Failed,
}

/// Everything the pages need.
pub(super) struct Site {
    wanted: Wanted,
    token_api: Api,
    voice: Voice,
    demo: Option<Demo>,
    attempt: Mutex<Attempt>,
    end: watch::Sender<End>,
    /// Do not end after a result.
    pub(super) goes_on: bool,
}

impl Site {
    pub(super) fn new(
        wanted: Wanted,
        token_api: Api,
        voice: Voice,
        demo: Option<Demo>,
        goes_on: bool,
    ) -> Self {
        let attempt = Mutex::new(Attempt::new(wanted.state.as_deref(), &OsEntropy));
        Self {
            wanted,
            token_api,
            voice,
            demo,
            attempt,
            end: watch::Sender::new(End::Open),
            goes_on,
        }
    }

    /// Says on the terminal where the pages are.
    pub(super) fn say_start(&self, home: &str) {
        self.voice.start(home);
    }

    /// How the last try ended; changes with each.
    pub(super) fn end(&self) -> watch::Receiver<End> {
        self.end.subscribe()
    }

    /// Answers a request.
    pub(super) fn answer(&self, request: &Request) -> Reply {
        let query = || Form::parse(&request.query);
        let body = || Form::parse(&request.body);
        match (request.is_post, request.path.as_str(), &self.demo) {
            (false, "/callback", _) => self.callback(&query()),
            (true, "/callback", _) => Reply::to(format!("/callback?{}", body().to_query())),
            (false, "/perform-flow", Some(_)) => Reply::to(self.authorize_url()),
            (false, "/login", Some(demo)) => login::show(demo, &query()),
            (true, "/login", Some(demo)) => login::decide(demo, &body()),
            (false, "/consent", Some(demo)) => consent::show(demo, &query()),
            (true, "/consent", Some(demo)) => consent::decide(demo, &body()),
            (false, _, _) => page::welcome(&self.wanted, &self.authorize_url()),
            (true, _, _) => Reply::sentence(404, "Not found", "There is no form at this address."),
        }
    }

    fn authorize_url(&self) -> String {
        self.attempt().authorize_url(&self.wanted)
    }

    fn callback(&self, answer: &Form) -> Reply {
        let redeemed = match self.take_code(answer) {
            Ok((attempt, code)) => redeem::redeem(&self.token_api, &self.wanted, &attempt, &code),
            Err(refused) => refused,
        };
        let now = clock::now();
        self.voice.end(&redeemed, now);
        let (end, expiry) = match &redeemed {
            Redeemed::Tokens(body) => (End::Succeeded, client_credentials::expiry(body, now)),
            _ => (End::Failed, None),
        };
        self.end.send_replace(end);
        let expiry = expiry.map(clock::go_text).unwrap_or_default();
        page::result(&redeemed, &expiry, self.goes_on)
    }

    /// Security: an answer that fits uses its try up, so a second one with the same state does not fit any more.
    fn take_code(&self, answer: &Form) -> Result<(Attempt, String), Redeemed> {
        let mut attempt = self.attempt();
        let code = redeem::code(answer, &attempt);
        if matches!(code, Err(Redeemed::OtherState { .. })) {
            return code.map(|code| (attempt.clone(), code));
        }
        let fresh = Attempt::new(self.wanted.state.as_deref(), &OsEntropy);
        let used = std::mem::replace(&mut *attempt, fresh);
        code.map(|code| (used, code))
    }

    fn attempt(&self) -> MutexGuard<'_, Attempt> {
        // The value is replaced whole, so a thread that died holding the lock left a good one.
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::attempt::tests::wanted, *};
    use crate::api::Target;

    /// A site whose token endpoint nobody serves: port 9 of this machine refuses.
    fn site() -> Site {
        let target = Target {
            endpoint: "http://127.0.0.1:9".to_owned(),
            ..Target::default()
        };
        let api = || Api::new(&target).unwrap();
        let demo = Demo::new(api(), false);
        Site::new(wanted(), api(), Voice::V1, Some(demo), false)
    }

    fn get(site: &Site, path: &str, query: &str) -> Reply {
        site.answer(&Request {
            is_post: false,
            path: path.to_owned(),
            query: query.to_owned(),
            body: String::new(),
        })
    }

    fn state(site: &Site) -> String {
        site.attempt().state.clone()
    }

    #[test]
    fn an_answer_with_another_state_leaves_the_try_alone() {
        let site = site();
        let before = state(&site);
        let reply = get(&site, "/callback", "code=c&state=other");
        assert_eq!(reply.status, 500);
        assert_eq!(state(&site), before);
        assert_eq!(*site.end().borrow(), End::Failed);
    }

    #[test]
    fn a_state_works_once() {
        let site = site();
        let used = state(&site);
        let query = format!("error=access_denied&state={used}");
        assert_eq!(get(&site, "/callback", &query).status, 500);
        assert_ne!(state(&site), used);
        let again = get(&site, "/callback", &format!("code=c&state={used}"));
        assert!(
            again
                .page
                .unwrap()
                .document("n")
                .contains("States do not match")
        );
    }

    #[test]
    fn a_posted_answer_becomes_a_query() {
        let reply = site().answer(&Request {
            is_post: true,
            path: "/callback".to_owned(),
            query: String::new(),
            body: "code=a%26b&state=s".to_owned(),
        });
        assert_eq!(reply.location.unwrap(), "/callback?code=a%26b&state=s");
        assert_eq!(reply.status, 302);
    }

    #[test]
    fn scripts_are_sent_on_at_once_and_people_get_a_link() {
        let site = site();
        let reply = get(&site, "/perform-flow", "");
        assert_eq!(
            (reply.status, reply.location.unwrap()),
            (302, site.authorize_url())
        );
        let page = get(&site, "/", "").page.unwrap().document("n");
        assert!(page.contains(&page::escaped(&site.authorize_url())));
    }

    #[test]
    fn forms_of_other_sites_are_refused() {
        let site = site();
        for path in ["/login", "/consent"] {
            let reply = site.answer(&Request {
                is_post: true,
                path: path.to_owned(),
                query: String::new(),
                body: "ls=x&cs=x&username=u&action=accept&form_key=guess".to_owned(),
            });
            assert_eq!(reply.status, 403, "{path}");
        }
    }
}
