//! The release binary that `TESSERA_STATIC_BIN` names, alone: `make test-static` builds it and runs these tests.
//!
//! It has to work in an image made of nothing but itself, so it is started in a root directory of its own, with a name server and an https server beside it
//! in a network namespace of their own. Needs `unshare` and `ip`, and root or user namespaces.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::{clock, jwt, recording};

/// Bytes; a promise to those who pull the image.
const SIZE_MAX: u64 = 25 * 1024 * 1024;
/// The client's host, known to the test's name server alone.
const NAME: &str = "client.example.test";
const HTTPS_PORT: u16 = 8443;
const PUBLIC: &str = "http://127.0.0.1:4444";
const ADMIN: &str = "http://127.0.0.1:4445";
/// Marks the process inside the network namespace.
const INSIDE_VAR: &str = "TESSERA_STATIC_INSIDE";

fn binary() -> PathBuf {
    let path = std::env::var_os("TESSERA_STATIC_BIN")
        .map(PathBuf::from)
        .expect("TESSERA_STATIC_BIN names the release binary");
    fs::canonicalize(path).expect("TESSERA_STATIC_BIN is there")
}

#[test]
#[ignore = "needs the release binary: make test-static"]
fn has_everything_linked_in() {
    let path = binary();
    let size = fs::metadata(&path).unwrap().size();
    assert!(size < SIZE_MAX, "{size} bytes are more than {SIZE_MAX}");
    let elf = Elf::new(fs::read(&path).unwrap());
    let kinds: Vec<u64> = elf.segments().map(|segment| segment.kind).collect();
    assert!(
        kinds.contains(&PT_LOAD),
        "an executable has something to load: {kinds:?}"
    );
    assert!(!kinds.contains(&PT_INTERP), "it asks for a dynamic linker");
    assert_eq!(elf.needed(), 0, "it needs shared libraries");
}

/// The test knows a dynamic executable when it sees one: itself.
#[test]
fn shared_libraries_are_noticed() {
    let elf = Elf::new(fs::read(std::env::current_exe().unwrap()).unwrap());
    assert!(elf.segments().any(|segment| segment.kind == PT_INTERP));
    assert!(elf.needed() > 0);
}

const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;

/// A 64-bit little-endian ELF file.
///
/// Spec: System V ABI, chapters 4 (header) and 5 (program header, dynamic section)
struct Elf(Vec<u8>);

/// One entry of the program header: a kind, and where in the file its bytes are.
struct Segment {
    kind: u64,
    start: usize,
    length: usize,
}

impl Elf {
    fn new(bytes: Vec<u8>) -> Self {
        assert!(
            bytes.starts_with(b"\x7fELF\x02\x01"),
            "not a 64-bit little-endian ELF file"
        );
        Self(bytes)
    }

