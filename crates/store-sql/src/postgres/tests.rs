//! No statement of the data plane scans a table.

use tokio_postgres::NoTls;

use super::{
    clients, codes, consents, deletion, grants, keys, refresh, replay, sealing, sessions, sweep,
    upkeep,
};
use crate::migrations::STEPS;

/// The statements, with the types of their parameters.
const DATA_PLANE: &[(&str, &str)] = &[
    (clients::FIND, "BYTEA"),
    (grants::CHECK_MACHINE, "BYTEA, INT8, INT8, BYTEA"),
    (grants::CHECK_PERSON, "BYTEA, INT8, INT8, BYTEA"),
    (grants::REVOKE_TOKEN, "BYTEA, INT8"),
    (grants::REVOKE, "BYTEA"),
    (
        grants::KEEP,
        "BYTEA, BYTEA, BYTEA, BYTEA, INT8, INT8, INT8, INT8, INT2, INT8, TEXT, TEXT, TEXT, BYTEA, \
         BYTEA",
    ),
    (deletion::DELETE_ONE, "BYTEA"),
    (deletion::DELETE_OF, "BYTEA, BYTEA, INT8, BYTEA, INT8"),
    (sealing::PAGE, "BYTEA, INT8"),
    (sealing::RESEAL, "BYTEA, BYTEA, BYTEA, BYTEA, BYTEA"),
    (
        grants::LIST_NEWEST,
        "BYTEA, BYTEA, INT8, INT8, BYTEA, INT8, INT8",
    ),
    (
        grants::LIST_OLDEST,
        "BYTEA, BYTEA, INT8, INT8, BYTEA, INT8, INT8",
    ),
    (grants::COUNT, "BYTEA, BYTEA, INT8"),
    (
        consents::FINISH,
        "INT2, BYTEA, INT8, INT8, INT8, BYTEA, BYTEA, BYTEA, INT8, INT8, INT8, INT2, INT8, TEXT, \
         TEXT, TEXT, BYTEA, BYTEA, BYTEA, INT8, BYTEA, BYTEA, TEXT, INT8",
    ),
    (codes::LOAD, "BYTEA"),
    (
        codes::REDEEM,
        "BYTEA, BYTEA, INT8, INT8, BYTEA, BYTEA, INT8, INT8, INT8, INT8, BYTEA, INT8, INT8",
    ),
    (codes::BURN, "BYTEA, INT8"),
    (refresh::FIND, "BYTEA"),
    (
        refresh::ROTATE,
        "BYTEA, BYTEA, INT8, INT8, INT8, INT8, INT8, BYTEA, BYTEA, INT8, INT8, INT8, INT8, BYTEA, \
         INT8",
    ),
    (sessions::KEEP_PENDING, "BYTEA, BYTEA, BYTEA, BYTEA, INT8"),
    (sessions::FIND_PENDING, "BYTEA"),
    (sessions::FIND, "BYTEA"),
    (
        sessions::FINISH,
        "INT2, BYTEA, INT8, INT8, INT8, BYTEA, BYTEA, BYTEA, BYTEA, TEXT, INT8, INT2, INT8, TEXT, \
         BYTEA, BYTEA",
    ),
    (sessions::CLIENTS, "BYTEA, INT8"),
    (
        sessions::END,
        "BYTEA, BYTEA[], TEXT[], BYTEA[], INT8[], INT8[], INT8[]",
    ),
    (sessions::END_OF, "BYTEA, INT8"),
    (sessions::IS_QUEUED, "BYTEA[]"),
    (sessions::TAKE, "INT8, INT8, INT8"),
    (sessions::DELETE_NOTICE, "BYTEA"),
    (sweep::LOOK_AT_GRANTS, "INT8, INT8, INT8"),
    (sweep::LOOK_AT_REFRESH_TOKENS, "INT8, INT8, INT8"),
    (sweep::DELETE_CODES, "INT8, INT8"),
    (sweep::DELETE_REFRESH_TOKENS, "INT8, INT8"),
    (sweep::DELETE_GRANTS, "INT8, INT8"),
    (sweep::DELETE_SESSIONS, "INT8, INT8"),
    (sweep::DELETE_PENDING, "INT8, INT8"),
    (sweep::DELETE_NOTICES, "INT8, INT8"),
    (keys::OF_SET, "BYTEA"),
    (replay::CLAIM, "INT2, BYTEA, INT8, INT8, INT8"),
    (upkeep::CHANGES_SINCE, "INT8, INT8"),
    (upkeep::DELETE_TOKENS, "INT8, INT8"),
    (upkeep::DELETE_VALUES, "INT8, INT8"),
];

#[tokio::test]
async fn no_statement_of_the_data_plane_scans_a_table() {
    let server = std::env::var("TESSERA_TEST_POSTGRES").unwrap_or_default();
    assert!(
        !server.is_empty(),
        "no PostgreSQL: run scripts/with-postgres.sh cargo test ..., or set TESSERA_TEST_POSTGRES=none to leave it out"
    );
    if server == "none" {
        eprintln!("NOT RUN on PostgreSQL: TESSERA_TEST_POSTGRES is none");
        return;
    }
    let (client, driver) = tokio_postgres::connect(&server, NoTls).await.unwrap();
    tokio::spawn(driver);
    // The tables are temporary: they go with the connection. A scan is left only where no index serves.
    for step in STEPS {
        let schema = step
            .postgres
            .up
            .replace("CREATE TABLE", "CREATE TEMPORARY TABLE");
        client.batch_execute(&schema).await.unwrap();
    }
    client
        .batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
        .await
        .unwrap();
    let plan_of = async |name: &str| {
        let explain = format!("EXPLAIN EXECUTE {name}");
        let plan = client.query(&explain, &[]).await.unwrap();
        let lines: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        lines.join("\n")
    };
    client
        .batch_execute("PREPARE scan AS SELECT 1 FROM clients WHERE name = 'x'")
        .await
        .unwrap();
    assert!(
        plan_of("scan").await.contains("Seq Scan"),
        "a scan would be seen"
    );
    for (number, (sql, types)) in DATA_PLANE.iter().enumerate() {
        let name = format!("statement{number}");
        client
            .batch_execute(&format!("PREPARE {name} ({types}) AS {sql}"))
            .await
            .unwrap();
        let nulls = vec!["NULL"; types.split(", ").count()].join(", ");
        let plan = plan_of(&format!("{name} ({nulls})")).await;
        assert!(!plan.contains("Seq Scan"), "{sql}:\n{plan}");
    }
}
