//! The parts of a run, in order.

mod flat;
mod flat_people;
mod people;
mod start;

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;
use tessera_crypto::OsEntropy;
use tessera_crypto::jose::{Alg, SigningKey, generate};

use crate::database::{Database, PostgresServer};
use crate::load::{self, Drive, Work};
use crate::measure::{self, Beside, Pace};
use crate::peers::{self, Peer};
use crate::server::{self, Server, Setup};
use crate::table::{self, Table, verdict};
use crate::{Arguments, clock, process};

/// The client that the request figures are about.
const CLIENT: &str = "bench-client";
const JWT_CLIENT: &str = "bench-jwt-client";
const CREATE: &str = "client create (one PBKDF2)";
/// The floor's own database: it answers without one, and this keeps it from sharing another.
const MEMORY_DSN: &str = "memory";

struct Bench<'a> {
    arguments: &'a Arguments,
    directory: TempDir,
    postgres: Option<PostgresServer>,
    pace: Pace,
}

/// Runs all parts and prints their tables.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let bench = Bench {
        arguments,
        directory: tempfile::tempdir().map_err(|e| e.to_string())?,
        postgres: arguments
            .postgres
            .clone()
            .map(PostgresServer::new)
            .transpose()?,
        pace: Pace {
            connections: arguments.connections,
            rounds: if arguments.quick { 2 } else { 4 },
            slice: Duration::from_millis(if arguments.quick { 1_000 } else { 2_000 }),
        },
    };
    let wants = |part: &str| arguments.only.iter().any(|only| only == part);
    let floor = server::start(&bench.setup(&arguments.floor_binary, MEMORY_DSN))?;
    let mut summary = Summary::default();
    if wants("requests") {
        bench.requests(&floor, &mut summary)?;
    }
    if wants("sign-in") {
        bench.sign_in(&floor)?;
    }
    if wants("peers") {
        bench.peers(&floor, &summary)?;
    }
    if wants("start") {
        bench.start()?;
    }
    if wants("flat") {
        bench.flat()?;
        bench.flat_people()?;
    }
    Ok(())
}

/// Costs that later parts compare with.
#[derive(Default)]
struct Summary {
    token: Option<f64>,
    introspection: Option<f64>,
}

