//! No statement of the data plane scans a table.

use rusqlite::{Connection, StatementStatus};

use super::{
    clients, codes, consents, deletion, grants, keys, refresh, replay, sealing, sessions, sweep,
    upkeep,
};
use crate::migrations::STEPS;

const DATA_PLANE: &[&str] = &[
    clients::FIND,
    keys::OF_SET,
    replay::CLAIM,
    replay::SPENT,
    grants::CHECK_MACHINE,
    grants::CHECK_PERSON,
    grants::REVOKE_TOKEN,
    grants::REVOKE,
    grants::KEEP,
    deletion::DELETE_ONE,
    deletion::SELECT_OF,
    deletion::FORGET,
    sealing::PAGE,
    sealing::RESEAL,
    grants::LIST_NEWEST,
    grants::LIST_OLDEST,
    grants::COUNT,
    consents::CLIENT_BORN,
    consents::HAS_SESSION,
    consents::SESSION,
    consents::INSERT,
    consents::END_OLDER,
    consents::REMEMBER,
    consents::INSERT_CODE,
    codes::LOAD,
    codes::STATE,
    codes::SPEND,
    codes::BURN,
    codes::RENEW,
    refresh::FIND,
    refresh::INSERT,
    refresh::STATE,
    refresh::USE,
    refresh::RENEW,
    sessions::KEEP_PENDING,
    sessions::FIND_PENDING,
    sessions::FIND,
    sessions::IS_USABLE,
    sessions::PUT,
    sessions::REMEMBERED,
    sessions::CLIENTS,
    sessions::END,
    sessions::RETIRE,
    sessions::SOME_OF,
    sessions::ANNOUNCE,
    sessions::QUEUE,
    sessions::IS_QUEUED,
    sessions::TAKE,
    sessions::DELETE_NOTICE,
    sweep::LOOK_AT_GRANTS,
    sweep::LOOK_AT_REFRESH_TOKENS,
    sweep::DELETE_GRANTS,
    upkeep::CHANGES_SINCE,
    upkeep::DELETE_TOKENS,
    upkeep::DELETE_VALUES,
    upkeep::DELETE_CHANGES,
    upkeep::MARK_CHANGES,
];

fn migrate(connection: &Connection) {
    for step in STEPS {
        connection.execute_batch(step.sqlite.up).unwrap();
    }
}

fn plan_of(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    statement
        .query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn no_statement_of_the_data_plane_scans_a_table() {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection);
    let swept = sweep::BEFORE_GRANTS.into_iter().chain(sweep::AFTER_GRANTS);
    for sql in DATA_PLANE.iter().copied().chain(swept) {
        let plan = plan_of(&connection, sql);
        let scans = plan
            .iter()
            .any(|line| line.contains("SCAN") && !line.contains("CONSTANT ROW"));
        assert!(!scans, "{sql}\n{}", plan.join("\n"));
    }
}

#[test]
fn lists_of_grants_are_read_in_their_order() {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection);
    for sql in [
        grants::LIST_NEWEST,
        grants::LIST_OLDEST,
        deletion::SELECT_OF,
    ] {
        let plan = plan_of(&connection, sql).join("\n");
        assert!(plan.contains("grants_by_subject"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn a_statement_is_compiled_once() {
    let connection = super::connect::memory().unwrap();
    migrate(&connection);
    for number in 0..3_u8 {
        let mut statement = connection.prepare_cached(grants::CHECK_MACHINE).unwrap();
        let values = rusqlite::params![[number; 32], i64::from(number), 1, [number; 16]];
        assert!(!statement.exists(values).unwrap());
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        let mut statement = connection.prepare_cached(grants::CHECK_PERSON).unwrap();
        let values = rusqlite::params![[number; 16], i64::from(number), 1, [number; 16]];
        assert!(!statement.exists(values).unwrap());
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}

/// A client's row is wide; an introspection must not depend on how many there are.
#[test]
fn liveness_is_read_from_an_index_alone() {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection);
    for sql in [grants::CHECK_MACHINE, grants::CHECK_PERSON] {
        let plan = plan_of(&connection, sql);
        assert!(
            plan.iter()
                .any(|step| step.contains("COVERING INDEX clients_live")),
            "{plan:?}"
        );
    }
}
