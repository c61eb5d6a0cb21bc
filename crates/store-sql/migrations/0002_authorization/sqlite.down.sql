DROP TABLE logout_notices;
DROP TABLE pending;
DROP TABLE refresh_tokens;
DROP TABLE authorization_codes;
DROP TABLE remembered_consents;
DROP TABLE grants;
DROP TABLE login_sessions;
DROP INDEX clients_live;