impl Bench<'_> {
    fn setup(&self, binary: &Path, dsn: &str) -> Setup {
        Setup {
            binary: binary.to_owned(),
            dsn: dsn.to_owned(),
            log_level: self.arguments.log_level.clone(),
            has_cheap_hash: false,
        }
    }

    fn databases(&self, name: &str) -> Result<Vec<Database>, String> {
        let file = self.directory.path().join(format!("{name}.sqlite"));
        let mut databases = vec![Database::Sqlite(file)];
        if let Some(postgres) = &self.postgres {
            databases.push(postgres.create(&format!("tessera_bench_{name}"))?);
        }
        Ok(databases)
    }

    fn requests(&self, floor: &Server, summary: &mut Summary) -> Result<(), String> {
        let floor_work = server::floor_work(floor);
        let signature = signature_micros()?;
        let mut table = Table::new(&[
            "operation",
            "req/s",
            "server us",
            "floor us",
            "ratio",
            "target",
            "",
            "database us",
            "transactions",
            "p50 ms",
            "p99 ms",
            "RssAnon MiB",
        ]);
        for database in self.databases("requests")? {
            let server = server::start(&self.setup(&self.arguments.binary, &database.dsn()))?;
            let pid = server.process.pid();
            for (name, work, target) in operations(&server, &database)? {
                let row = format!("{}: {name}", database.engine());
                if !row.contains(&self.arguments.filter) {
                    continue;
                }
                table::progress(&row);
                let floor = Some((floor, &floor_work));
                let mut pace = self.pace;
                if name == CREATE {
                    // A slow hash each: more connections would only wait in its queue.
                    pace.connections = pace.connections.min(4);
                }
                let beside = measure::beside(floor, (pid, &work), Some(&database), pace)?;
                let is_sqlite = matches!(database, Database::Sqlite(_));
                match name {
                    "client_credentials" if is_sqlite => {
                        summary.token = Some(beside.cost.micros_per_request());
                    }
                    "introspection, active" if is_sqlite => {
                        summary.introspection = Some(beside.cost.micros_per_request());
                    }
                    _ => {}
                }
                let limit = match target {
                    Target::Ratio(limit) => Some(limit),
                    Target::Signature => Some(1.6 + signature / beside.floor.micros_per_request()),
                    Target::None => None,
                };
                table.row(request_row(&database, name, &beside, limit));
            }
            let peak = process::memory_kib(pid, "VmHWM");
            table::progress(&format!("{}: VmHWM {} MiB", database.engine(), peak / 1024));
            drop(server);
            self.discard(&database)?;
        }
        table.print("Requests");
        table::line(&format!(
            "\n{} connections, log level {}; one RS256 signature (2048 bits): {signature:.0} us; its target is \
             1.6 times the floor and one signature. Under load RssAnon is to stay below 48 MiB.",
            self.pace.connections, self.arguments.log_level
        ));
        Ok(())
    }

    /// What the same work costs at two servers, which take turns: a row that shows how much dearer the second is.
    fn compared(
        &self,
        name: String,
        (few, small): (&Server, &dyn Drive),
        (lot, large): (&Server, &dyn Drive),
        limit: Option<f64>,
    ) -> Result<Vec<String>, String> {
        table::progress(&name);
        let (a, b) = measure::against(
            (few.process.pid(), small),
            (lot.process.pid(), large),
            self.pace,
        )?;
        let ratio = b.micros_per_request() / a.micros_per_request();
        Ok(vec![
            name,
            format!("{:.1}", a.micros_per_request()),
            format!("{:.1}", b.micros_per_request()),
            format!("{ratio:.2}"),
            limit.map_or(String::new(), |limit| format!("{limit}")),
            limit.map_or(String::new(), |limit| verdict(ratio, limit).to_owned()),
        ])
    }

    fn discard(&self, database: &Database) -> Result<(), String> {
        match (database, &self.postgres) {
            (Database::Postgres(_, name), Some(postgres)) => postgres.drop(name),
            _ => Ok(()),
        }
    }

    fn peers(&self, floor: &Server, summary: &Summary) -> Result<(), String> {
        let arguments = self.arguments;
        let mut peers = Vec::new();
        if let Some(folder) = &arguments.oidc_provider {
            peers.push(peers::oidc_provider(folder)?);
        }
        if let (Some(public), Some(admin), Some(pid)) = (
            &arguments.peer_public,
            &arguments.peer_admin,
            arguments.peer_pid,
        ) {
            peers.push(peers::hydra_like(public, admin, pid)?);
        }
        let mut table = Table::new(&[
            "peer",
            "operation",
            "req/s",
            "server us",
            "times the floor",
            "times Tessera (SQLite)",
            "p50 ms",
            "p99 ms",
            "VmHWM MiB",
        ]);
        let floor_work = server::floor_work(floor);
        for peer in &peers {
            let names = ["client_credentials", "introspection, active"];
            for (name, ours) in names
                .into_iter()
                .zip([summary.token, summary.introspection])
            {
                table::progress(&format!("{}: {name}", peer.name));
                let work = peer_work(peer, name)?;
                let beside = measure::beside(
                    Some((floor, &floor_work)),
                    (peer.pid, &work),
                    None,
                    self.pace,
                )?;
                let cost = &beside.cost;
                table.row(vec![
                    peer.name.clone(),
                    name.to_owned(),
                    format!("{:.0}", cost.per_second()),
                    format!("{:.0}", cost.micros_per_request()),
                    format!("{:.1}", beside.ratio()),
                    ours.map_or("-".to_owned(), |ours| {
                        format!("{:.1}", cost.micros_per_request() / ours)
                    }),
                    format!("{:.2}", cost.percentile(0.5)),
                    format!("{:.2}", cost.percentile(0.99)),
                    format!("{}", process::memory_kib(peer.pid, "VmHWM") / 1024),
                ]);
            }
        }
        if !peers.is_empty() {
            table.print("Peers");
        }
        Ok(())
    }
}

enum Target {
    Ratio(f64),
    Signature,
    None,
}

