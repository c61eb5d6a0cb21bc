//! The module as its callers use it: sources in, settings or problems out.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;

const SECRET: &str = "0123456789abcdef-system";

/// A file in a directory of its own, removed at the end.
struct File {
    path: PathBuf,
}

impl File {
    fn new(name: &str, text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("tessera-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join(name);
        std::fs::File::create(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        Self { path }
    }

    fn json(value: &Value) -> Self {
        Self::new("config.json", &value.to_string())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.path.parent().unwrap());
    }
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// What a production configuration needs at least.
fn minimal() -> Value {
    json!({"dsn": "memory", "urls": {"self": {"issuer": "https://op.example.com"}},
           "secrets": {"system": [SECRET]}})
}

fn with(mut base: Value, path: &str, value: Value) -> Value {
    let mut slot = &mut base;
    for name in path.split('.') {
        slot = &mut slot[name];
    }
    *slot = value;
    base
}

fn load_json(value: &Value) -> Result<Loaded, ConfigErrors> {
    let file = File::json(value);
    load(&Sources {
        files: vec![file.path.clone()],
        ..Sources::default()
    })
}

fn load_env(pairs: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let file = File::json(&minimal());
    load(&Sources {
        files: vec![file.path.clone()],
        env: env(pairs),
        ..Sources::default()
    })
}

/// `key: rule` of each problem.
fn rules(result: Result<Loaded, ConfigErrors>) -> Vec<String> {
    let errors = result.expect_err("is refused");
    errors
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.key, problem.rule))
        .collect()
}

#[test]
fn defaults_are_the_references_except_where_decided() {
    let Loaded { settings, warnings } = load_json(&minimal()).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(
        settings.serve.public.address(),
        ListenAddress::Host {
            host: "0.0.0.0".into(),
            port: 4444
        }
    );
    assert_eq!(
        settings.serve.admin.address(),
        ListenAddress::Loopback { port: 4445 }
    );
    assert_eq!(settings.serve.tls(&settings.serve.public), Tls::Off);
    assert_eq!(settings.ttl.access_token, Duration::from_secs(3600));
    assert_eq!(
        settings.ttl.refresh_token,
        Some(Duration::from_secs(720 * 3600))
    );
    let refresh = &settings.oauth2.grant.refresh_token;
    assert_eq!(refresh.rotation_grace_period, Duration::from_secs(60));
    assert_eq!(settings.oauth2.hashers.pbkdf2.iterations, 25_000);
    assert_eq!(settings.oauth2.token_prefix.access, "tsa_");
    assert!(settings.oauth2.public_introspection && settings.oauth2.hashers.remember_verified);
    assert!(settings.oauth2.mirror_top_level_claims && settings.oauth2.session.encrypt_at_rest);
    assert_eq!(settings.strategies.signing_alg, SigningAlgorithm::Rs256);
    assert_eq!(settings.storage.sqlite.synchronous, SqliteSynchronous::Full);
    let offered = settings.subject_types(settings.strategies.access_token);
    assert_eq!(offered, [SubjectType::Public]);
    assert_eq!(settings.serve.cookies.names.session, "ory_hydra_session");
    assert_eq!(settings.dsn, Dsn::SqliteMemory);
    assert!(!settings.is_development() && !settings.must_generate_secret());
}

#[test]
fn later_sources_win() {
    let first = File::new("a.yaml", "serve: {public: {port: 1}, admin: {port: 11}}\n");
    let second = File::new("b.toml", "[serve.public]\nport = 2\n");
    let third = File::json(&minimal());
    let mut sources = Sources {
        files: vec![first.path.clone(), second.path.clone(), third.path.clone()],
        ..Sources::default()
    };
    let settings = load(&sources).unwrap().settings;
    assert_eq!(
        (settings.serve.public.port, settings.serve.admin.port),
        (2, 11)
    );
    sources.env = env(&[("SERVE_PUBLIC_PORT", "3"), ("DSN", "sqlite://x.sqlite")]);
    let settings = load(&sources).unwrap().settings;
    assert_eq!(settings.serve.public.port, 3);
    assert!(matches!(settings.dsn, Dsn::SqliteFile { .. }));
    sources.dsn = Some("memory".into());
    assert_eq!(load(&sources).unwrap().settings.dsn, Dsn::SqliteMemory);
}

