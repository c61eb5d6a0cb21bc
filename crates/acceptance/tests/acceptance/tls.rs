//! TLS of a listener: plain HTTP from proxies that ended it, and certificates that are replaced while the server runs.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, StreamOwned};
use serde_json::{Value, json};
use tessera_acceptance::clock::{pause, poll};
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::machine::{self, SYSTEM_SECRET};
use tessera_acceptance::server::{Server, Setup};

const NAME: &str = "auth.example.com";
/// Files are looked at every second, and read once they have rested for one.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);

/// A server whose public port speaks TLS with a certificate in its folder, and which has answered once.
fn start(args: &[&str], tls: &Value) -> (Server, CertificateDer<'static>) {
    let mut config = machine::config(&[SYSTEM_SECRET]);
    config["urls"]["self"]["issuer"] = json!("https://auth.example.com/");
    let mut tls = tls.clone();
    tls["enabled"] = json!(true);
    tls["cert"] = json!({"path": "tls.pem"});
    tls["key"] = json!({"path": "tls.key"});
    config["serve"] = json!({"public": {"tls": tls}});
    let recording = json!({"args": args, "config": config, "env": {"LOG_LEVEL": "info"}});
    let mut server = Server::prepare(Setup::of_recording(&recording, Engine::Sqlite));
    let certificate = replace_certificate(&server);
    server.spawn();
    let admin = format!("{}/health/ready", server.admin());
    let is_up = || Request::for_url("GET", &admin).unwrap().send().status == 200;
    poll(Duration::from_secs(30), || is_up().then_some(()))
        .unwrap_or_else(|| panic!("{}", server.log()));
    (server, certificate)
}

/// Writes a new certificate and its key where the server has them.
fn replace_certificate(server: &Server) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    put(server, "tls.pem", &pem("CERTIFICATE", made.cert.der()));
    put(
        server,
        "tls.key",
        &pem("PRIVATE KEY", &made.signing_key.serialize_der()),
    );
    made.cert.der().clone()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Replaced as a whole, as renewal tools do.
fn put(server: &Server, name: &str, text: &str) {
    let draft = server.dir().join(format!("{name}.new"));
    fs::write(&draft, text).unwrap();
    fs::rename(draft, server.dir().join(name)).unwrap();
}

/// A connection by TLS that trusts that certificate alone.
fn connect(
    server: &Server,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", server.ports().0))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut stream = StreamOwned::new(connection, socket);
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(stream)
}