    fn number(&self, at: usize, width: usize) -> u64 {
        let bytes = self.0.get(at..at + width).expect("inside the file");
        bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    fn offset(&self, at: usize) -> usize {
        usize::try_from(self.number(at, 8)).expect("inside the file")
    }

    fn segments(&self) -> impl Iterator<Item = Segment> {
        let table = self.offset(32);
        let (width, count) = (self.number(54, 2), self.number(56, 2));
        (0..count).map(move |index| {
            let at = table + usize::try_from(index * width).expect("small");
            Segment {
                kind: self.number(at, 4),
                start: self.offset(at + 8),
                length: self.offset(at + 32),
            }
        })
    }

    /// How many shared libraries it names.
    fn needed(&self) -> usize {
        let Some(dynamic) = self.segments().find(|segment| segment.kind == PT_DYNAMIC) else {
            return 0;
        };
        (dynamic.start..dynamic.start + dynamic.length)
            .step_by(16)
            .map(|at| self.number(at, 8))
            .take_while(|tag| *tag != DT_NULL)
            .filter(|tag| *tag == DT_NEEDED)
            .count()
    }
}

/// Starts itself again in a network namespace of its own, where port 53 is free and no other name server answers.
#[test]
#[ignore = "needs the release binary: make test-static"]
fn serves_in_an_empty_root() {
    if std::env::var_os(INSIDE_VAR).is_some() {
        return inside();
    }
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let status = command
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("static_binary::serves_in_an_empty_root")
        .env(INSIDE_VAR, "true")
        .stdin(Stdio::null())
        .status()
        .expect("unshare (package util-linux) runs");
    assert!(
        status.success(),
        "failed in the network namespace (above); if unshare was refused, run as root or allow user namespaces"
    );
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn inside() {
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()
        .expect("ip (package iproute2) runs");
    assert!(up.success(), "the loopback interface cannot be brought up");

    let root = tempfile::tempdir().unwrap();
    let (authority, tls) = certificates();
    furnish(root.path(), &authority);
    answer_names();
    publish_keys(tls);

    let server = Running::start(root.path());
    let client = json!({
        "client_id": "machine", "grant_types": ["client_credentials"], "scope": "api",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": format!("https://{NAME}:{HTTPS_PORT}/jwks.json"),
    });
    let created = post(
        &format!("{ADMIN}/admin/clients"),
        "application/json",
        &client.to_string(),
    );
    assert_eq!(created.status, 201, "{created:?}");

    let issued = post(
        &format!("{PUBLIC}/oauth2/token"),
        "application/x-www-form-urlencoded",
        &format!(
            "grant_type=client_credentials&scope=api&client_assertion={}&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
            assertion()
        ),
    );
    assert_eq!(issued.status, 200, "{issued:?}\n{}", server.log());
    let answer: Value = serde_json::from_str(&issued.body).unwrap();
    let token = answer["access_token"].as_str().expect("a token");

    let introspected = post(
        &format!("{ADMIN}/admin/oauth2/introspect"),
        "application/x-www-form-urlencoded",
        &format!("token={token}"),
    );
    let found: Value = serde_json::from_str(&introspected.body).unwrap();
    assert_eq!(found["active"], json!(true), "{introspected:?}");
    assert_eq!(found["client_id"], json!("machine"));
}

fn post(url: &str, content_type: &str, body: &str) -> Response {
    let request = Request::for_url("POST", url).unwrap();
    request.body(content_type, body).send()
}

fn assertion() -> String {
    let now = clock::unix_now();
    let header = json!({"kid": "rsa1"});
    let claims = json!({
        "iss": "machine", "sub": "machine", "aud": format!("{PUBLIC}/oauth2/token"), "iat": now, "exp": now + 300,
        "jti": uuid::Uuid::new_v4().to_string(),
    });
    let header: &Map<String, Value> = header.as_object().unwrap();
    let keys = recording::keys();
    jwt::sign("RS256", header, &claims, jwt::Key::Jwk(&keys["rsa1"]))
}

/// Puts into `root` what an image made of the binary alone has, and the certificate authority.
fn furnish(root: &Path, authority: &[u8]) {
    for folder in ["usr/bin", "etc", "state"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    // Copies the permissions as well.
    fs::copy(binary(), root.join("usr/bin/tessera")).unwrap();
    fs::write(root.join("etc/resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(authority)
    );
    fs::write(root.join("etc/authority.pem"), pem).unwrap();
}

/// The server in its root directory; killed when dropped.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    fn start(root: &Path) -> Self {
        let log = root.join("log");
        let out = fs::File::create(&log).unwrap();
        let child = Command::new("chroot")
            .arg(root)
            .args(["/usr/bin/tessera", "serve", "all", "--dangerous-force-http"])
            .env_clear()
            // For `chroot` itself to be found; there is nothing in these folders of the new root.
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TESSERA_STATE_DIR", "/state")
            .env("SSL_CERT_FILE", "/etc/authority.pem")
            .env("URLS_SELF_ISSUER", format!("{PUBLIC}/"))
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .expect("chroot runs");
        let mut running = Self { child, log };
        let is_ready = clock::poll(Duration::from_secs(20), || {
            if let Some(status) = running.child.try_wait().unwrap() {
                return Some(Err(status));
            }
            let ready =
                |base: &str| Request::for_url("GET", &format!("{base}/health/ready")).unwrap();
            [PUBLIC, ADMIN]
                .iter()
                .all(|base| ready(base).send().status == 200)
                .then_some(Ok(()))
        });
        assert!(
            matches!(is_ready, Some(Ok(()))),
            "{is_ready:?}\n{}",
            running.log()
        );
        running
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what the server printed ---\n{}", self.log());
        }
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A certificate authority (DER), and a server configuration with a certificate of it for [`NAME`].
fn certificates() -> (Vec<u8>, Arc<rustls::ServerConfig>) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Authority of the test");
    let authority =
        rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec![NAME.to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (authority.der().to_vec(), Arc::new(config))
}

/// Serves the client's public key over https, whatever is asked for.
fn publish_keys(tls: Arc<rustls::ServerConfig>) {
    let key = &recording::keys()["rsa1"];
    let public: Map<String, Value> = ["kty", "kid", "use", "alg", "n", "e"]
        .map(|name| (name.to_owned(), key[name].clone()))
        .into_iter()
        .collect();
    let body = json!({"keys": [public]}).to_string();
    let listener = TcpListener::bind(("127.0.0.1", HTTPS_PORT)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream));
            // A handshake that fails shows on the other side: no token.
            let _answered = answer_https(&mut stream, &body);
        }
    });
}

fn answer_https<S: Read + Write>(stream: &mut BufReader<S>, body: &str) -> std::io::Result<()> {
    let mut line = String::new();
    while stream.read_line(&mut line)? > 0 && line != "\r\n" {
        line.clear();
    }
    let length = body.len();
    write!(
        stream.get_mut(),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    stream.get_mut().flush()
}

/// A name server that knows [`NAME`] as 127.0.0.1, and nothing else.
///
/// Spec: RFC 1035 s4.1
fn answer_names() {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if let Some(answer) = question.get(..length).and_then(name_answer) {
                socket.send_to(&answer, from).unwrap();
            }
        }
    });
}

fn name_answer(question: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    const TYPE_A: [u8; 2] = [0, 1];
    let mut expected = Vec::new();
    for label in NAME.split('.') {
        expected.push(u8::try_from(label.len()).ok()?);
        expected.extend_from_slice(label.as_bytes());
    }
    expected.push(0);
    let asked = question.get(HEADER..)?;
    let end = asked.iter().position(|byte| *byte == 0)? + 1;
    let is_known = asked.get(..end)?.eq_ignore_ascii_case(&expected);
    let has_address = is_known && asked.get(end..end + 2)? == TYPE_A;

    let mut answer = question.get(..2)?.to_vec();
    // A response, recursion desired and available; NXDOMAIN for other names. One question, at most one answer.
    answer.extend_from_slice(&[0x81, if is_known { 0x80 } else { 0x83 }]);
    answer.extend_from_slice(&[0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    answer.extend_from_slice(asked.get(..end + 4)?);
    if has_address {
        // The name of the question, type A, class IN, 60 s, four bytes.
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend_from_slice(&Ipv4Addr::LOCALHOST.octets());
    }
    Some(answer)
}
