//! The web server of `perform authorization-code` and `token user`, as far as it goes without an authorization server.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tessera_acceptance::binary;
use tessera_acceptance::clock;
use tessera_acceptance::http::{Request, Response};

const LIMIT: Duration = Duration::from_secs(20);
/// Nobody serves here.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A running command with its address.
struct Flow {
    child: Child,
    home: String,
    dir: tempfile::TempDir,
}

impl Flow {
    fn start(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .unwrap()
            .port();
        let file = |name: &str| std::fs::File::create(dir.path().join(name)).unwrap();
        let child = Command::new(binary::path())
            .args(args)
            .args(["--client-id", "app", "--no-open", "--endpoint", NOWHERE])
            .args(["--port", &port.to_string()])
            .env_clear()
            .env("HOME", dir.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let home = format!("http://127.0.0.1:{port}");
        let mut flow = Self { child, home, dir };
        let up = clock::poll(LIMIT, || (flow.get("/").status == 200).then_some(()));
        assert!(
            up.is_some(),
            "{:?} {}",
            flow.child.try_wait(),
            flow.text("stderr")
        );
        flow
    }

    fn get(&self, target: &str) -> Response {
        let url = format!("{}{target}", self.home);
        Request::for_url("GET", &url).unwrap().send()
    }

    fn text(&self, name: &str) -> String {
        binary::text_of(&Path::new(self.dir.path()).join(name))
    }

    /// The state of the link to the authorization server.
    fn state(&self) -> String {
        let location = header(&self.get("/perform-flow"), "location");
        let query = location.split_once('?').unwrap().1;
        let state = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("state="));
        state.unwrap().to_owned()
    }

    fn exit_code(&mut self) -> Option<i32> {
        let ended = clock::poll(LIMIT, || self.child.try_wait().unwrap());
        ended.and_then(|status| status.code())
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        // Already ended, where all went well.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn header(response: &Response, name: &str) -> String {
    let found = response
        .headers
        .iter()
        .find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

#[test]
fn the_start_page_asks_with_state_nonce_and_pkce() {
    let flow = Flow::start(&["perform", "authorization-code", "--audience", "a b,c"]);
    let page = flow.get("/");
    assert_eq!(page.status, 200);
    let policy = header(&page, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("script"), "{policy}");
    assert_eq!(header(&page, "cache-control"), "no-store");
    assert!(page.body.contains("Authorize application"), "{}", page.body);
    let sent = flow.get("/perform-flow");
    assert_eq!(sent.status, 302);
    let location = header(&sent, "location");
    assert!(
        location.starts_with("http://127.0.0.1:9/oauth2/auth?"),
        "{location}"
    );
    for part in [
        "client_id=app&",
        "code_challenge_method=S256",
        "nonce=",
        "response_type=code",
        "scope=offline+openid",
        "audience=a+b+c",
        &format!("state={}", flow.state()),
    ] {
        assert!(location.contains(part), "{part}: {location}");
    }
    assert!(!location.contains("max_age"), "{location}");
    let stderr = flow.text("stderr");
    assert!(
        stderr.starts_with(&format!(
            "Setting up home route on {home}/\nSetting up callback listener on {home}/callback\n\
             Press ctrl + c on Linux / Windows or cmd + c on OSX to end the process.\n",
            home = flow.home
        )),
        "{stderr}"
    );
}

#[test]
fn a_refusal_of_the_server_is_shown_escaped_and_ends_the_command_with_a_failure() {
    let mut flow = Flow::start(&["perform", "authorization-code"]);
    let target = format!(
        "/callback?error=access_denied&error_description=%3Cscript%3Eno&state={}",
        flow.state()
    );
    let page = flow.get(&target);
    assert_eq!(page.status, 500);
    assert!(page.body.contains("access_denied") && page.body.contains("&lt;script&gt;no"));
    assert!(!page.body.contains("<script"), "{}", page.body);
    assert_eq!(flow.exit_code(), Some(1));
    let stderr = flow.text("stderr");
    assert!(stderr.ends_with("Got error: <script>no\n"), "{stderr}");
    assert_eq!(flow.text("stdout"), "");
}

#[test]
fn a_code_for_another_state_is_not_redeemed() {
    let mut flow = Flow::start(&["perform", "authorization-code", "--state", "expected"]);
    let page = flow.get("/callback?code=c&state=other");
    assert_eq!(page.status, 500);
    assert!(!page.body.contains("expected"), "{}", page.body);
    assert_eq!(flow.exit_code(), Some(1));
    let stderr = flow.text("stderr");
    assert!(
        stderr.ends_with("States do not match. Expected \"expected\", got \"other\".\n"),
        "{stderr}"
    );
}

#[test]
fn a_command_that_goes_on_has_a_fresh_state_after_each_answer() {
    let flow = Flow::start(&["perform", "authorization-code", "--no-shutdown"]);
    let first = flow.state();
    for _ in 0..2 {
        let page = flow.get(&format!("/callback?error=x&state={first}"));
        assert_eq!(page.status, 500);
    }
    let stderr = flow.text("stderr");
    assert!(
        stderr.contains("Got error: x\nStates do not match."),
        "{stderr}"
    );
    let page = flow.get(&format!("/callback?code=c&state={}", flow.state()));
    assert!(
        page.body.contains("Unable to exchange code for token"),
        "{}",
        page.body
    );
    assert_ne!(flow.state(), first);
}

#[test]
fn the_older_command_says_everything_on_stdout() {
    let mut flow = Flow::start(&["token", "user", "--prompt", "login,consent"]);
    let page = flow.get("/");
    assert!(page.body.contains("prompt=login+consent"), "{}", page.body);
    assert!(page.body.contains("max_age=0"), "{}", page.body);
    flow.get("/callback?code=c&state=other");
    assert_eq!(flow.exit_code(), Some(1));
    let stdout = flow.text("stdout");
    assert!(stdout.starts_with("Setting up home route on "), "{stdout}");
    assert!(
        stdout.contains("Press ctrl + c to end the process.\n"),
        "{stdout}"
    );
    assert!(stdout.contains("States do not match."), "{stdout}");
    assert_eq!(flow.text("stderr"), "");
}

#[test]
fn a_client_has_to_be_named() {
    for command in [["perform", "authorization-code"], ["token", "user"]] {
        let dir = tempfile::tempdir().unwrap();
        let args = [command[0], command[1], "--endpoint", NOWHERE].map(str::to_owned);
        let output = binary::run(&binary::path(), &args, &[], "", dir.path());
        assert_eq!(output.exit_code, Some(1));
        let hint = "Please provide a Client ID using --client-id flag, or OAUTH2_CLIENT_ID environment variable.\n";
        assert!(output.stdout.ends_with(hint), "{output:?}");
    }
}
