//! One figure: rounds of floor and operation in turn, CPU from `/proc`.

use std::time::Duration;

use crate::database::Database;
use crate::load::{Drive, Work};
use crate::process;
use crate::server::Server;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub connections: usize,
    pub rounds: u32,
    /// Of the operation in each round; the floor gets half of it.
    pub slice: Duration,
}

/// What many requests cost.
#[derive(Debug, Default, Clone)]
pub(crate) struct Cost {
    /// Operations, each a request, or several such as a whole sign-in.
    pub requests: f64,
    pub round_trips: f64,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub database_cpu_seconds: f64,
    pub latencies: Vec<u32>,
    /// Highest `RssAnon` seen, KiB.
    pub rss_anon_kib: u64,
}

impl Cost {
    pub(crate) fn micros_per_request(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.requests.max(1.0)
    }

    pub(crate) fn database_micros_per_request(&self) -> f64 {
        self.database_cpu_seconds * 1e6 / self.requests.max(1.0)
    }

    pub(crate) fn round_trips_per_request(&self) -> f64 {
        self.round_trips / self.requests.max(1.0)
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.requests / self.seconds.max(f64::EPSILON)
    }

    /// In milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a list that is in memory"
        )]
        let at = ((sorted.len() as f64 - 1.0).max(0.0) * share).round() as usize;
        sorted
            .get(at)
            .map_or(0.0, |micros| f64::from(*micros) / 1e3)
    }

    fn add(
        &mut self,
        pid: u32,
        database: Option<&Database>,
        work: &dyn Drive,
        pace: Pace,
        slice: Duration,
    ) -> Result<(), String> {
        let database_cpu = || database.map_or(0.0, Database::cpu_seconds);
        let before = (process::cpu_seconds(pid), database_cpu());
        let outcome = work.drive(pace.connections, slice)?;
        self.cpu_seconds += process::cpu_seconds(pid) - before.0;
        self.database_cpu_seconds += database_cpu() - before.1;
        self.rss_anon_kib = self.rss_anon_kib.max(process::memory_kib(pid, "RssAnon"));
        self.requests += f64::from(u32::try_from(outcome.latencies.len()).unwrap_or(u32::MAX));
        self.round_trips += f64::from(outcome.round_trips);
        self.seconds += outcome.seconds;
        self.latencies.extend(outcome.latencies);
        Ok(())
    }
}

/// An operation beside its floor, measured in turns.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub cost: Cost,
    pub floor: Cost,
    /// Transactions of the database per request.
    pub transactions: Option<f64>,
}

impl Beside {
    pub(crate) fn ratio(&self) -> f64 {
        self.cost.micros_per_request() / self.floor.micros_per_request().max(f64::EPSILON)
    }
}

/// Measures one operation of the process `pid` against the floor, or without one.
pub(crate) fn beside(
    floor: Option<(&Server, &Work)>,
    (pid, work): (u32, &dyn Drive),
    database: Option<&Database>,
    pace: Pace,
) -> Result<Beside, String> {
    let mut beside = Beside::default();
    let counted = || database.map_or(Ok(None), Database::transactions);
    let before = counted()?;
    for _ in 0..pace.rounds {
        if let Some((floor, floor_work)) = floor {
            let pid = floor.process.pid();
            beside
                .floor
                .add(pid, None, floor_work, pace, pace.slice / 2)?;
        }
        beside.cost.add(pid, database, work, pace, pace.slice)?;
    }
    if let (Some(before), Some(after)) = (before, counted()?) {
        beside.transactions = Some((after - before) / beside.cost.requests.max(1.0));
    }
    Ok(beside)
}

/// Two operations in turns, the second over the first: the ratio of their costs.
pub(crate) fn against(
    first: (u32, &dyn Drive),
    second: (u32, &dyn Drive),
    pace: Pace,
) -> Result<(Cost, Cost), String> {
    let (mut costs, mut others) = (Cost::default(), Cost::default());
    for _ in 0..pace.rounds {
        costs.add(first.0, None, first.1, pace, pace.slice)?;
        others.add(second.0, None, second.1, pace, pace.slice)?;
    }
    Ok((costs, others))
}
