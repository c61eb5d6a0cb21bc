ALTER TABLE grants DROP COLUMN server_epoch;
