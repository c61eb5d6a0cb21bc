"""A login and consent app by the reference server's own SDK: discovery, login, consent, sessions, logout, and the refusals."""

from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from ory_hydra_client import (
    AcceptOAuth2ConsentRequest,
    AcceptOAuth2ConsentRequestSession,
    AcceptOAuth2LoginRequest,
    ApiClient,
    Configuration,
    OAuth2Api,
    OidcApi,
    OidcConfiguration,
    RejectOAuth2Request,
)
from pydantic import ValidationError

from person import ADMIN_URL, LOGGED_OUT_URI, PUBLIC_URL, REDIRECT_URI, SCOPE, register_app, walk

SUBJECT = "someone@example.org"
admin = OAuth2Api(ApiClient(Configuration(host=ADMIN_URL)))
tokens = OAuth2Api(ApiClient(Configuration(host=PUBLIC_URL, username="app", password="some-long-secret")))


def discover():
    """The SDK's model demands the endpoint of the device grant; until that is served, the document is the model's in all else."""
    try:
        return OidcApi(ApiClient(Configuration(host=PUBLIC_URL))).discover_oidc_configuration()
    except ValidationError as error:
        assert [each["loc"] for each in error.errors()] == [("device_authorization_endpoint",)], error
    announced = requests.get(f"{PUBLIC_URL}/.well-known/openid-configuration").json()
    return OidcConfiguration.from_dict({"device_authorization_endpoint": "", **announced})


document = discover()
assert document.issuer == PUBLIC_URL
assert document.authorization_endpoint == f"{PUBLIC_URL}/oauth2/auth"
assert "public" in document.subject_types_supported
register_app(client_id="app", client_secret="some-long-secret", client_name="An app")


def parameter(arrival, name):
    return parse_qs(urlsplit(arrival["url"]).query)[name][0]


def begin(**more):
    parameters = {"client_id": "app", "redirect_uri": REDIRECT_URI, "response_type": "code", "scope": SCOPE}
    parameters |= {"state": "some-state", "nonce": "some-nonce", **more}
    return walk(f"{document.authorization_endpoint}?{urlencode(parameters)}")


def login(arrival, was_known):
    challenge = parameter(arrival, "login_challenge")
    request = admin.get_o_auth2_login_request(challenge)
    assert request.skip == was_known and request.subject == (SUBJECT if was_known else "")
    assert request.client.client_name == "An app" and request.requested_scope == SCOPE.split()
    accept = AcceptOAuth2LoginRequest(subject=SUBJECT, remember=True, remember_for=3600, context={"step": 1})
    return walk(admin.accept_o_auth2_login_request(challenge, accept).redirect_to)


def consent(arrival, was_known):
    challenge = parameter(arrival, "consent_challenge")
    request = admin.get_o_auth2_consent_request(challenge)
    assert request.skip == was_known and request.subject == SUBJECT and request.context == {"step": 1}
    session = AcceptOAuth2ConsentRequestSession(id_token={"team": "blue"}, access_token={"floor": 3})
    accept = AcceptOAuth2ConsentRequest(
        grant_scope=request.requested_scope, remember=True, remember_for=3600, session=session
    )
    arrival = walk(admin.accept_o_auth2_consent_request(challenge, accept).redirect_to)
    assert parameter(arrival, "state") == "some-state"
    return tokens.oauth2_token_exchange(
        grant_type="authorization_code",
        client_id="app",
        code=parameter(arrival, "code"),
        redirect_uri=REDIRECT_URI,
    )


def introspect(answer):
    return admin.introspect_o_auth2_token(answer.access_token)


first = consent(login(begin(), False), False)
assert first.id_token and first.refresh_token
assert introspect(first).ext == {"floor": 3} and introspect(first).sub == SUBJECT
person = OidcApi(ApiClient(Configuration(host=PUBLIC_URL, access_token=first.access_token))).get_oidc_user_info()
assert person.sub == SUBJECT and person.additional_properties["team"] == "blue"
refreshed = tokens.oauth2_token_exchange(
    grant_type="refresh_token", client_id="app", refresh_token=first.refresh_token
)
assert introspect(refreshed).active

# Sessions.
(session,) = admin.list_o_auth2_consent_sessions(SUBJECT)
assert session.consent_request.client.client_id == "app" and set(session.grant_scope) == set(SCOPE.split())
assert session.remember and session.handled_at.tzinfo and session.session.id_token == {"team": "blue"}
second = consent(login(begin(), True), True)
admin.revoke_o_auth2_consent_sessions(subject=SUBJECT, client="app")
assert not introspect(refreshed).active and not introspect(second).active
assert admin.list_o_auth2_consent_sessions(SUBJECT) == []
latest = consent(login(begin(), True), False)

# Logout.
bye = {"id_token_hint": latest.id_token, "post_logout_redirect_uri": LOGGED_OUT_URI}
challenge = parameter(walk(f"{document.end_session_endpoint}?{urlencode(bye)}"), "logout_challenge")
request = admin.get_o_auth2_logout_request(challenge)
assert request.subject == SUBJECT and request.rp_initiated and request.client.client_id == "app"
assert walk(admin.accept_o_auth2_logout_request(challenge).redirect_to)["url"] == LOGGED_OUT_URI
consent(login(begin(), False), True)
admin.revoke_o_auth2_login_sessions(subject=SUBJECT)

# Refusals come back to the app.
refusal = RejectOAuth2Request(error="access_denied", error_description="not today")
challenge = parameter(begin(), "login_challenge")
refused = walk(admin.reject_o_auth2_login_request(challenge, refusal).redirect_to)
assert parameter(refused, "error") == "access_denied"
challenge = parameter(login(begin(), False), "consent_challenge")
refused = walk(admin.reject_o_auth2_consent_request(challenge, refusal).redirect_to)
assert parameter(refused, "error") == "access_denied"
