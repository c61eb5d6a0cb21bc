-- What people granted, and what stands on it. Texts of any length are looked up by SHA-256.
-- swept_at is when clean-up looks at a row next: when it ends, and at the latest 30 days after the last look. So what
-- has no end is found once its client or grant is gone, without an index that leads from there to it.

CREATE TABLE login_sessions (
    sid BYTEA NOT NULL PRIMARY KEY,
    subject_key BYTEA NOT NULL,                 -- SHA-256 of subject
    subject TEXT COLLATE "C" NOT NULL,
    authenticated_at BIGINT NOT NULL,
    is_remembered SMALLINT NOT NULL,
    expires_at BIGINT NOT NULL,
    provider_session_id TEXT NOT NULL
);
CREATE INDEX login_sessions_by_subject ON login_sessions (subject_key);
CREATE INDEX login_sessions_by_expiry ON login_sessions (expires_at);

CREATE TABLE grants (
    grant_id BYTEA NOT NULL PRIMARY KEY,
    client_key BYTEA NOT NULL,                  -- SHA-256 of client_id
    client_born BIGINT NOT NULL,                -- created_at of the client; one that is made anew has another
    subject_key BYTEA NOT NULL,                 -- SHA-256 of subject
    sid BYTEA,
    requested_at BIGINT NOT NULL,
    remembered_until BIGINT,
    tokens_until BIGINT NOT NULL,
    tokens_revoked SMALLINT NOT NULL,
    was_asked SMALLINT NOT NULL,
    swept_at BIGINT NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,                     -- JSON, see rows/grants.rs
    session BYTEA NOT NULL,
    context BYTEA NOT NULL
);
CREATE INDEX grants_by_subject ON grants (subject_key, requested_at, grant_id);
CREATE INDEX grants_by_session ON grants (sid);
CREATE INDEX grants_by_sweep ON grants (swept_at);

-- The newest remembered grant of a person and a client. A row goes with its grant.
CREATE TABLE remembered_consents (
    subject_key BYTEA NOT NULL,
    client_key BYTEA NOT NULL,
    grant_id BYTEA NOT NULL,
    PRIMARY KEY (subject_key, client_key)
);

CREATE TABLE authorization_codes (
    code_id BYTEA NOT NULL PRIMARY KEY,
    grant_id BYTEA NOT NULL,
    used_by BIGINT,                             -- the attempt that spent it
    expires_at BIGINT NOT NULL,
    kept_until BIGINT NOT NULL,                 -- a spent one is kept longer, so that a replay is recognised
    document TEXT NOT NULL
);
CREATE INDEX authorization_codes_by_end ON authorization_codes (kept_until);

CREATE TABLE refresh_tokens (
    refresh_id BYTEA NOT NULL PRIMARY KEY,
    grant_id BYTEA NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_by BIGINT,                             -- the attempt that used it last
    first_used_at BIGINT,
    used_times BIGINT NOT NULL,
    kept_until BIGINT NOT NULL,
    swept_at BIGINT NOT NULL
);
CREATE INDEX refresh_tokens_by_sweep ON refresh_tokens (swept_at);

CREATE TABLE pending (
    pending_id BYTEA NOT NULL PRIMARY KEY,
    session BYTEA,
    context BYTEA,
    request BYTEA,
    expires_at BIGINT NOT NULL
);
CREATE INDEX pending_by_expiry ON pending (expires_at);

CREATE TABLE logout_notices (
    notice_id BYTEA NOT NULL PRIMARY KEY,
    client_id TEXT COLLATE "C" NOT NULL,
    sid BYTEA NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX logout_notices_by_due ON logout_notices (due_at, notice_id);
CREATE INDEX logout_notices_by_expiry ON logout_notices (expires_at);
