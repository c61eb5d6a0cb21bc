-- What people granted, and what stands on it. Texts of any length are looked up by SHA-256.
-- swept_at is when clean-up looks at a row next: when it ends, and at the latest 30 days after the last look. So what
-- has no end is found once its client or grant is gone, without an index that leads from there to it.

-- Whether a token's client is what it was, without reading the client's wide row: flat with a million of them.
CREATE INDEX clients_live ON clients (client_key, token_epoch, created_at);

CREATE TABLE login_sessions (
    sid BLOB NOT NULL PRIMARY KEY,
    subject_key BLOB NOT NULL,                  -- SHA-256 of subject
    subject TEXT NOT NULL,
    authenticated_at INTEGER NOT NULL,
    is_remembered INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    provider_session_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX login_sessions_by_subject ON login_sessions (subject_key);
CREATE INDEX login_sessions_by_expiry ON login_sessions (expires_at);

CREATE TABLE grants (
    grant_id BLOB NOT NULL PRIMARY KEY,
    client_key BLOB NOT NULL,                   -- SHA-256 of client_id
    client_born INTEGER NOT NULL,               -- created_at of the client; one that is made anew has another
    subject_key BLOB NOT NULL,                  -- SHA-256 of subject
    sid BLOB,
    requested_at INTEGER NOT NULL,
    remembered_until INTEGER,
    tokens_until INTEGER NOT NULL,
    tokens_revoked INTEGER NOT NULL,
    was_asked INTEGER NOT NULL,
    swept_at INTEGER NOT NULL,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    document TEXT NOT NULL,                     -- JSON, see rows/grants.rs
    session BLOB NOT NULL,
    context BLOB NOT NULL
);
CREATE INDEX grants_by_subject ON grants (subject_key, requested_at, grant_id);
CREATE INDEX grants_by_session ON grants (sid);
CREATE INDEX grants_by_sweep ON grants (swept_at);

-- The newest remembered grant of a person and a client. A row goes with its grant.
CREATE TABLE remembered_consents (
    subject_key BLOB NOT NULL,
    client_key BLOB NOT NULL,
    grant_id BLOB NOT NULL,
    PRIMARY KEY (subject_key, client_key)
) WITHOUT ROWID;

CREATE TABLE authorization_codes (
    code_id BLOB NOT NULL PRIMARY KEY,
    grant_id BLOB NOT NULL,
    used_by INTEGER,                            -- the attempt that spent it
    expires_at INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,                -- a spent one is kept longer, so that a replay is recognised
    document TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX authorization_codes_by_end ON authorization_codes (kept_until);

CREATE TABLE refresh_tokens (
    refresh_id BLOB NOT NULL PRIMARY KEY,
    grant_id BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_by INTEGER,                            -- the attempt that used it last
    first_used_at INTEGER,
    used_times INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    swept_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_sweep ON refresh_tokens (swept_at);

CREATE TABLE pending (
    pending_id BLOB NOT NULL PRIMARY KEY,
    session BLOB,
    context BLOB,
    request BLOB,
    expires_at INTEGER NOT NULL
);
CREATE INDEX pending_by_expiry ON pending (expires_at);

CREATE TABLE logout_notices (
    notice_id BLOB NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL,
    sid BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX logout_notices_by_due ON logout_notices (due_at, notice_id);
CREATE INDEX logout_notices_by_expiry ON logout_notices (expires_at);
