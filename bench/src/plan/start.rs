//! The part `start`: time to the first answer, memory at rest, size.

use std::time::Duration;

use super::{Bench, CLIENT};
use crate::database::Database;
use crate::server;
use crate::table::{self, Table, verdict};
use crate::{clock, process};

impl Bench<'_> {
    /// Start to first answer with an existing SQLite file, and memory at rest.
    pub(super) fn start(&self) -> Result<(), String> {
        table::progress("start and size");
        let binary = &self.arguments.binary;
        let file = self.directory.path().join("start.sqlite");
        let setup = self.setup(binary, &Database::Sqlite(file).dsn());
        let first = server::start(&setup)?;
        first.target().create_client(CLIENT, "")?;
        drop(first);
        let (mut ready, mut token) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            let began = clock::now();
            let server = server::spawn(&setup)?;
            process::wait_until("ready", Duration::from_secs(10), || server.is_ready())?;
            ready.push(began.elapsed().as_secs_f64() * 1e3);
            server.target().issue([CLIENT.to_owned()].into_iter())?;
            token.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let at_rest = server::start(&setup)?;
        clock::pause(Duration::from_secs(3));
        let memory = |field| process::memory_kib(at_rest.process.pid(), field) as f64 / 1024.0;
        let mib = server::size(binary)? as f64 / 1e6;
        let mut table = Table::new(&["figure", "value", "target", ""]);
        for (name, value, limit) in [
            (
                "exec to first 200 of /health/ready, median, ms",
                median(&mut ready),
                Some(50.0),
            ),
            (
                "exec to first token (one PBKDF2), median, ms",
                median(&mut token),
                None,
            ),
            (
                "memory at rest, RssAnon, MiB",
                memory("RssAnon"),
                Some(20.0),
            ),
            (
                "memory at rest, VmRSS with mapped files, MiB",
                memory("VmRSS"),
                Some(20.0),
            ),
            ("binary, MB", mib, Some(25.0)),
        ] {
            table.row(vec![
                name.to_owned(),
                format!("{value:.1}"),
                limit.map_or(String::new(), |limit| format!("< {limit}")),
                limit.map_or(String::new(), |limit| verdict(value, limit).to_owned()),
            ]);
        }
        table.print("Start and size");
        Ok(())
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
