//! The part `sign-in`: what people's requests cost.

use std::rc::Rc;

use super::{Bench, CLIENT as MACHINE, request_row, signature_micros};
use crate::database::Database;
use crate::http;
use crate::load::{Drive, Work};
use crate::measure::{self, Beside};
use crate::server::{self, Server};
use crate::sign_in::{self, Person, Refreshes, Revocations, SignIns};
use crate::table::{self, Table};

/// What a sign-in may cost beside its signature.
const FLOORS_ON_SQLITE: f64 = 14.0;
const INSERTS_ON_SQLITE: f64 = 5.0;
const FLOORS_ON_POSTGRES: f64 = 20.0;

impl Bench<'_> {
    pub(super) fn sign_in(&self, floor: &Server) -> Result<(), String> {
        let floor_work = server::floor_work(floor);
        let signature = signature_micros()?;
        let mut inserts = Vec::new();
        let mut table = Table::new(&[
            "operation",
            "per s",
            "server us",
            "floor us",
            "ratio",
            "target",
            "",
            "round trips",
            "database us",
            "transactions",
            "p50 ms",
            "p99 ms",
            "RssAnon MiB",
        ]);
        for database in self.databases("sign_in")? {
            let server = server::start(&self.setup(&self.arguments.binary, &database.dsn()))?;
            let loads = Loads::new(&server, self)?;
            let mut measured =
                |name: &str, load: &dyn Drive, limit: &dyn Fn(f64) -> Option<f64>| {
                    table::progress(&format!("{}: {name}", database.engine()));
                    let floor = Some((floor, &floor_work));
                    let of_server = (server.process.pid(), load);
                    let beside = measure::beside(floor, of_server, Some(&database), self.pace)?;
                    let limit = limit(beside.floor.micros_per_request());
                    table.row(row(&database, name, &beside, limit));
                    Ok::<_, String>(beside)
                };
            let revocation = measured("revocation, fresh token", &loads.revocations, &|_| None)?;
            let insert =
                revocation.cost.micros_per_request() - revocation.floor.micros_per_request();
            inserts.push(format!("{insert:.0} us on {}", database.engine()));
            measured("whole sign-in", &loads.sign_ins, &|floor| {
                Some(allowed(&database, signature, insert, floor) / floor)
            })?;
            measured("refresh", &loads.refreshes, &|_| None)?;
            measured("userinfo", &loads.userinfo, &|_| None)?;
            drop(server);
            self.discard(&database)?;
        }
        table.print("Sign-in");
        table::line(&format!(
            "\n{} in flight, log level {}. A whole sign-in is that of a new person: the three visits of the browser, get and \
             accept of login and consent, the code redeemed for an access, a refresh and an RS256 ID token. Its target on \
             SQLite: one signature, {FLOORS_ON_SQLITE} floors and {INSERTS_ON_SQLITE} grouped inserts; on PostgreSQL: one \
             signature and {FLOORS_ON_POSTGRES} floors. One RS256 signature (2048 bits): {signature:.0} us. One grouped \
             insert is the revocation of a fresh machine token less one floor, both from this table: {}.",
            self.pace.connections,
            self.arguments.log_level,
            inserts.join(", ")
        ));
        Ok(())
    }
}

/// Server CPU that a whole sign-in may take, in microseconds.
fn allowed(database: &Database, signature: f64, insert: f64, floor: f64) -> f64 {
    match database {
        Database::Sqlite(_) => signature + FLOORS_ON_SQLITE * floor + INSERTS_ON_SQLITE * insert,
        Database::Postgres(..) => signature + FLOORS_ON_POSTGRES * floor,
    }
}

struct Loads {
    revocations: Revocations,
    sign_ins: SignIns,
    refreshes: Refreshes,
    userinfo: Work,
}

impl Loads {
    fn new(server: &Server, bench: &Bench<'_>) -> Result<Self, String> {
        sign_in::create_client(server)?;
        let target = server.target();
        target.create_client(MACHINE, "opaque")?;
        let batch = if bench.arguments.quick { 2_000 } else { 10_000 };
        let fresh = |_| target.issue(std::iter::repeat_n(MACHINE.to_owned(), batch));
        let batches: Vec<_> = (0..bench.pace.rounds)
            .map(fresh)
            .collect::<Result<_, _>>()?;
        let sign_ins = SignIns::new(server, Person::New);
        // The first has the signing key made, and its client's secret pass the slow hash.
        sign_ins.tokens(1)?;
        let refreshed = sign_ins.tokens(bench.pace.connections)?;
        let shown = sign_ins.tokens(bench.pace.connections)?;
        let userinfo = |token: &String| {
            http::get_with("/userinfo", &format!("Authorization: Bearer {token}\r\n"))
        };
        Ok(Self {
            revocations: Revocations::new(server, MACHINE, batches),
            sign_ins,
            refreshes: Refreshes::new(server, refreshed),
            userinfo: Work {
                target: server.public,
                requests: Rc::new(shown.iter().map(|t| userinfo(&t.access)).collect()),
                turn: Rc::default(),
                status: 200,
                needle: "\"sub\"",
            },
        })
    }
}

/// Where the round trips stand in the row of a sign-in.
const ROUND_TRIPS_AT: usize = 7;

fn row(database: &Database, name: &str, beside: &Beside, limit: Option<f64>) -> Vec<String> {
    let mut row = request_row(database, name, beside, limit);
    let round_trips = beside.cost.round_trips_per_request();
    row.insert(ROUND_TRIPS_AT, format!("{round_trips:.0}"));
    row
}
