-- Times are microseconds since the Unix epoch. 64 random bits are kept as the signed number with the same bits.
-- Texts compare byte by byte, which is the default of SQLite.

CREATE TABLE clients (
    client_key BLOB NOT NULL PRIMARY KEY,       -- SHA-256 of client_id
    token_epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    client_id TEXT NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    registration_token_hash BLOB,
    secret_hashes TEXT NOT NULL,                -- JSON array of slow hashes
    document TEXT NOT NULL                      -- JSON, see rows.rs
);
CREATE UNIQUE INDEX clients_by_id ON clients (client_id);

CREATE TABLE revoked_tokens (
    token_id BLOB NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

CREATE TABLE used_once (
    single_use INTEGER NOT NULL,
    value_hash BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (single_use, value_hash)
) WITHOUT ROWID;
CREATE INDEX used_once_by_expiry ON used_once (expires_at);

-- A row here is the guard that lets one process alone make the first key of a set.
CREATE TABLE key_sets (
    set_key BLOB NOT NULL PRIMARY KEY           -- SHA-256 of the set's name
) WITHOUT ROWID;

CREATE TABLE keys (
    set_key BLOB NOT NULL,
    kid_key BLOB NOT NULL,                      -- SHA-256 of the key id
    created_at INTEGER NOT NULL,
    set_name TEXT NOT NULL,
    kid TEXT NOT NULL,
    sealed_jwk BLOB NOT NULL,
    PRIMARY KEY (set_key, kid_key)
);

CREATE TABLE server_state (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    token_epoch INTEGER,
    generated_secret TEXT
);
INSERT INTO server_state (id) VALUES (1);

-- The log of changes has no gaps: the counter moves in the transaction that adds the row.
CREATE TABLE change_counter (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    marked_seq INTEGER NOT NULL,
    marked_at INTEGER NOT NULL
);
INSERT INTO change_counter (id, seq, marked_seq, marked_at) VALUES (1, 1, 0, -9223372036854775808);

CREATE TABLE changes (
    seq INTEGER NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL
);