fn operations(
    server: &Server,
    database: &Database,
) -> Result<Vec<(&'static str, Work, Target)>, String> {
    let target = server.target();
    target.create_client(CLIENT, "opaque")?;
    target.create_client(JWT_CLIENT, "jwt")?;
    let one = |id: &str| std::iter::repeat_n(id.to_owned(), 1);
    // The first JWT waits for an RSA key to be made.
    process::wait_until("a signing key", Duration::from_secs(60), || {
        let first = load::once(target.public, &target.token_request(JWT_CLIENT));
        matches!(first, Ok((200, _)))
    })?;
    let tokens = target.issue(std::iter::repeat_n(CLIENT.to_owned(), 100))?;
    let jwts = target.issue(std::iter::repeat_n(JWT_CLIENT.to_owned(), 100))?;
    let forged: Vec<String> = tokens.iter().map(|token| altered(token)).collect();
    let introspection = match database {
        Database::Sqlite(_) => 2.2,
        Database::Postgres(..) => 2.5,
    };
    let create = Work {
        target: server.admin,
        requests: Rc::new(vec![server::create_client("", "")]),
        turn: Rc::default(),
        status: 201,
        needle: "\"client_id\"",
    };
    Ok(vec![
        (
            "client_credentials",
            target.tokens_work(one(CLIENT)),
            Target::Ratio(1.6),
        ),
        (
            "introspection, active",
            target.introspections(&tokens, "\"active\":true"),
            Target::Ratio(introspection),
        ),
        (
            "introspection, forged",
            target.introspections(&forged, "\"active\":false"),
            Target::None,
        ),
        (
            "client_credentials, JWT RS256",
            target.tokens_work(one(JWT_CLIENT)),
            Target::Signature,
        ),
        (
            "introspection, JWT",
            target.introspections(&jwts, "\"active\":true"),
            Target::None,
        ),
        (CREATE, create, Target::None),
    ])
}

/// The token with one character changed in its middle.
fn altered(token: &str) -> String {
    let middle = token.len() / 2;
    let (front, back) = token.split_at(middle);
    let other = if back.starts_with('A') { 'B' } else { 'A' };
    format!("{front}{other}{}", back.get(1..).unwrap_or_default())
}

fn peer_work(peer: &Peer, name: &str) -> Result<Work, String> {
    let one = || std::iter::once(peer.client_id.clone());
    Ok(match name {
        "client_credentials" => peer.target.tokens_work(one()),
        _ => {
            let tokens = peer
                .target
                .issue(std::iter::repeat_n(peer.client_id.clone(), 100))?;
            peer.target.introspections(&tokens, "\"active\":true")
        }
    })
}

fn request_row(
    database: &Database,
    name: &str,
    beside: &Beside,
    limit: Option<f64>,
) -> Vec<String> {
    let cost = &beside.cost;
    vec![
        format!("{}: {name}", database.engine()),
        format!("{:.0}", cost.per_second()),
        format!("{:.1}", cost.micros_per_request()),
        format!("{:.1}", beside.floor.micros_per_request()),
        format!("{:.2}", beside.ratio()),
        limit.map_or(String::new(), |limit| format!("{limit:.1}")),
        limit.map_or(String::new(), |limit| {
            verdict(beside.ratio(), limit).to_owned()
        }),
        of_database(
            database,
            format!("{:.1}", cost.database_micros_per_request()),
        ),
        beside
            .transactions
            .map_or("-".to_owned(), |t| format!("{t:.2}")),
        format!("{:.2}", cost.percentile(0.5)),
        format!("{:.2}", cost.percentile(0.99)),
        format!("{:.1}", cost.rss_anon_kib as f64 / 1024.0),
    ]
}

/// SQLite has no processes of its own to measure.
fn of_database(database: &Database, value: String) -> String {
    match database {
        Database::Sqlite(_) => "-".to_owned(),
        Database::Postgres(..) => value,
    }
}

/// CPU microseconds of one RS256 signature while all cores sign, as they do in the server under load.
fn signature_micros() -> Result<f64, String> {
    let jwk = generate(Alg::RS256, "bench", &OsEntropy).map_err(|e| format!("{e:?}"))?;
    let key = SigningKey::from_jwk(&jwk).map_err(|e| format!("{e:?}"))?;
    let began = clock::now();
    let sign = || -> Result<u32, String> {
        let mut count = 0;
        while began.elapsed() < Duration::from_secs(2) {
            key.sign(b"header.payload").map_err(|e| format!("{e:?}"))?;
            count += 1;
        }
        Ok(count)
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let before = process::cpu_seconds(std::process::id());
    let counts = std::thread::scope(|scope| {
        let signers: Vec<_> = (0..cores).map(|_| scope.spawn(sign)).collect();
        let join = |signer: std::thread::ScopedJoinHandle<'_, _>| {
            signer.join().map_err(|_| "a signer died".to_owned())?
        };
        signers
            .into_iter()
            .map(join)
            .collect::<Result<Vec<u32>, String>>()
    })?;
    let cpu = process::cpu_seconds(std::process::id()) - before;
    Ok(cpu * 1e6 / f64::from(counts.iter().sum::<u32>().max(1)))
}
