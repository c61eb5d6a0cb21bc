//! The part `flat`, for people: whether cost stays what it is as grants and refresh tokens grow.

use super::Bench;
use crate::database::Database;
use crate::load::Drive;
use crate::server::{self, Server};
use crate::sign_in::{self, Person, Refreshes, SignIns};
use crate::table::{self, Table};

/// The person with a tenth of all grants.
const SUBJECT: &str = "bench-person";
/// How much dearer a request may become.
const LIMIT: f64 = 1.2;

impl Bench<'_> {
    pub(super) fn flat_people(&self) -> Result<(), String> {
        let many = if self.arguments.quick {
            20_000
        } else {
            1_000_000
        };
        let of_subject = many / 10;
        let mut table = Table::new(&["operation", "us, small", "us, large", "ratio", "target", ""]);
        let small = self.databases("few_people")?;
        let large = self.databases("many_people")?;
        for (small, large) in small.iter().zip(&large) {
            let engine = small.engine();
            table::progress(&format!("{engine}: loading {many} grants"));
            let few = self.with_grants(small, 0)?;
            let lot = self.with_grants(large, many)?;
            let (of_few, of_lot) = (self.person(&few)?, self.person(&lot)?);
            let rows: [(&str, &dyn Drive, &dyn Drive); 2] = [
                ("whole sign-in", &of_few.0, &of_lot.0),
                ("refresh", &of_few.1, &of_lot.1),
            ];
            for (name, of_few, of_lot) in rows {
                let name = format!("{engine}: {name}");
                table.row(self.compared(name, (&few, of_few), (&lot, of_lot), Some(LIMIT))?);
            }
            drop((few, lot));
            self.discard(small)?;
            self.discard(large)?;
        }
        table.print(&format!(
            "Flat cost: {many} grants and {many} refresh tokens, of a person with {of_subject} of them"
        ));
        Ok(())
    }

    /// A server over a database with copies of one grant.
    fn with_grants(&self, database: &Database, count: u32) -> Result<Server, String> {
        let setup = self.setup(&self.arguments.binary, &database.dsn());
        let first = server::start(&setup)?;
        sign_in::create_client(&first)?;
        SignIns::new(&first, Person::Same(SUBJECT)).tokens(1)?;
        drop(first);
        if count > 0 {
            database.fill_grants(count, count / 10)?;
        }
        server::start(&setup)
    }

    /// What the person does; the secret of the client is known to the server afterwards.
    fn person(&self, server: &Server) -> Result<(SignIns, Refreshes), String> {
        let sign_ins = SignIns::new(server, Person::Same(SUBJECT));
        sign_ins.tokens(1)?;
        let refreshed = sign_ins.tokens(self.pace.connections)?;
        Ok((sign_ins, Refreshes::new(server, refreshed)))
    }
}
