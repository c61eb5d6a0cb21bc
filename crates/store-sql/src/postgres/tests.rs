//! No statement of the data plane scans a table.

use tokio_postgres::NoTls;

use super::{clients, grants, keys, replay, upkeep};
use crate::migrations::STEPS;

/// The statements, with as many parameters as each has.
const DATA_PLANE: [(&str, &str, &[&str]); 7] = [
    ("find_client", clients::FIND, &["BYTEA"]),
    (
        "check_live",
        grants::CHECK_LIVE,
        &["BYTEA", "INT8", "INT8", "BYTEA"],
    ),
    ("revoke_token", grants::REVOKE, &["BYTEA", "INT8"]),
    ("keys", keys::OF_SET, &["BYTEA"]),
    (
        "claim",
        replay::CLAIM,
        &["INT2", "BYTEA", "INT8", "INT8", "INT8"],
    ),
    ("delete_tokens", upkeep::DELETE_TOKENS, &["INT8", "INT8"]),
    ("delete_values", upkeep::DELETE_VALUES, &["INT8", "INT8"]),
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
    let schema = STEPS[0]
        .postgres
        .up
        .replace("CREATE TABLE", "CREATE TEMPORARY TABLE");
    client.batch_execute(&schema).await.unwrap();
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
    let changes = (
        "changes_since",
        upkeep::CHANGES_SINCE,
        &["INT8", "INT8"][..],
    );
    for (name, sql, types) in DATA_PLANE.into_iter().chain([changes]) {
        let nulls = vec!["NULL"; types.len()].join(", ");
        client
            .batch_execute(&format!("PREPARE {name} ({}) AS {sql}", types.join(", ")))
            .await
            .unwrap();
        let plan = plan_of(&format!("{name} ({nulls})")).await;
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
    }
}
