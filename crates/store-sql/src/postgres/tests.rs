//! No statement of the data plane scans a table.

use tokio_postgres::{Client, NoTls};

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
        "BYTEA, BYTEA, INT8, INT8, BYTEA, INT8, INT8, BOOL",
    ),
    (
        grants::LIST_OLDEST,
        "BYTEA, BYTEA, INT8, INT8, BYTEA, INT8, INT8, BOOL",
    ),
    (grants::COUNT, "BYTEA, BYTEA, INT8, BOOL"),
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
    (sessions::RETIRE, "BYTEA"),
    (sessions::END_OF, "BYTEA, INT8, INT8, INT8"),
    (
        sessions::LIST,
        "BYTEA, BYTEA[], TEXT[], BYTEA[], INT8[], INT8[], INT8[]",
    ),
    (sessions::IS_QUEUED, "BYTEA, INT8"),
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

/// A connection with the tables, empty; nothing where PostgreSQL is left out.
async fn with_tables() -> Option<Client> {
    let server = std::env::var("TESSERA_TEST_POSTGRES").unwrap_or_default();
    assert!(
        !server.is_empty(),
        "no PostgreSQL: run scripts/with-postgres.sh cargo test ..., or set TESSERA_TEST_POSTGRES=none to leave it out"
    );
    if server == "none" {
        eprintln!("NOT RUN on PostgreSQL: TESSERA_TEST_POSTGRES is none");
        return None;
    }
    let (client, driver) = tokio_postgres::connect(&server, NoTls).await.unwrap();
    tokio::spawn(driver);
    // The tables are temporary: they go with the connection.
    for step in STEPS {
        let schema = step
            .postgres
            .up
            .replace("CREATE TABLE", "CREATE TEMPORARY TABLE");
        client.batch_execute(&schema).await.unwrap();
    }
    Some(client)
}

/// The plan of a statement for any values.
async fn plan_of(client: &Client, name: &str, (sql, types): (&str, &str)) -> String {
    let prepare = format!("PREPARE {name} ({types}) AS {sql}");
    client.batch_execute(&prepare).await.unwrap();
    let nulls = vec!["NULL"; types.split(", ").count()].join(", ");
    let explain = format!("EXPLAIN EXECUTE {name} ({nulls})");
    let plan = client.query(&explain, &[]).await.unwrap();
    let lines: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    lines.join("\n")
}

#[tokio::test]
async fn no_statement_of_the_data_plane_scans_a_table() {
    let Some(client) = with_tables().await else {
        return;
    };
    // A scan is left only where no index serves.
    client
        .batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
        .await
        .unwrap();
    let scan = ("SELECT 1 FROM clients WHERE name = $1", "TEXT");
    let plan = plan_of(&client, "scan", scan).await;
    assert!(plan.contains("Seq Scan"), "a scan would be seen");
    for (number, statement) in DATA_PLANE.iter().enumerate() {
        let plan = plan_of(&client, &format!("statement{number}"), *statement).await;
        assert!(!plan.contains("Seq Scan"), "{}:\n{plan}", statement.0);
    }
}

/// With a hundred thousand of one person, who has most of all.
#[tokio::test]
async fn grants_of_one_person_are_read_in_their_order_from_the_index() {
    let Some(client) = with_tables().await else {
        return;
    };
    client
        .batch_execute(
            "INSERT INTO grants (grant_id, client_key, client_born, subject_key, sid, requested_at,
                remembered_until, tokens_until, tokens_revoked, server_epoch, was_asked, swept_at,
                client_id, subject, document, session, context)
            SELECT sha256(n::text::bytea), sha256('app'), 0,
                CASE WHEN n > 5000 THEN sha256('ann') ELSE sha256(n::text::bytea) END,
                sha256((n / 10)::text::bytea), n, NULL, 4000000000000000, 0, 1, n % 2, n, 'app', 'ann',
                repeat('x', 500), '', ''
            FROM generate_series(1, 105000) AS n;
            ANALYZE grants;
            SET plan_cache_mode = force_generic_plan",
        )
        .await
        .unwrap();
    let list = "BYTEA, BYTEA, INT8, INT8, BYTEA, INT8, INT8, BOOL";
    for (number, statement) in [
        (grants::LIST_NEWEST, list),
        (grants::LIST_OLDEST, list),
        (deletion::DELETE_OF, "BYTEA, BYTEA, INT8, BYTEA, INT8"),
    ]
    .into_iter()
    .enumerate()
    {
        let plan = plan_of(&client, &format!("statement{number}"), statement).await;
        assert!(plan.contains("using grants_by_subject"), "{plan}");
        assert!(!plan.contains("Seq Scan on grants"), "{plan}");
        // A deletion sorts the places of its own step.
        let sorts = usize::from(statement.0 == deletion::DELETE_OF);
        assert_eq!(plan.matches("Sort  (").count(), sorts, "{plan}");
    }
    // What is remembered is found by key, whatever the person has.
    let finish = DATA_PLANE
        .iter()
        .find(|(sql, _)| *sql == sessions::FINISH)
        .unwrap();
    let plan = plan_of(&client, "finish", *finish).await;
    assert!(plan.contains("remembered_consents_pkey"), "{plan}");
    assert!(plan.contains("grants_pkey"), "{plan}");
    assert!(!plan.contains("grants_by_subject"), "{plan}");
}
