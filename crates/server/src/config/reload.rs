//! What a changed file may change in a running server.
//!
//! Compat: listeners, log and database are read at the start only. The reference server accepts changes
//! to most of them and ignores them; here they are ignored with a warning that says so.

use super::Settings;

impl Settings {
    /// Takes over from `running` what only a start can change, with a warning for each such change.
    pub fn keep_started(&mut self, running: &Self, warnings: &mut Vec<String>) {
        keep("dsn", &mut self.dsn, &running.dsn, warnings);
        self.dsn_text.clone_from(&running.dsn_text);
        keep("storage", &mut self.storage, &running.storage, warnings);
        keep("log", &mut self.log, &running.log, warnings);
        keep(
            "serve.tls",
            &mut self.serve.tls,
            &running.serve.tls,
            warnings,
        );
        let listeners = [
            ("public", &mut self.serve.public, &running.serve.public),
            ("admin", &mut self.serve.admin, &running.serve.admin),
        ];
        for (name, new, old) in listeners {
            let key = |member: &str| format!("serve.{name}.{member}");
            keep(&key("host"), &mut new.host, &old.host, warnings);
            keep(&key("port"), &mut new.port, &old.port, warnings);
            keep(&key("socket"), &mut new.socket, &old.socket, warnings);
            keep(&key("tls"), &mut new.tls, &old.tls, warnings);
            keep(&key("auth"), &mut new.auth, &old.auth, warnings);
            keep(
                &key("request_log"),
                &mut new.request_log,
                &old.request_log,
                warnings,
            );
        }
    }
}

fn keep<T: Clone + PartialEq>(key: &str, new: &mut T, old: &T, warnings: &mut Vec<String>) {
    if new != old {
        new.clone_from(old);
        warnings.push(format!(
            "{key} has changed; the change takes effect at the next start"
        ));
    }
}
