//! A server under test: a process, its folder, its database.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary;
use crate::clock;
use crate::database::{Database, Engine};
use crate::http::Request;
use crate::sink::Sink;
use crate::vars::Vars;

/// Time to come up, migration of SQLite included.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Time to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// How to start one.
#[derive(Clone, Debug)]
pub struct Setup {
    pub engine: Engine,
    /// The configuration file, with placeholders; `dsn`, `log.level` and the listeners are added. `None`: no file, all by environment.
    pub config: Option<Value>,
    /// What follows `serve all`.
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// What is added to a PostgreSQL DSN, such as `&max_conns=20`.
    pub dsn_options: String,
    /// What migrates the database first, if it is not SQLite; empty: `migrate sql up --yes DSN`.
    pub migrate: Vec<String>,
}

impl Setup {
    /// The `server` part of a recording.
    pub fn of_recording(server: &Value, engine: Engine) -> Self {
        let list = |name: &str| server[name].as_array().cloned().unwrap_or_default();
        let env = server["env"].as_object().into_iter().flatten();
        Self {
            engine,
            config: Some(server.get("config").cloned().unwrap_or_else(|| json!({}))),
            args: list("args")
                .iter()
                .filter_map(|arg| Some(arg.as_str()?.to_owned()))
                .collect(),
            env: env
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            dsn_options: String::new(),
            migrate: Vec::new(),
        }
    }
}

/// A running server; dropped, it is killed and its data deleted.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    dir: TempDir,
    // Declared after `dir`, dropped before it by `Drop`.
    database: Option<Database>,
    /// What is used instead of the database's own DSN: the way through a proxy, or another server's database.
    dsn: Option<String>,
    /// A program and its arguments that the binary is started through, such as `strace`.
    wrapper: Vec<String>,
    child: Option<Child>,
    public_port: u16,
    admin_port: u16,
    pub sink: Sink,
}

impl Server {
    /// Starts it on an empty database and waits until it can serve. Panics with what it printed if it does not come up.
    pub fn start(setup: Setup) -> Self {
        let mut server = Self::prepare(setup);
        server.migrate();
        server.run();
        server
    }

    /// A server that has not been started, on an empty database that has not been migrated.
    pub fn prepare(setup: Setup) -> Self {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let database = Database::fresh(setup.engine, dir.path());
        Self::in_folder(setup, dir, Some(database), None)
    }

    /// A server that has not been started, on a database that someone else keeps.
    pub fn prepare_on(setup: Setup, dsn: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder can be made");
        Self::in_folder(setup, dir, None, Some(dsn.to_owned()))
    }

    fn in_folder(
        setup: Setup,
        dir: TempDir,
        database: Option<Database>,
        dsn: Option<String>,
    ) -> Self {
        Self {
            setup,
            database,
            dsn,
            wrapper: Vec::new(),
            child: None,
            public_port: free_port(),
            admin_port: free_port(),
            sink: Sink::start(),
            dir,
        }
    }

    /// Reaches the database by another DSN from the next start on.
    pub fn go_through(&mut self, dsn: &str) {
        self.dsn = Some(dsn.to_owned());
    }