#[test]
fn environment_beats_flags_and_flags_beat_files() {
    let file = File::json(&with(minimal(), "dev", json!(true)));
    let mut sources = Sources {
        files: vec![file.path.clone()],
        ..Sources::default()
    };
    let loaded = load(&sources).unwrap();
    assert!(loaded.settings.dev);
    assert!(
        loaded.warnings.iter().any(|w| w.contains("dev: true")),
        "{:?}",
        loaded.warnings
    );
    sources.dev = Some(false);
    assert!(!load(&sources).unwrap().settings.dev);
    sources.dev = Some(true);
    sources.env = env(&[("DEV", "false")]);
    assert!(!load(&sources).unwrap().settings.dev);
}

#[test]
fn admin_default_host_ranks_below_everything() {
    let host = |pairs: &[(&str, &str)]| load_env(pairs).unwrap().settings.serve.admin.host;
    assert_eq!(
        host(&[("TESSERA_ADMIN_DEFAULT_HOST", "0.0.0.0")]).as_deref(),
        Some("0.0.0.0")
    );
    let both = [
        ("TESSERA_ADMIN_DEFAULT_HOST", "0.0.0.0"),
        ("SERVE_ADMIN_HOST", "127.0.0.1"),
    ];
    assert_eq!(host(&both).as_deref(), Some("127.0.0.1"));
    assert_eq!(host(&[]), None);
}

