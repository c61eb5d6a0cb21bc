//! The server under measurement: started, prepared with clients and tokens, driven.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use crate::http::{self, Request};
use crate::load::{self, Until, Work};
use crate::process::{self, Running};

/// The secret of every client of the bench.
pub(crate) const SECRET: &str = "bench-secret-bench-secret";

/// How a server is started.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub binary: PathBuf,
    pub dsn: String,
    pub log_level: String,
    /// The cheapest secret hash, where thousands of clients must authenticate for the first time.
    pub has_cheap_hash: bool,
}

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Server {
    pub process: Running,
    pub public: SocketAddr,
    pub admin: SocketAddr,
}

/// Starts the server without waiting for it.
pub(crate) fn spawn(setup: &Setup) -> Result<Server, String> {
    let (public, admin) = (free_port()?, free_port()?);
    let mut command = Command::new(&setup.binary);
    command
        .args(["serve", "all", "--dev"])
        .env_clear()
        .env("DSN", &setup.dsn)
        .env("SECRETS_SYSTEM", "the system secret of the bench")
        .env("LOG_LEVEL", &setup.log_level)
        .env("URLS_SELF_ISSUER", format!("http://127.0.0.1:{public}/"))
        // Browsers of the bench do not go there; its load plays both apps.
        .env("URLS_LOGIN", "http://127.0.0.1:9/login")
        .env("URLS_CONSENT", "http://127.0.0.1:9/consent")
        .env("SERVE_PUBLIC_HOST", "127.0.0.1")
        .env("SERVE_ADMIN_HOST", "127.0.0.1")
        .env("SERVE_PUBLIC_PORT", public.to_string())
        .env("SERVE_ADMIN_PORT", admin.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if setup.has_cheap_hash {
        command
            .env("OAUTH2_HASHERS_ALGORITHM", "bcrypt")
            .env("OAUTH2_HASHERS_BCRYPT_COST", "4");
    }
    let child = command
        .spawn()
        .map_err(|e| format!("{}: {e}", setup.binary.display()))?;
    Ok(Server {
        process: Running(child),
        public: SocketAddr::from(([127, 0, 0, 1], public)),
        admin: SocketAddr::from(([127, 0, 0, 1], admin)),
    })
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| e.to_string())
}

/// Starts the server and waits until it is ready.
pub(crate) fn start(setup: &Setup) -> Result<Server, String> {
    let server = spawn(setup)?;
    process::wait_until("the server's start", Duration::from_secs(30), || {
        server.is_ready()
    })?;
    Ok(server)
}

impl Server {
    pub(crate) fn is_ready(&self) -> bool {
        matches!(
            load::once(self.admin, &http::get("/health/ready")),
            Ok((200, _))
        )
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            public: self.public,
            admin: self.admin,
            token_path: "/oauth2/token".to_owned(),
            introspection_path: "/admin/oauth2/introspect".to_owned(),
            introspection_headers: String::new(),
        }
    }
}

/// Where a server takes token requests and introspections.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub public: SocketAddr,
    pub admin: SocketAddr,
    pub token_path: String,
    pub introspection_path: String,
    pub introspection_headers: String,
}

impl Target {
    /// Registers a client of the bench at a server with Hydra's admin API.
    pub(crate) fn create_client(&self, id: &str, strategy: &str) -> Result<(), String> {
        let (status, body) = load::once(self.admin, &create_client(id, strategy))?;
        match status {
            201 => Ok(()),
            _ => Err(format!(
                "client {id}: {status} {}",
                String::from_utf8_lossy(&body)
            )),
        }
    }

    pub(crate) fn token_request(&self, client_id: &str) -> Request {
        http::form(
            &self.token_path,
            &http::basic(client_id, SECRET),
            "grant_type=client_credentials&scope=api",
        )
    }

    /// Token requests of these clients in turn.
    pub(crate) fn tokens_work(&self, client_ids: impl Iterator<Item = String>) -> Work {
        Work {
            target: self.public,
            requests: Rc::new(client_ids.map(|id| self.token_request(&id)).collect()),
            turn: Rc::default(),
            status: 200,
            needle: "\"access_token\"",
        }
    }

    /// One token of each of these clients; their secrets are known to the server afterwards.
    pub(crate) fn issue(
        &self,
        client_ids: impl Iterator<Item = String>,
    ) -> Result<Vec<String>, String> {
        let work = self.tokens_work(client_ids);
        let issued = load::drive(&work, 8, Until::EachOnce)?;
        let token = |body: &Vec<u8>| http::member(body, "access_token");
        issued.bodies.iter().map(token).collect()
    }

    /// Introspections of these tokens in turn.
    pub(crate) fn introspections(&self, tokens: &[String], needle: &'static str) -> Work {
        let request = |token: &String| {
            let body = format!("token={token}");
            http::form(&self.introspection_path, &self.introspection_headers, &body)
        };
        Work {
            target: self.admin,
            requests: Rc::new(tokens.iter().map(request).collect()),
            turn: Rc::default(),
            status: 200,
            needle,
        }
    }
}

/// Registers a client; with an empty id the server chooses one.
pub(crate) fn create_client(id: &str, strategy: &str) -> Request {
    let id = match id {
        "" => String::new(),
        id => format!("\"client_id\":\"{id}\","),
    };
    let strategy = match strategy {
        "" => String::new(),
        strategy => format!("\"access_token_strategy\":\"{strategy}\","),
    };
    let body = format!(
        "{{{id}{strategy}\"client_secret\":\"{SECRET}\",\"grant_types\":[\"client_credentials\"],\
         \"token_endpoint_auth_method\":\"client_secret_basic\",\"scope\":\"api\"}}"
    );
    http::post("/admin/clients", "application/json", "", &body)
}

/// The floor's request: a form of the size of an introspection.
pub(crate) fn floor_work(floor: &Server) -> Work {
    let body = format!("token={}", "x".repeat(180));
    Work {
        target: floor.public,
        requests: Rc::new(vec![http::form("/floor", "", &body)]),
        turn: Rc::default(),
        status: 200,
        needle: "",
    }
}

/// Size of the executable in bytes.
pub(crate) fn size(binary: &Path) -> Result<u64, String> {
    std::fs::metadata(binary)
        .map(|m| m.len())
        .map_err(|e| format!("{}: {e}", binary.display()))
}
