//! The authorization endpoint's three visits: the start, the way back from the login app, the way back from the consent
//! app. One file each.
//!
//! Spec: RFC 6749 4.1; OpenID Connect Core 1.0 3.1.2

mod answer;
mod consent_leg;
mod login_leg;
mod refusal;
pub(crate) mod sealed;
mod start;

use axum::response::Response;
use http::HeaderMap;
use std::sync::Arc;
use tessera_protocol::authorize::checks::{self, BEFORE_LOGIN, Facts, Rules};
use tessera_protocol::authorize::destination::{self, Destination};
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::authorize::request::AuthorizeRequest;
use tessera_protocol::client::Client;
use tessera_protocol::error::{ErrorCode, OAuthError, quoted};
use tessera_protocol::time::Timestamp;

pub(crate) use self::refusal::Refusal;
use crate::state::AppState;

/// Answers a visit.
pub(crate) async fn visit(
    app: &AppState,
    headers: &HeaderMap,
    parameters: RequestParameters,
    now: Timestamp,
) -> Result<Response, Refusal> {
    let verifier = |name: &str| parameters.get(name).trim().to_owned();
    let (login_verifier, consent_verifier) =
        (verifier("login_verifier"), verifier("consent_verifier"));
    let visitor = Visitor { app, headers, now };
    let parameters = parameters.without_verifiers();
    if !login_verifier.is_empty() {
        login_leg::finish(&visitor, &login_verifier, parameters).await
    } else if !consent_verifier.is_empty() {
        consent_leg::finish(&visitor, &consent_verifier, parameters).await
    } else {
        start::start(&visitor, parameters).await
    }
}

/// Who is at the door, and when.
struct Visitor<'a> {
    app: &'a AppState,
    headers: &'a HeaderMap,
    now: Timestamp,
}

/// A request whose client and destination are known.
struct Addressed {
    parameters: RequestParameters,
    client: Arc<Client>,
    destination: Destination,
}

impl Addressed {
    /// Finds client and destination.
    ///
    /// # Errors
    /// What cannot be sent to the client is shown on the error page.
    async fn find(app: &AppState, parameters: RequestParameters) -> Result<Self, Refusal> {
        let client_id = parameters.get("client_id");
        let client = match client_id {
            "" => None,
            id => app.clients.load(&*app.store, id).await?,
        };
        let Some(client) = client else {
            return Err(Refusal::Page(OAuthError::new(
                ErrorCode::InvalidClient,
                match client_id {
                    "" => "Parameter 'client_id' is missing.".to_owned(),
                    id => format!("There is no client {}.", quoted(id)),
                },
            )));
        };
        let destination = destination::find(&parameters, &client).map_err(Refusal::Page)?;
        Ok(Self {
            parameters,
            client,
            destination,
        })
    }

    fn request(&self) -> AuthorizeRequest<'_> {
        AuthorizeRequest::new(&self.parameters)
    }

    /// The checks that need nobody's word.
    fn check_before_login(&self, app: &AppState) -> Result<(), Refusal> {
        let request = self.request();
        let requested: Vec<String> = request
            .scope
            .iter()
            .map(|&scope| scope.to_owned())
            .collect();
        let facts = Facts {
            request: &request,
            client: &self.client,
            destination: &self.destination,
            rules: rules(app),
            granted_scope: &requested,
        };
        checks::run(&BEFORE_LOGIN, &facts).map_err(|error| self.refuse(error))
    }

    /// An error for the client.
    fn refuse(&self, error: OAuthError) -> Refusal {
        Refusal::Client(Box::new((self.destination.clone(), error)))
    }
}

/// What the operator chose about requests.
fn rules(app: &AppState) -> Rules {
    let pkce = &app.settings.oauth2.pkce;
    Rules {
        scope_strategy: app.scope_strategy,
        pkce: pkce.enforced,
        pkce_for_public_clients: pkce.enforced_for_public_clients,
        allows_http: app.settings.is_development(),
    }
}
