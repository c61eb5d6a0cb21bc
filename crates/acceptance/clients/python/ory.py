"""The reference server's own SDK: clients, tokens and metadata at the /admin/... paths."""

import os
import re
from urllib.parse import unquote

from ory_hydra_client import (
    ApiClient,
    Configuration,
    JsonPatch,
    MetadataApi,
    OAuth2Api,
    OAuth2Client,
    OAuth2ClientTokenLifespans,
    WellknownApi,
)
from ory_hydra_client.exceptions import NotFoundException, UnauthorizedException

PUBLIC_URL, ADMIN_URL = os.environ["PUBLIC_URL"], os.environ["ADMIN_URL"]
admin = ApiClient(Configuration(host=ADMIN_URL))
public = ApiClient(Configuration(host=PUBLIC_URL))
clients = OAuth2Api(admin)


def as_client(client_id, secret):
    return OAuth2Api(ApiClient(Configuration(host=PUBLIC_URL, username=client_id, password=secret)))


def must_fail(error, call, **arguments):
    try:
        call(**arguments)
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


for at in (public, admin):
    assert MetadataApi(at).is_alive().status == "ok"
    assert MetadataApi(at).is_ready().status == "ok"
assert MetadataApi(admin).get_version().version

# Clients: create, get, set, patch.
created = clients.create_o_auth2_client(
    OAuth2Client(
        client_name="machine one",
        grant_types=["client_credentials"],
        scope="read write",
        audience=["https://api.example.org"],
        metadata={"tier": 3},
    )
)
client_id, secret = created.client_id, created.client_secret
assert client_id and secret and created.created_at.tzinfo
read = clients.get_o_auth2_client(client_id)
assert read.client_secret is None and read.metadata == {"tier": 3}
assert read.token_endpoint_auth_method == "client_secret_basic"
read.client_name = "machine two"
assert clients.set_o_auth2_client(client_id, read).client_name == "machine two"
patched = clients.patch_o_auth2_client(
    client_id,
    [
        JsonPatch(op="replace", path="/client_name", value="machine three"),
        JsonPatch(op="add", path="/contacts", value=["ops@example.org"]),
    ],
)
assert (patched.client_name, patched.contacts) == ("machine three", ["ops@example.org"])
assert patched.audience == ["https://api.example.org"]
lifespans = OAuth2ClientTokenLifespans(client_credentials_grant_access_token_lifespan="10m")
spanned = clients.set_o_auth2_client_lifespans(client_id, lifespans)
assert spanned.client_credentials_grant_access_token_lifespan == "10m0s"

# Pages, by the token in the Link header.
for number in range(4):
    clients.create_o_auth2_client(OAuth2Client(client_id=f"page-{number}", owner="pages"))
seen, page_token = [], None
while True:
    page = clients.list_o_auth2_clients_with_http_info(page_size=2, page_token=page_token)
    seen += [client.client_id for client in page.data]
    following = re.search(r'page_token=([^&>]+)[^>]*>; ?rel="next"', page.headers.get("link", ""))
    if not following:
        break
    page_token = unquote(following[1])
assert sorted(seen) == sorted([client_id, *(f"page-{number}" for number in range(4))]), seen
assert len(clients.list_o_auth2_clients(owner="pages")) == 4

# Tokens: exchange, introspect, revoke, delete.
machine = as_client(client_id, secret)


def take():
    return machine.oauth2_token_exchange(grant_type="client_credentials")


def is_active(answer):
    return clients.introspect_o_auth2_token(answer.access_token).active


first = take()
assert first.token_type == "bearer" and 590 < first.expires_in <= 600
facts = clients.introspect_o_auth2_token(first.access_token)
assert facts.active and facts.client_id == client_id and facts.sub == client_id
assert facts.token_use == "access_token" and facts.exp - facts.iat <= 600
assert not clients.introspect_o_auth2_token(first.access_token, scope="other").active
machine.revoke_o_auth2_token(first.access_token)
assert not is_active(first)
second = take()
assert is_active(second)
clients.delete_o_auth2_token(client_id)
assert not is_active(second)
must_fail(UnauthorizedException, as_client(client_id, "wrong").oauth2_token_exchange, grant_type="client_credentials")

keys = WellknownApi(public).discover_json_web_keys().keys
assert keys and all(key.kid and key.d is None for key in keys)

clients.delete_o_auth2_client(client_id)
must_fail(NotFoundException, clients.get_o_auth2_client, id=client_id)
