//! `serve all|public|admin`: its arguments, and the way from them to a running server.

use std::{process::ExitCode, sync::Arc};

use tessera_server::users::{Generated, Users};
use tessera_server::{config, run, telemetry};

use crate::{
    cobra, database,
    failure::{Failure, Outcome},
    print, version,
};

/// `serve …`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) flags: Flags,
    /// Which ports to open.
    #[command(subcommand)]
    pub(crate) ports: Option<Ports>,
}

/// Where the configuration comes from. Flags of both generations; they may stand before or after the sub-command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Flags {
    /// Configuration files (YAML, JSON, TOML); of several, later ones win. Commas separate, and it may be given more than once.
    #[arg(long, short = 'c', global = true, value_name = "FILES")]
    config: Vec<String>,
    /// For development: plain HTTP, and what must be set otherwise has a default.
    #[arg(long, global = true)]
    pub(crate) dev: bool,
    /// Serve plain HTTP without a TLS-terminating proxy in front (v1).
    #[arg(long, global = true)]
    pub(crate) dangerous_force_http: bool,
    /// Redirect URLs that may use plain HTTP (v1).
    #[arg(long, global = true, value_name = "URLS")]
    dangerous_allow_insecure_redirect_urls: Vec<String>,
    /// Accepted for scripts: there is no telemetry to switch off.
    #[arg(long, global = true)]
    pub(crate) sqa_opt_out: bool,
}

/// The ports of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum Ports {
    /// Serve the public and the admin API.
    All,
    /// Serve the public API.
    Public,
    /// Serve the admin API.
    Admin,
}

impl Flags {
    /// Configuration files in order, later ones win.
    pub(crate) fn config_files(&self) -> Vec<String> {
        cobra::list(&self.config)
    }

    /// Redirect URLs that may use plain HTTP.
    pub(crate) fn insecure_redirect_urls(&self) -> Vec<String> {
        cobra::list(&self.dangerous_allow_insecure_redirect_urls)
    }

    /// Everything that the configuration is made of.
    pub(crate) fn sources(&self, serving: config::Serving) -> config::Sources {
        config::Sources {
            files: self.config_files().into_iter().map(Into::into).collect(),
            dev: self.dev.then_some(true),
            force_http: self.dangerous_force_http.then_some(true),
            insecure_redirect_urls: self.insecure_redirect_urls(),
            dsn: None,
            env: database::environment(),
            serving,
        }
    }
}

/// Starts the server on the given ports. `arguments.ports` is never `None`: the dispatcher has printed help then.
pub(crate) fn run(arguments: &Serve) -> ExitCode {
    print::stdout(BANNER);
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn serve(arguments: &Serve) -> Outcome {
    let (ports, serving) = match arguments.ports {
        Some(Ports::Public) => (run::Ports::Public, config::Serving::PublicOnly),
        Some(Ports::Admin) => (run::Ports::Admin, config::Serving::AdminOnly),
        Some(Ports::All) | None => (run::Ports::All, config::Serving::Both),
    };
    let sources = arguments.flags.sources(serving);
    let loaded = config::load(&sources).map_err(|e| Failure::Notice(e.to_string()))?;
    let settings = loaded.settings;
    telemetry::start(settings.log.level, settings.log.format, version::RELEASE);
    for warning in loaded.warnings {
        tracing::warn!("{warning}");
    }
    let users = match ports {
        run::Ports::Admin => None,
        run::Ports::Public | run::Ports::All => Users::open(&settings).map_err(Failure::Error)?,
    };
    let (users, generated) = users.map_or((None, None), |o| (Some(o.users), o.generated));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Room for the deepest JSON that a parser lets through; only what is used becomes memory.
        .thread_stack_size(8 * 1024 * 1024)
        .build()
        .map_err(|e| Failure::Error(format!("no runtime could be started: {e}")))?;
    let outcome = runtime.block_on(async {
        // The server keeps its own database's schema; a shared one is the operator's, save in development.
        let is_shared = matches!(settings.dsn, config::Dsn::Postgres { .. });
        let migrates = !is_shared || settings.is_development() && arguments.flags.dev;
        let limit = if migrates {
            database::LOOK
        } else {
            database::GLANCE
        };
        database::refuse_foreign(&settings.dsn, limit).await?;
        let opened =
            database::open(&settings.dsn, database::is_synchronous_full(&settings)).await?;
        if migrates {
            opened
                .migrations
                .up()
                .await
                .map_err(|e| Failure::Error(e.to_string()))?;
        }
        if arguments.flags.dev {
            print::stdout(&next_commands(&settings));
        }
        // On the terminal only: the log may be kept somewhere.
        if let Some(Generated { username, password }) = generated {
            print::stdout(&test_user(username, password.expose()));
        }
        let store = Arc::clone(&opened.store);
        let served = run::serve(
            settings,
            ports,
            store,
            users,
            version::RELEASE,
            stop_signal(),
        )
        .await;
        opened.close().await;
        served.map_err(Failure::Error)
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome
}

const BANNER: &str =
    "Tessera, an OAuth 2.0 authorization server that takes the place of Ory Hydra.\n\n";

/// What to try against a development server.
fn next_commands(settings: &config::Settings) -> String {
    let scheme = |tls| {
        if tls == config::Tls::Off {
            "http"
        } else {
            "https"
        }
    };
    let serve = &settings.serve;
    let admin = format!(
        "{}://localhost:{}",
        scheme(serve.tls(&serve.admin)),
        serve.admin.port
    );
    let public = format!(
        "{}://localhost:{}",
        scheme(serve.tls(&serve.public)),
        serve.public.port
    );
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "tessera".to_owned());
    format!(
        "Try these next, in another terminal:\n\n  \
         {program} create client --endpoint {admin} --id my-client --secret my-secret --grant-type client_credentials --scope api\n  \
         {program} perform client-credentials --endpoint {public} --client-id my-client --client-secret my-secret --scope api\n  \
         {program} introspect token --endpoint {admin} TOKEN\n\n"
    )
}

/// Who can log in at the built-in page of a development server.
fn test_user(username: &str, password: &str) -> String {
    format!(
        "Sign in at the built-in login page as\n\n  user name  {username}\n  password   {password}\n\n\
         which holds until this server stops. `create user NAME`, with the same -c and environment, makes users that stay.\n\n"
    )
}

/// Done at SIGTERM or SIGINT, also as process 1 of a container.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("Signals cannot be received, so the server only stops when it is killed.");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
