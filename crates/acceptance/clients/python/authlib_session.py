"""Authlib: client credentials by each authentication method, introspection, revocation, and a JWT access token checked with the published keys."""

import os

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from joserfc.jws import JWSRegistry

PUBLIC_URL, ADMIN_URL = os.environ["PUBLIC_URL"], os.environ["ADMIN_URL"]
server = requests.get(f"{PUBLIC_URL}/.well-known/openid-configuration").json()
key = RSAKey.generate_key(2048, {"kid": "own", "alg": "RS256", "use": "sig"})


def register(**client):
    client = {"grant_types": ["client_credentials"], "scope": "read write", **client}
    response = requests.post(f"{ADMIN_URL}/admin/clients", json=client)
    assert response.status_code == 201, response.text


def session(method, secret):
    made = OAuth2Session(
        f"lib-{method}", secret, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method, scope="read"
    )
    made.register_client_auth_method(PrivateKeyJWT(server["token_endpoint"], headers={"kid": "own"}))
    return made


for method, credentials, secret in (
    ("client_secret_basic", {"client_secret": "some-long-secret"}, "some-long-secret"),
    ("client_secret_post", {"client_secret": "some: secret 100% +é"}, "some: secret 100% +é"),
    ("private_key_jwt", {"jwks": {"keys": [key.as_dict(private=False)]}}, key),
):
    register(client_id=f"lib-{method}", token_endpoint_auth_method=method, **credentials)
    client = session(method, secret)
    token = client.fetch_token(server["token_endpoint"], grant_type="client_credentials")
    assert token["token_type"] == "bearer" and token["scope"] == "read" and token["expires_in"] > 0

    def introspect():
        answer = client.introspect_token(server["introspection_endpoint"], token["access_token"])
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert introspect()["active"] and introspect()["client_id"] == f"lib-{method}"
    revoked = client.revoke_token(server["revocation_endpoint"], token["access_token"], token_type_hint="access_token")
    assert revoked.status_code == 200, revoked.text
    assert introspect() == {"active": False}

try:
    session("client_secret_basic", "wrong").fetch_token(server["token_endpoint"], grant_type="client_credentials")
    raise AssertionError("a wrong secret passes")
except OAuthError as error:
    assert error.error == "invalid_client" and error.description

register(client_id="lib-jwt", client_secret="some-long-secret", access_token_strategy="jwt")
client = OAuth2Session("lib-jwt", "some-long-secret", scope="read")
token = client.fetch_token(server["token_endpoint"], grant_type="client_credentials")
published = KeySet.import_key_set(requests.get(server["jwks_uri"]).json())
# RFC 7515 4: header parameters that are not understood are ignored, which joserfc does only when told.
registry = JWSRegistry(strict_check_header=False)
claims = jwt.decode(token["access_token"], published, algorithms=["RS256"], registry=registry).claims
assert claims["iss"] == server["issuer"] and claims["client_id"] == "lib-jwt" and claims["scp"] == ["read"]
