-- Times are microseconds since the Unix epoch. 64 random bits are kept as the signed number with the same bits.
-- Texts compare byte by byte.

CREATE TABLE clients (
    client_key BYTEA NOT NULL PRIMARY KEY,      -- SHA-256 of client_id
    token_epoch BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    registration_token_hash BYTEA,
    secret_hashes TEXT NOT NULL,                -- JSON array of slow hashes
    document TEXT NOT NULL                      -- JSON, see rows.rs
);
CREATE UNIQUE INDEX clients_by_id ON clients (client_id);

CREATE TABLE revoked_tokens (
    token_id BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

CREATE TABLE used_once (
    single_use SMALLINT NOT NULL,
    value_hash BYTEA NOT NULL,
    attempt BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (single_use, value_hash)
);
CREATE INDEX used_once_by_expiry ON used_once (expires_at);

-- A row here is the guard that lets one process alone make the first key of a set.
CREATE TABLE key_sets (
    set_key BYTEA NOT NULL PRIMARY KEY          -- SHA-256 of the set's name
);

CREATE TABLE keys (
    set_key BYTEA NOT NULL,
    kid_key BYTEA NOT NULL,                     -- SHA-256 of the key id
    created_at BIGINT NOT NULL,
    set_name TEXT COLLATE "C" NOT NULL,
    kid TEXT COLLATE "C" NOT NULL,
    sealed_jwk BYTEA NOT NULL,
    PRIMARY KEY (set_key, kid_key)
);

CREATE TABLE server_state (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    token_epoch BIGINT,
    generated_secret TEXT
);
INSERT INTO server_state (id) VALUES (1);

-- The log of changes has no gaps: the counter moves in the transaction that adds the row, and the lock on its
-- one row puts commits in the order of their numbers, so a reader never skips one.
CREATE TABLE change_counter (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    marked_seq BIGINT NOT NULL,
    marked_at BIGINT NOT NULL
);
INSERT INTO change_counter (id, seq, marked_seq, marked_at) VALUES (1, 1, 0, -9223372036854775808);

CREATE TABLE changes (
    seq BIGINT NOT NULL PRIMARY KEY,
    kind SMALLINT NOT NULL,
    name TEXT NOT NULL
);
