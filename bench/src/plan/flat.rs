//! The part `flat`: whether cost stays what it is as clients and revocations grow.

use super::Bench;
use crate::database::{self, Database};
use crate::load::Work;
use crate::server::{self, Server};
use crate::table::{self, Table};

impl Bench<'_> {
    /// Whether cost stays flat as data grows.
    pub(super) fn flat(&self) -> Result<(), String> {
        let (many, active) = if self.arguments.quick {
            (20_000, 1_000)
        } else {
            (1_000_000, 1_000)
        };
        let spread = many / 20;
        let mut table = Table::new(&[
            "operation",
            "us, 100 clients",
            "us, large",
            "ratio",
            "target",
            "",
        ]);
        let small = self.databases("small")?;
        let large = self.databases("large")?;
        for (small, large) in small.iter().zip(&large) {
            let engine = small.engine();
            table::progress(&format!("{engine}: loading {many} clients and revocations"));
            let few = self.filled(small, 100, 0)?;
            let lot = self.filled(large, many, many)?;
            let of_few = Driven::new(&few, &(0..100).collect::<Vec<_>>())?;
            let step = usize::try_from(many / active).unwrap_or(1);
            let of_lot = Driven::new(&lot, &(0..many).step_by(step).collect::<Vec<_>>())?;
            table::progress(&format!("{engine}: tokens of {spread} clients"));
            let of_all = Driven::new(&lot, &(0..many).step_by(20).collect::<Vec<_>>())?;
            let rows = [
                (
                    "token, by 1,000 of them",
                    &of_few.tokens,
                    &of_lot.tokens,
                    Some(1.2),
                ),
                (
                    "introspection, of 1,000 of them",
                    &of_few.introspections,
                    &of_lot.introspections,
                    Some(1.2),
                ),
                (
                    "token, spread over all",
                    &of_few.tokens,
                    &of_all.tokens,
                    None,
                ),
                (
                    "introspection, spread over all",
                    &of_few.introspections,
                    &of_all.introspections,
                    None,
                ),
            ];
            for (name, small_work, large_work, limit) in rows {
                let name = format!("{engine}: {name}");
                table.row(self.compared(name, (&few, small_work), (&lot, large_work), limit)?);
            }
            drop((few, lot));
            self.discard(small)?;
            self.discard(large)?;
        }
        table.print(&format!("Flat cost: {many} clients and {many} revocations"));
        table::line(&format!(
            "\nSpread over all: {spread} clients, evenly chosen. They are more than the server remembers, so a token costs \
             a client read and a secret hash each (here the cheapest, bcrypt of cost 4)."
        ));
        Ok(())
    }

    /// A server over a database with copies of one client.
    fn filled(
        &self,
        database: &Database,
        clients: u32,
        revocations: u32,
    ) -> Result<Server, String> {
        let mut setup = self.setup(&self.arguments.binary, &database.dsn());
        setup.has_cheap_hash = true;
        let first = server::start(&setup)?;
        first.target().create_client(database::TEMPLATE, "")?;
        drop(first);
        database.fill(clients, revocations)?;
        server::start(&setup)
    }
}

/// Load by some of the copied clients.
struct Driven {
    tokens: Work,
    introspections: Work,
}

impl Driven {
    fn new(server: &Server, numbers: &[u32]) -> Result<Self, String> {
        let target = server.target();
        let ids = || numbers.iter().map(|number| database::copy_id(*number));
        let tokens = target.issue(ids())?;
        Ok(Self {
            tokens: target.tokens_work(ids()),
            introspections: target.introspections(&tokens, "\"active\":true"),
        })
    }
}
