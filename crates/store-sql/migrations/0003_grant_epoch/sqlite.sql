-- token_epoch of the server when a grant was given: `tokens revoke-all` ends codes and refresh tokens too.
ALTER TABLE grants ADD COLUMN server_epoch INTEGER NOT NULL DEFAULT 0;
UPDATE grants SET server_epoch = COALESCE((SELECT token_epoch FROM server_state WHERE id = 1), 0);