#[test]
fn variables_set_every_kind_of_key() {
    let settings = load_env(&[
        ("SERVE_COOKIES_SAME_SITE_MODE", "Lax"),
        ("SERVE_PUBLIC_HOST", ""),
        ("SERVE_PUBLIC_CORS_ENABLED", "T"),
        (
            "SERVE_PUBLIC_CORS_ALLOWED_ORIGINS",
            "https://a.example,https://*.b.example",
        ),
        ("URLS_IDENTITY_PROVIDER_PUBLICURL", "https://idp.example"),
        ("URLS_IDENTITY_PROVIDER_HEADERS", r#"{"X-Key":"hunter2"}"#),
        ("TTL_REFRESH_TOKEN", "-1"),
        ("OAUTH2_TOKEN_HOOK", "https://hook.example/"),
        ("OAUTH2_TOKEN_HOOK_AUTH_TYPE", "api_key"),
        (
            "OAUTH2_TOKEN_HOOK_AUTH_CONFIG",
            r#"{"in":"header","name":"X","value":"hunter2"}"#,
        ),
        ("OAUTH2_REFRESH_TOKEN_HOOK_URL", "https://hook.example/r"),
        ("SECRETS_COOKIE", "1234567890123456"),
        ("SECRETS_SYSTEM_1", "older-secret-older"),
        ("VERSION", "1.2.3"),
        ("LOG", "/dev/log"),
        ("URLS_LOGIN", ""),
    ])
    .unwrap();
    let Loaded { settings, warnings } = settings;
    assert_eq!(settings.serve.cookies.same_site_mode, SameSite::Lax);
    assert_eq!(
        settings.serve.public.address(),
        ListenAddress::AllInterfaces { port: 4444 }
    );
    assert_eq!(settings.serve.public.cors.allowed_origins.len(), 2);
    assert_eq!(
        settings.urls.identity_provider.headers["X-Key"].expose(),
        "hunter2"
    );
    assert!(settings.urls.identity_provider.public_url.is_some());
    assert_eq!(settings.ttl.refresh_token, None);
    let hook = settings.oauth2.token_hook.clone().unwrap();
    assert_eq!(hook.url, "https://hook.example/");
    assert_eq!(hook.api_key.unwrap().name, "X");
    assert_eq!(
        settings.oauth2.refresh_token_hook.clone().unwrap().api_key,
        None
    );
    assert_eq!(settings.secrets.cookie[0].expose(), "1234567890123456");
    let system: Vec<_> = settings
        .secrets
        .system
        .iter()
        .map(SecretString::expose)
        .collect();
    assert_eq!(system, [SECRET, "older-secret-older"]);
    assert_eq!(settings.urls.login, None);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("LOG is ignored"));
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn lists_from_variables_replace_the_files_list() {
    let base = with(
        minimal(),
        "secrets.system",
        json!([SECRET, "older-secret-older"]),
    );
    let file = File::json(&base);
    let mut sources = Sources {
        files: vec![file.path.clone()],
        ..Sources::default()
    };
    sources.env = env(&[("SECRETS_SYSTEM", "brand-new-secret-1")]);
    let loaded = load(&sources).unwrap();
    assert_eq!(loaded.settings.secrets.system.len(), 1);
    assert!(
        loaded.warnings[0].contains("replaces all 2 entries"),
        "{:?}",
        loaded.warnings
    );
    assert!(!loaded.warnings[0].contains("brand-new"));
    sources.env = env(&[("SECRETS_SYSTEM_0", "brand-new-secret-1")]);
    let system = load(&sources).unwrap().settings.secrets.system;
    assert_eq!(
        (system.len(), system[0].expose()),
        (2, "brand-new-secret-1")
    );
    sources.env = env(&[("SECRETS_SYSTEM_7", "brand-new-secret-1")]);
    assert_eq!(
        rules(load(&sources)),
        ["secrets.system.7: leaves a gap: the list has 2 entries"]
    );
}

#[test]
fn all_problems_are_listed_at_once_and_no_secret_is_shown() {
    let file = File::json(&json!({
        "dsn": "mysql://root:hunter2@tcp(h)/db",
        "log": {"level": "loud"},
        "serve": {"public": {"port": 0}, "cookies": {"domian": 1}, "tls": {"key": {"base64": "hunter2"}}},
        "secrets": {"system": ["hunter2"], "sytem": "hunter2"},
        "ttl": {"access_token": "1d", "refresh_token": 3600},
        "oauth2": {"token_hook": {"auth": {"type": "api_key", "config": {"value": "hunter2"}}}},
        "urls": {"self": {"issuer": "http://op.example.com"}, "login": 5},
        "oidc": {"subject_identifiers": {"supported_types": ["pairwise"],
                                         "pairwise": {"salt": "hunter2"}}},
        "nonsense": {}
    }));
    let sources = Sources {
        files: vec![file.path.clone()],
        env: env(&[("SERVE_ADMIN_PORT", "many"), ("DEV", "maybe")]),
        ..Sources::default()
    };
    let errors = load(&sources).unwrap_err();
    let mut keys: Vec<&str> = errors.problems.iter().map(|p| p.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "dev",
            "dsn",
            "log.level",
            "nonsense",
            "oauth2.token_hook.auth.config.name",
            "oauth2.token_hook.url",
            "oidc.subject_identifiers.pairwise.salt",
            "secrets.system.0",
            "secrets.sytem",
            "serve.admin.port",
            "serve.cookies.domian",
            "serve.public.port",
            "serve.tls.cert",
            "serve.tls.key.base64",
            "ttl.access_token",
            "ttl.refresh_token",
            "urls.login",
            "urls.self.issuer",
        ]
    );
    let text = errors.to_string();
    assert!(!text.contains("hunter2"), "{text}");
    for part in [
        "The configuration has 18 problems",
        "log.level = \"loud\" (file ",
        "Did you mean `serve.cookies.domain`?",
        "Did you mean `secrets.system`?",
        "serve.admin.port = \"many\" (environment variable SERVE_ADMIN_PORT)",
        "must be a whole number, not text",
        "must be a duration such as `720h`, or -1",
        "must have at least 16 characters and has 7",
        "openssl rand -hex 32",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn combinations_that_cannot_work_are_refused() {
    let rows = [
        // The admin API alone has it, and without it an open port would look guarded.
        (
            "serve.public.auth.client_ca",
            json!("ca.pem"),
            "serve.public.auth: is not a key",
        ),
        (
            "urls.self.issuer",
            json!("http://op.example.com"),
            "urls.self.issuer: must be https",
        ),
        (
            "urls.self.issuer",
            json!("ftp://op.example.com"),
            "urls.self.issuer: must be an https",
        ),
        (
            "urls.self.issuer",
            json!("https://op.example.com/?x"),
            "urls.self.issuer: must have nei",
        ),
        (
            "serve.admin.port",
            json!(4444),
            "serve.admin.port: is the port of the public",
        ),
        (
            "serve.admin.auth.client_ca",
            json!("ca.pem"),
            "serve.admin.auth.client_ca: needs TLS",
        ),
        (
            "serve.tls.cert.path",
            json!("c.pem"),
            "serve.tls.key: is missing",
        ),
        (
            "serve.public.tls.key.path",
            json!("k.pem"),
            "serve.public.tls.cert: is missing",
        ),
        (
            "serve.tls.cert",
            json!({"path": "a", "base64": "YQ=="}),
            "serve.tls.cert: has both",
        ),
        (
            "oidc.subject_identifiers.supported_types",
            json!(["pairwise"]),
            "oidc.subject_identif",
        ),
        (
            "dangerous-allow-insecure-redirect-urls",
            json!(["http://a"]),
            "dangerous-allow-insec",
        ),
        ("hsm.enabled", json!(true), "hsm.enabled: asks for"),
        (
            "oauth2.token_prefix.access",
            json!("tsr_"),
            "oauth2.token_prefix.refresh: is the",
        ),
        (
            "oauth2.token_prefix.access",
            json!("x y"),
            "oauth2.token_prefix.access: must be 2 to",
        ),
        (
            "oauth2.device_authorization.user_code.length",
            json!(8),
            "oauth2.device_authorization",
        ),
        ("dsn", json!(""), "dsn: must not be empty"),
        (
            "serve.public.cors.allowed_origins",
            json!(["x"]),
            "serve.public.cors.allowed_origins.0",
        ),
        (
            "serve.admin.auth.bearer_token",
            json!("short"),
            "serve.admin.auth.bearer_token: must",
        ),
        (
            "serve.admin.auht.bearer_token",
            json!("0123456789abcdef0123456789abcdef"),
            "serve.admin.auht: is not a key",
        ),
        (
            "serve.admin.bearer_token",
            json!("0123456789abcdef0123456789abcdef"),
            "serve.admin.bearer_token: is not a key",
        ),
        ("serve.unknown", json!(1), "serve.unknown: is not a key"),
        ("log", json!({"a.b": 1}), "log.a.b: is a path, not a key"),
        (
            "ttl.id_token",
            json!(3600),
            "ttl.id_token: must be a duration such as `1h`, not a number",
        ),
    ];
    for (path, value, start) in rows {
        let found = rules(load_json(&with(minimal(), path, value)));
        assert!(
            found.iter().any(|rule| rule.starts_with(start)),
            "{path}: {found:?}"
        );
    }
}

#[test]
fn missing_issuer_and_secret_are_refused_outside_development_mode() {
    let found = rules(load(&Sources::default()));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("urls.self.issuer: is missing"));
    assert!(found[1].starts_with("secrets.system: is missing"));
    for sources in [
        Sources {
            dev: Some(true),
            ..Sources::default()
        },
        Sources {
            force_http: Some(true),
            ..Sources::default()
        },
    ] {
        let settings = load(&sources).unwrap().settings;
        assert_eq!(settings.issuer(), "http://localhost:4444/");
        assert!(settings.must_generate_secret() && settings.is_development());
        assert!(matches!(
            settings.dsn,
            Dsn::SqliteFile {
                is_default: true,
                ..
            }
        ));
    }
}

#[test]
fn memory_is_refused_for_a_single_listener() {
    let file = File::json(&minimal());
    for serving in [Serving::PublicOnly, Serving::AdminOnly] {
        let sources = Sources {
            files: vec![file.path.clone()],
            serving,
            ..Sources::default()
        };
        assert!(rules(load(&sources))[0].starts_with("dsn: is `memory`"));
    }
}

/// The configurations with which the reference server was recorded, with their placeholders filled.
#[test]
fn recorded_configurations_load() {
    let base = json!({
        "urls": {
            "self": {"issuer": "http://127.0.0.1:4444", "public": "http://127.0.0.1:4444"},
            "login": "http://app.localhost:3000/login",
            "consent": "http://app.localhost:3000/consent",
            "logout": "http://app.localhost:3000/logout",
            "error": "http://app.localhost:3000/error",
            "post_logout_redirect": "http://app.localhost:3000/bye",
            "device": {"verification": "http://app.localhost:3000/device",
                       "success": "http://app.localhost:3000/device/done"}},
        "secrets": {"system": ["golden-system-secret-0123456789"],
                    "cookie": ["golden-cookie-secret-0123456789"]}
    });
    let extras = [
        (
            "oauth2",
            json!({"include_legacy_error_fields": true, "expose_internal_errors": true}),
        ),
        (
            "oauth2",
            json!({"token_hook": {"url": "http://127.0.0.1:1/token-hook", "auth":
            {"type": "api_key", "config": {"in": "header", "name": "X-My-Key", "value": "v"}}}}),
        ),
        (
            "oauth2",
            json!({"device_authorization": {"token_polling_interval": "10s",
            "user_code": {"length": 12, "character_set": "ABC123DEFGH"}}}),
        ),
        (
            "oauth2",
            json!({"device_authorization": {"user_code": {"entropy_preset": "low"}}}),
        ),
        (
            "oauth2",
            json!({"grant": {"jwt": {"iat_optional": true, "max_ttl": "60s"},
            "refresh_token": {"rotation_grace_period": "5s"}}}),
        ),
        (
            "strategies",
            json!({"scope": "DEPRECATED_HIERARCHICAL_SCOPE_STRATEGY"}),
        ),
        (
            "strategies",
            json!({"access_token": "jwt", "jwt": {"scope_claim": "string"}}),
        ),
        (
            "ttl",
            json!({"refresh_token": "-1", "access_token": "1s", "auth_code": "90s"}),
        ),
        (
            "oidc",
            json!({"subject_identifiers": {"supported_types": ["public", "pairwise"],
            "pairwise": {"salt": "some-pairwise-salt"}},
            "dynamic_client_registration": {"enabled": true, "default_scope": ["openid", "x"]}}),
        ),
        (
            "serve",
            json!({"public": {"cors": {"enabled": true, "allowed_methods": ["POST"],
            "allowed_origins": ["https://app.example.com", "https://*.wild.example.com"],
            "allow_credentials": false, "max_age": 600}, "access_log": {"disable_for_health": true}}}),
        ),
        (
            "webfinger",
            json!({"jwks": {"broadcast_keys": ["hydra.openid.id-token", "custom-set"]}}),
        ),
        (
            "clients",
            json!({"http": {"disallow_private_ip_ranges": true}}),
        ),
    ];
    for (key, value) in extras {
        let file = File::json(&with(base.clone(), key, value.clone()));
        for (dev, force_http) in [(Some(true), None), (None, Some(true))] {
            let files = vec![file.path.clone()];
            let loaded = load(&Sources {
                files,
                dev,
                force_http,
                ..Sources::default()
            });
            assert!(loaded.is_ok(), "{key}: {value}\n{}", loaded.unwrap_err());
        }
    }
}

#[test]
fn old_keys_work_and_are_named() {
    let base = with(
        minimal(),
        "serve.admin",
        json!({"access_log": {"disable_for_health": true}}),
    );
    let base = with(base, "dangerous-force-http", json!(true));
    let Loaded { settings, warnings } = load_json(&base).unwrap();
    assert!(settings.serve.admin.request_log.disable_for_health);
    assert!(settings.is_development());
    for part in [
        "serve.admin.access_log.disable_for_health is deprecated; use `serve.admin.request_log`",
        "dangerous-force-http is deprecated; use `dev`",
    ] {
        assert!(
            warnings.iter().any(|warning| warning.contains(part)),
            "{part}: {warnings:?}"
        );
    }
    let warnings = load_env(&[("SYSTEM_SECRET", "x"), ("URLS_SELF_ISUER", "x")])
        .unwrap()
        .warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn urls_follow_from_the_issuer_and_the_public_url() {
    let base = with(
        minimal(),
        "urls.self.issuer",
        json!("https://op.example.com/base/"),
    );
    let settings = load_json(&base).unwrap().settings;
    let rows = [
        (settings.issuer(), "https://op.example.com/base/"),
        (
            settings.auth_url(),
            "https://op.example.com/base/oauth2/auth",
        ),
        (
            settings.device_authorization_url(),
            "https://op.example.com/base/oauth2/device/auth",
        ),
        (
            settings.jwks_url(),
            "https://op.example.com/base/.well-known/jwks.json",
        ),
        (
            settings.userinfo_url(),
            "https://op.example.com/base/userinfo",
        ),
        (
            settings.revocation_url(),
            "https://op.example.com/base/oauth2/revoke",
        ),
        (
            settings.end_session_url(),
            "https://op.example.com/base/oauth2/sessions/logout",
        ),
        (
            settings.credentials_url(),
            "https://op.example.com/base/credentials",
        ),
        (
            settings.login_url(),
            "https://op.example.com/base/oauth2/fallbacks/login",
        ),
    ];
    for (url, expected) in rows {
        assert_eq!(url, expected);
    }
    let base = with(
        minimal(),
        "urls.self.public",
        json!("https://pub.example.com"),
    );
    let base = with(
        base,
        "webfinger.oidc_discovery.token_url",
        json!("https://t.example.com/t"),
    );
    let base = with(base, "urls.login", json!("https://login.example.com"));
    let settings = load_json(&base).unwrap().settings;
    assert_eq!(settings.issuer(), "https://op.example.com");
    assert_eq!(settings.public_url(), "https://pub.example.com/");
    assert_eq!(settings.registration_url(), "https://login.example.com/");
    assert_eq!(
        settings.token_urls(),
        [
            "https://t.example.com/t",
            "https://pub.example.com/oauth2/token",
            "https://op.example.com/oauth2/token",
        ]
    );
}

#[test]
fn listener_tls_overrides_shared_tls_member_by_member() {
    let base = with(
        minimal(),
        "serve.tls",
        json!({"enabled": true,
        "cert": {"path": "shared.crt"}, "key": {"base64": "cGVt"}}),
    );
    let base = with(
        base,
        "serve.public.tls",
        json!({"cert": {"path": "public.crt"}}),
    );
    let base = with(base, "serve.admin.tls", json!({"enabled": false}));
    let serve = load_json(&base).unwrap().settings.serve;
    assert_eq!(serve.tls(&serve.admin), Tls::Off);
    assert_eq!(
        serve.tls(&serve.public),
        Tls::Certificate {
            cert: PemSource::File("public.crt".into()),
            key: PemSource::Base64(SecretString::from("cGVt".to_owned())),
        }
    );
    let base = with(minimal(), "serve.tls.enabled", json!(true));
    let serve = load_json(&base).unwrap().settings.serve;
    assert_eq!(serve.tls(&serve.public), Tls::SelfSigned);
}

#[test]
fn long_lifetimes_are_clamped_with_a_warning() {
    let base = with(minimal(), "ttl.authentication_session", json!("10000h"));
    let path = "oauth2.grant.refresh_token.rotation_grace_period";
    let Loaded { settings, warnings } = load_json(&with(base, path, json!("1h"))).unwrap();
    assert_eq!(
        settings.ttl.authentication_session,
        Duration::from_secs(180 * 24 * 3600)
    );
    let grace = settings.oauth2.grant.refresh_token.rotation_grace_period;
    assert_eq!((grace, warnings.len()), (Duration::from_secs(300), 2));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let wrong = File::new("config.ini", "x");
    let broken = File::new("broken.yaml", "a: [1\n");
    let sources = Sources {
        files: vec![
            "missing.json".into(),
            wrong.path.clone(),
            broken.path.clone(),
        ],
        ..Sources::default()
    };
    let found = rules(load(&sources));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("missing.json: cannot be read: No such file"));
    assert!(found[1].contains("config.ini: has an extension"));
    assert!(found[2].contains("broken.yaml: is not valid YAML"));
}

#[test]
fn database_commands_need_only_the_address() {
    let file = File::json(&json!({"dsn": "memory", "nonsense": 1, "log": {"level": 5}}));
    let mut sources = Sources {
        files: vec![file.path.clone()],
        ..Sources::default()
    };
    assert_eq!(load_dsn(&sources).unwrap().0, Dsn::SqliteMemory);
    sources.dsn = Some("mysql://root@h/db".into());
    assert!(
        load_dsn(&sources)
            .unwrap_err()
            .to_string()
            .contains("MySQL")
    );
    sources.files = vec!["missing.json".into()];
    assert_eq!(load_dsn(&sources).unwrap_err().problems.len(), 2);
}

#[test]
fn a_file_is_checked_by_itself() {
    let fine = File::new(
        "fine.yaml",
        "log:\n  level: debug\nttl:\n  access_token: 5m\n",
    );
    let report = check_file(&fine.path);
    assert!(report.is_fine());
    let text = report.to_string();
    assert!(text.contains("fine.yaml: 2 keys, no problems\n"), "{text}");
    assert!(
        text.contains("note: urls.self.issuer is not set here"),
        "{text}"
    );
    assert!(text.contains("e.g. as SECRETS_SYSTEM"), "{text}");
    let wrong = File::json(&json!({"log": {"levle": "x"}, "dsn": "redis://x"}));
    let report = check_file(&wrong.path);
    assert_eq!(report.problems.len(), 2, "{report}");
    assert!(
        report.to_string().contains("2 keys, 2 problems"),
        "{report}"
    );
}

#[test]
fn version_1s_flag_turns_tls_off() {
    let base = with(minimal(), "serve.admin.tls.enabled", json!(true));
    let file = File::json(&base);
    let sources = Sources {
        files: vec![file.path.clone()],
        force_http: Some(true),
        ..Sources::default()
    };
    let Loaded { settings, warnings } = load(&sources).unwrap();
    assert_eq!(settings.serve.tls(&settings.serve.admin), Tls::Off);
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("turns TLS off")),
        "{warnings:?}"
    );
}

