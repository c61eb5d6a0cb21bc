//! Redirects of GET requests, such as a proxy sends that wants HTTPS.
//!
//! Security: headers of the command line may be credentials: another host, and whatever that one sends on to, gets none. What
//! was asked by HTTPS is not asked again in the clear.

use reqwest::{
    blocking::{Client, Response},
    header::LOCATION,
};
use url::Url;

use crate::api::cause;

/// Redirects of one request.
const REDIRECTS_MAX: usize = 10;

/// Where an answer sends on to.
pub(crate) fn location(response: &Response) -> Option<&str> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    response.headers().get(LOCATION)?.to_str().ok()
}

/// The answer at the end of the redirects. `stranger` makes the client for other hosts, without headers of its own.
pub(crate) fn follow(
    first: Response,
    own: &Client,
    stranger: impl Fn() -> Result<Client, String>,
) -> Result<Response, String> {
    let origin = first.url().clone();
    let (mut response, mut http) = (first, own.clone());
    let mut is_stranger = false;
    for _ in 0..REDIRECTS_MAX {
        let Some(next) = destination(&response)? else {
            return Ok(response);
        };
        if !is_stranger && next.host() != origin.host() {
            is_stranger = true;
            http = stranger()?;
        }
        response = http.get(next).send().map_err(|error| cause(&error))?;
    }
    match location(&response) {
        None => Ok(response),
        Some(_) => Err(format!(
            "the server sent on more than {REDIRECTS_MAX} times"
        )),
    }
}

/// Where an answer sends on to, as an address that may be called.
fn destination(response: &Response) -> Result<Option<Url>, String> {
    let Some(location) = location(response) else {
        return Ok(None);
    };
    let from = response.url();
    let next = from
        .join(location)
        .map_err(|error| format!("the server sends on to {location:?}: {error}"))?;
    let may_follow = next.scheme() == "https" || from.scheme() == "http" && next.scheme() == "http";
    if may_follow {
        Ok(Some(next))
    } else {
        Err(format!(
            "the server sends on to {location:?}, which is not https"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::{Answer, Api, CallError, Target};

    /// Answers one request after the other, and gives them back.
    fn serve(answers: Vec<String>) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        use std::io::{Read as _, Write as _};
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            let answered = answers.into_iter().map(|answer| {
                let (mut stream, _) = socket.accept().unwrap();
                let mut request = Vec::new();
                let mut part = [0; 4096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    let read = stream.read(&mut part).unwrap();
                    request.extend_from_slice(&part[..read]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8(request).unwrap().to_lowercase()
            });
            answered.collect()
        });
        (port, served)
    }

    fn moved(to: &str) -> String {
        format!(
            "HTTP/1.1 307 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    }

    const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

    fn api(port: u16) -> Api {
        let target = Target {
            endpoint: format!("http://127.0.0.1:{port}"),
            headers: vec![("Authorization".to_owned(), "bearer t".to_owned())],
            ..Target::default()
        };
        Api::new(&target).unwrap()
    }

    #[test]
    fn a_get_is_sent_on_and_keeps_its_headers_on_its_host_alone() {
        let (elsewhere, strange) = serve(vec![FINE.to_owned()]);
        let there = format!("http://localhost:{elsewhere}/c");
        let (port, served) = serve(vec![moved("/b?x=1"), moved(&there)]);
        let answer = api(port).get("/a", &[]).unwrap();
        assert_eq!(answer.body, "{}");
        let own = served.join().unwrap();
        assert!(own[0].starts_with("get /a ") && own[1].starts_with("get /b?x=1 "));
        assert!(
            own.iter()
                .all(|request| request.contains("authorization: bearer t"))
        );
        let strange = strange.join().unwrap();
        assert!(strange[0].starts_with("get /c ") && !strange[0].contains("authorization"));
    }

    #[test]
    fn what_may_not_be_sent_on_names_the_place() {
        let why = |result: Result<Answer, CallError>| match result {
            Err(CallError::Transport(why)) => why,
            other => panic!("{other:?}"),
        };
        let (port, served) = serve(vec![moved("https://op.example.com/x")]);
        let refused = why(api(port).post_json("/a", &Value::Null));
        assert!(refused.contains("https://op.example.com/x"), "{refused}");
        served.join().unwrap();
        let (port, served) = serve(vec![moved("file:///etc/passwd")]);
        let refused = why(api(port).get("/a", &[]));
        assert!(refused.contains("not https"), "{refused}");
        served.join().unwrap();
        let (port, served) = serve(vec![moved("/a"); REDIRECTS_MAX + 1]);
        let refused = why(api(port).get("/a", &[]));
        assert!(refused.contains("more than 10"), "{refused}");
        served.join().unwrap();
    }
}
