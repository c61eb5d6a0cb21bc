DROP TABLE changes;
DROP TABLE change_counter;
DROP TABLE server_state;
DROP TABLE keys;
DROP TABLE key_sets;
DROP TABLE used_once;
DROP TABLE revoked_tokens;
DROP TABLE clients;