#[test]
fn relative_urls_fall_back_with_a_warning() {
    let base = with(minimal(), "urls.logout", json!("logout"));
    let base = with(base, "urls.error", json!("/error"));
    let base = with(base, "urls.login", json!("login"));
    let Loaded { settings, warnings } = load_json(&base).unwrap();
    assert_eq!(
        settings.logout_url(),
        "https://op.example.com/oauth2/fallbacks/logout"
    );
    assert_eq!(
        (settings.error_url().as_str(), settings.login_url().as_str()),
        ("/error", "login")
    );
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn numbers_in_the_place_of_text_want_quotes() {
    let base = with(
        minimal(),
        "secrets.system",
        json!([1_234_567_890_123_456_u64]),
    );
    let errors = load_json(&base).unwrap_err();
    assert_eq!(errors.problems.len(), 1);
    assert_eq!(
        errors.problems[0].advice.as_deref(),
        Some("Put the value in quotes.")
    );
    assert!(!errors.to_string().contains("1234567890123456"));
}

#[test]
fn keys_without_effect_are_told() {
    let told = |serve: Value| {
        let loaded = load_json(&with(minimal(), "serve", serve)).unwrap();
        loaded.warnings.join("\n")
    };
    let networks = json!(["10.0.0.0/8"]);
    let off = told(json!({"tls": {"allow_termination_from": networks}}));
    assert!(
        off.contains("serve.public.tls.allow_termination_from has no effect: TLS is off"),
        "{off}"
    );
    assert!(
        off.contains("serve.admin.tls.allow_termination_from has no effect: TLS is off"),
        "{off}"
    );
    let on = told(json!({"tls": {"enabled": true, "allow_termination_from": networks}}));
    assert!(!on.contains("allow_termination_from"), "{on}");
    let guarded = told(
        json!({"tls": {"enabled": true, "allow_termination_from": networks},
        "admin": {"auth": {"client_ca": "ca.pem"}}}),
    );
    assert!(
        guarded
            .contains("serve.admin.tls.allow_termination_from has no effect: this listener wants"),
        "{guarded}"
    );
    assert!(!guarded.contains("serve.public.tls.allow"), "{guarded}");
    let origins =
        json!({"enabled": true, "allowed_origins": ["https://*foo.com", "https://*.example.com"]});
    let cors = told(json!({"public": {"cors": origins}}));
    assert!(
        cors.contains("'https://*foo.com' counts for nothing"),
        "{cors}"
    );
    assert!(!cors.contains("'https://*.example.com' counts"), "{cors}");
}

#[test]
fn a_listeners_own_networks_win_over_the_shared_ones() {
    let tls = json!({"enabled": true, "allow_termination_from": ["10.0.0.0/8"]});
    let serve =
        json!({"tls": tls, "public": {"tls": {"allow_termination_from": ["192.0.2.0/24"]}}});
    let serve = load_json(&with(minimal(), "serve", serve))
        .unwrap()
        .settings
        .serve;
    let is_in = |listener: &Listener, address: &str| {
        let networks = serve.termination_from(listener);
        networks
            .iter()
            .any(|network| network.contains(address.parse().unwrap()))
    };
    assert!(is_in(&serve.public, "192.0.2.1") && !is_in(&serve.public, "10.0.0.1"));
    assert!(is_in(&serve.admin, "10.0.0.1") && !is_in(&serve.admin, "192.0.2.1"));
}

#[test]
fn what_hydra_lets_pass_starts_with_a_warning() {
    for path in [
        "serve.public.foo",
        "serve.admin.foo",
        "serve.public.cors.foo",
        "serve.admin.cors.foo",
        "serve.cookies.names.foo",
        "serve.cookies.paths.foo",
        "urls.device.foo",
        "oauth2.session.foo",
        "oauth2.grant.refresh_token.foo",
        "sqa.foo",
        "feature_flags.foo",
    ] {
        let loaded = load_json(&with(minimal(), path, json!({"a": 1, "b": 2})));
        let warnings = loaded.unwrap_or_else(|e| panic!("{path}: {e}")).warnings;
        let about = format!("{path} is not a key");
        let told = warnings.iter().filter(|text| text.starts_with(&about));
        assert_eq!(told.count(), 1, "{path}: {warnings:?}");
    }
    let near = with(minimal(), "serve.public.prot", json!(1));
    let warnings = load_json(&near).unwrap().warnings.join("\n");
    assert!(
        warnings.contains("did you mean `serve.public.port`?"),
        "{warnings}"
    );
}

#[test]
fn an_empty_default_host_is_none() {
    let mut sources = Sources {
        dev: Some(true),
        ..Sources::default()
    };
    let unset = load(&sources).unwrap().settings.serve.admin.address();
    sources.env = env(&[("TESSERA_ADMIN_DEFAULT_HOST", "")]);
    let empty = load(&sources).unwrap().settings.serve.admin.address();
    assert_eq!(empty, unset);
    assert_ne!(empty, ListenAddress::AllInterfaces { port: 4445 });
}

#[test]
fn the_users_file_is_found_as_the_server_finds_it() {
    let file = File::json(&json!({"builtin_login": {"users_file": "people.yaml"}, "nonsense": 1}));
    let mut sources = Sources {
        files: vec![file.path.clone()],
        env: env(&[("DSN", "sqlite:///data/db.sqlite")]),
        ..Sources::default()
    };
    let found = |sources: &Sources| load_users_file(sources).unwrap();
    assert_eq!(found(&sources).path, Some("people.yaml".into()));
    sources
        .env
        .extend(env(&[("BUILTIN_LOGIN_USERS_FILE", "/e.json")]));
    assert_eq!(found(&sources).path, Some("/e.json".into()));
    sources.files.clear();
    sources.env = env(&[("DSN", "sqlite:///data/db.sqlite")]);
    assert_eq!(found(&sources).path, Some("/data/users.json".into()));
    assert!(!found(&sources).is_in_state_directory);
    sources.env = env(&[("DSN", "memory")]);
    assert_eq!(found(&sources).path, None);
    sources.env = env(&[("TESSERA_STATE_DIR", "/state")]);
    let home = found(&sources);
    assert_eq!(home.path, Some("/state/users.json".into()));
    assert!(home.is_in_state_directory);
}

#[test]
fn a_flag_that_a_variable_overrides_is_not_advised() {
    let sources = Sources {
        dev: Some(true),
        env: env(&[("DEV", "false")]),
        ..Sources::default()
    };
    let text = load(&sources).unwrap_err().to_string();
    assert!(
        text.contains("unset DEV") && !text.contains("add `--dev`"),
        "{text}"
    );
    let file = File::json(&json!({"urls": {"self": {"issuer": "http://op.example.com/"}}}));
    let report = check_file(&file.path).to_string();
    assert!(report.contains("`serve` has the flag `--dev`"), "{report}");
    assert!(!report.contains("add `--dev`"), "{report}");
}