    /// Starts the binary through another program from the next start on.
    pub fn wrap(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Another configuration file from the next start on.
    pub fn configure(&mut self, config: Value) {
        self.setup.config = Some(config);
    }

    /// `http://127.0.0.1:PORT` of the public port.
    pub fn public(&self) -> String {
        format!("http://127.0.0.1:{}", self.public_port)
    }

    /// `http://127.0.0.1:PORT` of the admin port.
    pub fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port)
    }

    pub fn ports(&self) -> (u16, u16) {
        (self.public_port, self.admin_port)
    }

    /// The folder of this server, for files of the test.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The built-in variables of a scenario.
    pub fn vars(&self) -> Vars {
        let mut vars = Vars::default();
        vars.set("public", self.public());
        vars.set("admin", self.admin());
        vars.set("sink", self.sink.url());
        vars
    }

    /// Where its data is.
    pub fn dsn(&self) -> String {
        if let Some(dsn) = &self.dsn {
            return dsn.clone();
        }
        let database = self
            .database
            .as_ref()
            .expect("a database of its own or a DSN");
        let options = if database.needs_migration() {
            self.setup.dsn_options.as_str()
        } else {
            ""
        };
        format!("{}{options}", database.dsn())
    }

    /// The database that it keeps.
    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("a database of its own")
    }

    /// Applies the migrations, if its engine needs that.
    pub fn migrate(&self) {
        let database = self
            .database
            .as_ref()
            .expect("the database lives as long as the server");
        if self.setup.migrate.is_empty() {
            return database.migrate(self.dir.path());
        }
        let env = [("DSN".to_owned(), self.dsn())];
        let hydra = self.dir.path().join("migrator");
        fs::create_dir(&hydra).expect("a folder can be made");
        let program = binary::hydra_in(&hydra);
        let output = binary::run(&program, &self.setup.migrate, &env, "", &hydra);
        assert_eq!(
            output.exit_code,
            Some(0),
            "{:?} failed: {output:?}",
            self.setup.migrate
        );
    }

    /// Starts the process on the same data and ports, and waits until it can serve.
    pub fn run(&mut self) {
        self.spawn();
        self.wait_until_ready();
    }

    /// Starts the process on the same data and ports.
    pub fn spawn(&mut self) {
        let mut words = self.wrapper.clone();
        words.push(binary::path().display().to_string());
        let mut command = Command::new(words.remove(0));
        command.env_clear();
        command.args(words);
        command.args(["serve", "all"]);
        if let Some(config) = &self.setup.config {
            command.arg("-c").arg(self.write_config(config));
        } else {
            command
                .env("DSN", self.dsn())
                .env("SERVE_PUBLIC_PORT", self.public_port.to_string())
                .env("SERVE_ADMIN_PORT", self.admin_port.to_string());
        }
        let child = command
            .args(&self.setup.args)
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .envs(self.setup.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(self.log_file("stdout"))
            .stderr(self.log_file("stderr"))
            .spawn()
            .expect("the binary starts");
        self.child = Some(child);
    }

    fn write_config(&self, config: &Value) -> PathBuf {
        let mut config = self
            .vars()
            .fill_value(config)
            .expect("only built-in placeholders");
        merge(
            &mut config,
            &json!({
                "dsn": self.dsn(),
                "log": {"level": "error"},
                "serve": {
                    "public": {"host": "127.0.0.1", "port": self.public_port},
                    "admin": {"host": "127.0.0.1", "port": self.admin_port},
                },
            }),
        );
        let path = self.dir.path().join("config.json");
        fs::write(&path, config.to_string()).expect("the folder is writable");
        path
    }

    fn log_file(&self, name: &str) -> fs::File {
        let path = self.dir.path().join(name);
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the folder is writable")
    }

    /// All that the process has printed so far.
    pub fn log(&self) -> String {
        let text = |name: &str| binary::text_of(&self.dir.path().join(name));
        format!("{}{}", text("stdout"), text("stderr"))
    }

    /// Waits until both ports answer.
    pub fn wait_until_alive(&mut self) {
        self.wait_for_health("alive");
    }

    /// Waits until both ports say that they can serve.
    pub fn wait_until_ready(&mut self) {
        self.wait_for_health("ready");
    }

    fn wait_for_health(&mut self, what: &str) {
        let urls = [self.public(), self.admin()].map(|base| format!("{base}/health/{what}"));
        let child = self.child.as_mut().expect("the process was just started");
        let alive = clock::poll(START_LIMIT, || {
            if let Some(status) = child.try_wait().expect("the child can be waited on") {
                return Some(Err(status));
            }
            let is_up = |url: &String| {
                Request::for_url("GET", url).is_ok_and(|request| request.send().status == 200)
            };
            urls.iter().all(is_up).then_some(Ok(()))
        });
        match alive {
            Some(Ok(())) => {}
            Some(Err(status)) => panic!("the server ended by itself: {status}\n{}", self.log()),
            None => panic!(
                "the server is not {what} after {START_LIMIT:?}\n{}",
                self.log()
            ),
        }
    }

    /// SIGTERM; waits for the end. `None` if it had to be killed, else its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.terminate();
        self.wait_for_end()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let child = self.child.as_ref().expect("the server runs");
        let signalled = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(
            signalled.expect("kill runs").success(),
            "the server cannot be signalled"
        );
    }

    /// Waits for the end. `None` if it had to be killed, else its exit code.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("the server runs");
        let status = clock::poll(STOP_LIMIT, || {
            child.try_wait().expect("the child can be waited on")
        });
        if status.is_none() {
            child.kill().expect("the child can be killed");
            child.wait().expect("the child ends");
        }
        status.and_then(|status| status.code())
    }

    /// SIGKILL, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what the server printed ---\n{}", self.log());
        }
        self.kill();
        drop(self.database.take());
    }
}

/// Puts the members of `more` into `base`, deeply.
fn merge(base: &mut Value, more: &Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (name, value) in more {
                merge(base.entry(name.clone()).or_insert(json!({})), value);
            }
        }
        (base, more) => *base = more.clone(),
    }
}

/// A port that was free a moment ago, below those that the system gives to outgoing connections.
pub fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        let next = NEXT
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(std::process::id().wrapping_mul(97));
        let port = u16::try_from(FIRST + next % COUNT).expect("below 32,768");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
