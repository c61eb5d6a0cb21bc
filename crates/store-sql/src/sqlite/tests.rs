//! No statement of the data plane scans a table.

use rusqlite::{Connection, StatementStatus};

use super::{clients, grants, keys, replay, upkeep};
use crate::migrations::STEPS;

#[test]
fn no_statement_of_the_data_plane_scans_a_table() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(STEPS[0].sqlite.up).unwrap();
    for sql in [
        clients::FIND,
        grants::CHECK_LIVE,
        grants::REVOKE,
        keys::OF_SET,
        replay::CLAIM,
        upkeep::CHANGES_SINCE,
        upkeep::DELETE_TOKENS,
        upkeep::DELETE_VALUES,
        upkeep::DELETE_CHANGES,
        upkeep::MARK_CHANGES,
    ] {
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
        let plan: Vec<String> = statement
            .query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let scans = plan
            .iter()
            .any(|line| line.contains("SCAN") && !line.contains("CONSTANT ROW"));
        assert!(!scans, "{sql}\n{}", plan.join("\n"));
    }
}

#[test]
fn a_statement_is_compiled_once() {
    let connection = super::connect::memory().unwrap();
    connection.execute_batch(STEPS[0].sqlite.up).unwrap();
    for number in 0..3_u8 {
        let mut statement = connection.prepare_cached(grants::CHECK_LIVE).unwrap();
        let values = rusqlite::params![[number; 32], i64::from(number), 1, [number; 16]];
        assert!(!statement.exists(values).unwrap());
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
