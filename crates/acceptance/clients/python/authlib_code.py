"""Authlib: code with PKCE, the ID token checked with the published keys, userinfo, refresh, logout, and no sign-in without a session."""

from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from person import LOGGED_OUT_URI, PUBLIC_URL, REDIRECT_URI, SCOPE, SUBJECT, follow, register_app

server = requests.get(f"{PUBLIC_URL}/.well-known/openid-configuration").json()
keys = KeySet.import_key_set(requests.get(server["jwks_uri"]).json())


def session(method, secret):
    return OAuth2Session(
        f"app-{method}",
        secret,
        token_endpoint_auth_method=method,
        scope=SCOPE,
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
        # Where refreshed tokens are asked for, once the old one has expired.
        token_endpoint=server["token_endpoint"],
    )


def begin(client, **more):
    verifier, nonce = generate_token(48), generate_token()
    url, state = client.create_authorization_url(
        server["authorization_endpoint"], code_verifier=verifier, nonce=nonce, **more
    )
    return follow(url), verifier, nonce, state


def claims_of(id_token, client_id, nonce, access_token):
    decoded = jwt.decode(id_token, keys, algorithms=["RS256"])
    expected = {"iss": {"value": server["issuer"]}, "aud": {"value": client_id}}
    parameters = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    claims = CodeIDToken(decoded.claims, decoded.header, expected, parameters)
    claims.validate()
    return claims


for method, secret in (
    ("client_secret_basic", "some-long-secret"),
    ("client_secret_post", "some: secret 100% +é"),
    ("none", None),
):
    client_id = f"app-{method}"
    register_app(client_id=client_id, token_endpoint_auth_method=method, **({"client_secret": secret} if secret else {}))
    client = session(method, secret)
    arrival, verifier, nonce, state = begin(client)
    assert arrival["asked"] == ["login", "consent"], arrival
    back = arrival["url"]
    token = client.fetch_token(
        server["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )
    assert token["token_type"] == "bearer" and set(token["scope"].split()) == set(SCOPE.split())
    claims = claims_of(token["id_token"], client_id, nonce, token["access_token"])
    assert claims["sub"] == SUBJECT and claims["department"] == "tests" and claims["amr"] == ["pwd"]
    person = client.get(server["userinfo_endpoint"])
    assert person.status_code == 200 and person.json()["sub"] == SUBJECT, person.text

    refreshed = client.refresh_token(server["token_endpoint"], token["refresh_token"])
    assert refreshed["refresh_token"] != token["refresh_token"]
    assert claims_of(refreshed["id_token"], client_id, None, refreshed["access_token"])["sub"] == SUBJECT
    assert client.get(server["userinfo_endpoint"]).json()["sub"] == SUBJECT
    try:
        client.fetch_token(server["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier)
        raise AssertionError("a code is good twice")
    except OAuthError as error:
        assert error.error == "invalid_grant" and error.description

    arrival, verifier, nonce, state = begin(client)
    assert arrival["asked"] == ["login skipped", "consent skipped"], arrival
    token = client.fetch_token(
        server["token_endpoint"], authorization_response=arrival["url"], state=state, code_verifier=verifier
    )
    bye = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": LOGGED_OUT_URI, "state": "left"}
    assert follow(f"{server['end_session_endpoint']}?{urlencode(bye)}")["url"] == f"{LOGGED_OUT_URI}?state=left"
    silent, _, _, _ = begin(client, prompt="none")
    assert parse_qs(urlsplit(silent["url"]).query)["error"] == ["login_required"], silent