/// The status of a request over a connection that stays open.
fn ask(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> std::io::Result<String> {
    write!(stream, "GET /health/alive HTTP/1.1\r\nHost: {NAME}\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"{\"status\":\"ok\"}\n") {
        if stream.read(&mut byte)? == 0 {
            break;
        }
        answer.push(byte[0]);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

fn answers_with(server: &Server, certificate: &CertificateDer<'static>) -> bool {
    connect(server, certificate)
        .and_then(|mut stream| ask(&mut stream))
        .is_ok()
}

#[test]
fn a_replaced_certificate_is_used_by_new_connections_and_a_broken_one_by_none() {
    let (server, first) = start(&[], &json!({}));
    let mut old = connect(&server, &first).unwrap();
    assert_eq!(ask(&mut old).unwrap(), "HTTP/1.1 200 OK");

    let second = replace_certificate(&server);
    let is_new = || answers_with(&server, &second).then_some(());
    poll(RELOAD_LIMIT, is_new).unwrap_or_else(|| panic!("{}", server.log()));
    assert!(
        !answers_with(&server, &first),
        "new connections get the new one only"
    );
    assert_eq!(
        ask(&mut old).unwrap(),
        "HTTP/1.1 200 OK",
        "an old connection lives on"
    );

    // A key that does not fit, then no certificate at all: told, and nothing changes.
    let other = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    put(
        &server,
        "tls.key",
        &pem("PRIVATE KEY", &other.signing_key.serialize_der()),
    );
    is_told(&server, "the TLS certificate and key do not fit");
    put(&server, "tls.pem", "-----BEGIN CERTIFICATE-----\n");
    is_told(&server, "the TLS certificate is not PEM");
    fs::remove_file(server.dir().join("tls.pem")).unwrap();
    is_told(&server, "'tls.pem' cannot be read");
    assert!(answers_with(&server, &second));
    assert_eq!(
        server.log().matches("cannot be used").count(),
        3,
        "each is told once"
    );

    // And a good one after all that.
    let third = replace_certificate(&server);
    let is_new = || answers_with(&server, &third).then_some(());
    poll(RELOAD_LIMIT, is_new).unwrap_or_else(|| panic!("{}", server.log()));
}

fn is_told(server: &Server, text: &str) {
    let found = || server.log().contains(text).then_some(());
    poll(RELOAD_LIMIT, found).unwrap_or_else(|| panic!("no '{text}' in\n{}", server.log()));
}

#[test]
fn a_certificate_that_nobody_touches_is_not_read_again() {
    let (server, _) = start(&[], &json!({}));
    pause(Duration::from_secs(4));
    assert!(!server.log().contains("have changed"), "{}", server.log());
}

fn plain(server: &Server, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::for_url("GET", &format!("{}{path}", server.public())).unwrap();
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send()
}

const DISCOVERY: &str = "/.well-known/openid-configuration";
const HTTPS: (&str, &str) = ("X-Forwarded-Proto", "https");

#[test]
fn plain_http_is_answered_to_a_proxy_of_the_networks_that_ended_tls() {
    let (server, certificate) = start(&[], &json!({"allow_termination_from": ["127.0.0.0/8"]}));
    assert_eq!(plain(&server, DISCOVERY, &[HTTPS]).status, 200);
    for headers in [&[][..], &[("X-Forwarded-Proto", "http")]] {
        let refused = plain(&server, DISCOVERY, headers);
        assert_eq!(refused.status, 502, "{headers:?}");
        let body = refused.json().unwrap();
        assert_eq!(body["error"], "error", "{body}");
        let why = body["error_description"].as_str().unwrap();
        assert!(why.contains("X-Forwarded-Proto"), "{body}");
    }
    for path in ["/health/alive", "/health/ready"] {
        assert_eq!(plain(&server, path, &[]).status, 200, "{path}");
    }
    assert!(answers_with(&server, &certificate), "and TLS from everyone");
}

#[test]
fn plain_http_is_refused_to_others_whatever_they_say() {
    let (server, certificate) = start(&[], &json!({"allow_termination_from": ["10.0.0.0/8"]}));
    let forged = ("X-Forwarded-For", "10.1.2.3");
    let refused = plain(&server, DISCOVERY, &[HTTPS, forged]);
    assert_eq!(refused.status, 502, "{}", refused.body);
    assert_eq!(plain(&server, "/health/alive", &[]).status, 200);
    assert!(answers_with(&server, &certificate));
}

#[test]
fn without_networks_a_port_with_tls_speaks_nothing_else() {
    let (server, certificate) = start(&[], &json!({}));
    assert_eq!(plain(&server, "/health/alive", &[HTTPS]).status, 0);
    assert!(answers_with(&server, &certificate));
}

#[test]
fn development_takes_plain_http_from_everyone() {
    // v1's flag turns TLS off as well.
    for (flag, speaks_tls) in [("--dev", true), ("--dangerous-force-http", false)] {
        let networks = json!({"allow_termination_from": ["10.0.0.0/8"]});
        let (server, certificate) = start(&[flag], &networks);
        assert_eq!(plain(&server, DISCOVERY, &[]).status, 200, "{flag}");
        assert_eq!(answers_with(&server, &certificate), speaks_tls, "{flag}");
    }
}

#[test]
fn networks_without_tls_change_nothing_and_are_told() {
    let mut config = machine::config(&[SYSTEM_SECRET]);
    config["urls"]["self"]["issuer"] = json!("https://auth.example.com/");
    config["serve"] = json!({"tls": {"allow_termination_from": ["10.0.0.0/8"]}});
    let recording = json!({"args": [], "config": config, "env": {"LOG_LEVEL": "warn"}});
    let server = Server::start(Setup::of_recording(&recording, Engine::Sqlite));
    assert_eq!(plain(&server, DISCOVERY, &[]).status, 200);
    for port in ["public", "admin"] {
        let told = format!("serve.{port}.tls.allow_termination_from has no effect");
        assert!(server.log().contains(&told), "{}", server.log());
    }
}
