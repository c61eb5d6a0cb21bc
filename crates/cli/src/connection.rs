//! The flags that every v26 API command shares: which server, which headers, which output.

use crate::{
    api::{Answer, Api, CallError, Target},
    failure::Failure,
    print,
    print::{
        format::{Format, Output},
        json,
    },
};

/// The persistent flags; they may stand before or after the sub-command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Shared options")]
pub(crate) struct Connection {
    /// Base URL of the API to call; otherwise the environment variable ORY_SDK_URL.
    #[arg(long, short = 'e', global = true, value_name = "URL")]
    endpoint: Option<String>,
    /// Accept any TLS certificate. Only for tests with self-signed certificates.
    #[arg(long, global = true)]
    skip_tls_verify: bool,
    /// Add a header to each request, like -H 'Authorization: bearer some-token'. May be given more than once.
    #[arg(long, short = 'H', global = true, value_name = "NAME: VALUE")]
    http_header: Vec<String>,
    /// Print ids only.
    #[arg(long, short = 'q', global = true)]
    quiet: bool,
    /// Output format: table, json, json-pretty, yaml, jsonpath=PATH or jsonpointer=POINTER.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    format: String,
}

impl Connection {
    /// The API and the way to print its answers.
    pub(crate) fn open(&self) -> Result<(Api, Output), Failure> {
        let output = self.output()?;
        let target = self.target()?;
        Ok((Api::new(&target).map_err(Failure::Error)?, output))
    }

    /// Which server to call, and what each request carries.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        // Compat: v1's HYDRA_ADMIN_URL and HYDRA_URL are not read by v26 commands.
        let endpoint = self
            .endpoint
            .clone()
            .filter(|endpoint| !endpoint.is_empty())
            .or_else(|| env("ORY_SDK_URL"))
            .ok_or_else(|| {
                Failure::Error(
                    "you have to set the remote endpoint, try --help for details".to_owned(),
                )
            })?;
        Ok(Target {
            endpoint,
            skip_tls_verify: self.skip_tls_verify,
            headers: headers(&self.http_header)?,
            // Compat: v26 has no socket files.
            may_be_socket: false,
        })
    }

    /// How to print the result. The error names a wrong `--format`.
    pub(crate) fn output(&self) -> Result<Output, Failure> {
        Ok(Output {
            quiet: self.quiet,
            format: Format::parse(&self.format)?,
        })
    }
}

/// An environment variable that is set and not empty.
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Splits `Name: value` at the first colon. Commas separate headers, unless what follows one has no colon: then it is part of the value.
fn headers(values: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for value in values {
        for (position, part) in value.split(',').enumerate() {
            match (part.split_once(':'), headers.last_mut()) {
                (Some((name, text)), _) if !name.trim().contains(' ') => {
                    headers.push((name.trim().to_owned(), text.trim().to_owned()));
                }
                (_, Some((_, text))) if position > 0 => {
                    text.push(',');
                    text.push_str(part);
                }
                _ => {
                    // Compat: this one message goes to stdout.
                    print::stdout(&format!(
                        "Unable to parse `--http-header` flag. Its value is a name and a value with a colon between, like \
                         `--http-header 'Some-Header: some-value'`. Received: {part:?}\n"
                    ));
                    return Err(Failure::Reported);
                }
            }
        }
    }
    Ok(headers)
}

impl From<CallError> for Failure {
    /// Compat: three forms, by what the body is: the message and reason of a nested error, any other JSON as it is, no JSON.
    fn from(error: CallError) -> Self {
        match error {
            CallError::Transport(message) => Self::Error(message),
            CallError::Refused(answer) => refusal(&answer),
        }
    }
}

fn refusal(answer: &Answer) -> Failure {
    let Ok(body) = serde_json::from_str::<serde_json::Value>(&answer.body) else {
        return Failure::Error(format!(
            "the server answered {} and no JSON; does the endpoint URL lead to the right port and path?",
            answer.status
        ));
    };
    let nested = body.get("error").filter(|error| error.is_object());
    let lines: Vec<&str> = nested
        .into_iter()
        .flat_map(|error| [json::text(error, "message"), json::text(error, "reason")])
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        let body = json::indented(&body, "  ");
        Failure::Notice(format!(
            "{body}\nFailed to execute API request, see error above."
        ))
    } else {
        Failure::Notice(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(values: &[&str]) -> Vec<(String, String)> {
        headers(
            &values
                .iter()
                .map(|value| (*value).to_owned())
                .collect::<Vec<_>>(),
        )
        .unwrap()
    }

    fn pairs(values: &[(&str, &str)]) -> Vec<(String, String)> {
        values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn headers_split_at_the_first_colon_and_at_commas_before_a_name() {
        assert_eq!(
            parsed(&["X-A: 1,X-B: 2"]),
            pairs(&[("X-A", "1"), ("X-B", "2")])
        );
        assert_eq!(
            parsed(&["Referer: http://x:1/"]),
            pairs(&[("Referer", "http://x:1/")])
        );
        assert_eq!(parsed(&["Accept: a, b"]), pairs(&[("Accept", "a, b")]));
    }

    #[test]
    fn a_header_without_a_colon_is_refused() {
        assert_eq!(headers(&["bad".to_owned()]), Err(Failure::Reported));
    }

    fn refused(body: &str) -> Failure {
        Failure::from(CallError::Refused(Answer {
            status: "404 Not Found".to_owned(),
            succeeded: false,
            is_unauthorized: false,
            next_page_token: String::new(),
            date: None,
            body: body.to_owned(),
        }))
    }

    #[test]
    fn a_refusal_prints_by_the_form_of_its_body() {
        assert_eq!(
            refused(r#"{"error":{"code":404,"message":"Not Found","reason":"no route"}}"#),
            Failure::Notice("Not Found\nno route".to_owned())
        );
        assert_eq!(
            refused(r#"{"error":"x","error_description":""}"#),
            Failure::Notice(
                "{\n  \"error\": \"x\",\n  \"error_description\": \"\"\n}\n\
                 Failed to execute API request, see error above."
                    .to_owned()
            )
        );
        assert!(
            matches!(refused("<html>"), Failure::Error(text) if text.contains("404 Not Found"))
        );
    }
}
