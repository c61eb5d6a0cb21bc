// The reference server's own SDK, v26 generation: /admin/... paths.
import assert from "node:assert/strict";
import { Configuration, MetadataApi, OAuth2Api, OidcApi, WellknownApi } from "@ory/hydra-client";

const { PUBLIC_URL, ADMIN_URL } = process.env;
const admin = new Configuration({ basePath: ADMIN_URL });
const clients = new OAuth2Api(admin);
const asClient = (id, secret) =>
  new OAuth2Api(new Configuration({ basePath: PUBLIC_URL, username: id, password: secret }));
const fails = (status) => (error) => {
  assert.equal(error.response?.status, status, String(error));
  return true;
};

for (const basePath of [PUBLIC_URL, ADMIN_URL]) {
  const metadata = new MetadataApi(new Configuration({ basePath }));
  assert.equal((await metadata.isAlive()).data.status, "ok");
  assert.equal((await metadata.isReady()).data.status, "ok");
}
assert.match((await new MetadataApi(admin).getVersion()).data.version, /\d/);

// Clients: create, get, set, patch.
const wanted = {
  client_name: "machine one",
  grant_types: ["client_credentials"],
  scope: "read write",
  audience: ["https://api.example.org"],
  metadata: { tier: 3 },
  token_endpoint_auth_method: "client_secret_basic",
};
const created = await clients.createOAuth2Client({ oAuth2Client: wanted });
assert.equal(created.status, 201);
const { client_id: id, client_secret: secret } = created.data;
assert.ok(id && secret);
for (const [name, value] of Object.entries(wanted)) assert.deepEqual(created.data[name], value, name);
const read = (await clients.getOAuth2Client({ id })).data;
assert.equal(read.client_secret, undefined);
assert.deepEqual(read.metadata, { tier: 3 });

const set = await clients.setOAuth2Client({ id, oAuth2Client: { ...read, client_name: "machine two" } });
assert.equal(set.data.client_name, "machine two");
const jsonPatch = [
  { op: "replace", path: "/client_name", value: "machine three" },
  { op: "add", path: "/contacts", value: ["ops@example.org"] },
];
const patched = await clients.patchOAuth2Client({ id, jsonPatch });
assert.equal(patched.data.client_name, "machine three");
assert.deepEqual(patched.data.contacts, ["ops@example.org"]);
assert.deepEqual(patched.data.audience, wanted.audience);

const lifespans = await clients.setOAuth2ClientLifespans({
  id,
  oAuth2ClientTokenLifespans: { client_credentials_grant_access_token_lifespan: "10m" },
});
assert.equal(lifespans.data.client_credentials_grant_access_token_lifespan, "10m0s");

// Pages, by the token in the Link header.
for (let number = 0; number < 4; number += 1) {
  await clients.createOAuth2Client({ oAuth2Client: { client_id: `page-${number}`, owner: "pages" } });
}
const seen = [];
let pageToken;
do {
  const page = await clients.listOAuth2Clients({ pageSize: 2, pageToken });
  assert.ok(page.data.length <= 2);
  seen.push(...page.data.map((client) => client.client_id));
  pageToken = /page_token=([^&>]+)[^>]*>; ?rel="next"/.exec(page.headers.link)?.[1];
  pageToken &&= decodeURIComponent(pageToken);
} while (pageToken);
assert.deepEqual([...new Set(seen)].sort(), [id, "page-0", "page-1", "page-2", "page-3"].sort());
assert.equal(seen.length, 5, "no client is listed twice");
const owned = await clients.listOAuth2Clients({ owner: "pages", clientName: "" });
assert.equal(owned.data.length, 4);

// Tokens: exchange, introspect, revoke, delete.
const machine = asClient(id, secret);
const take = async () => (await machine.oauth2TokenExchange({ grantType: "client_credentials" })).data;
const active = async (token) => (await clients.introspectOAuth2Token({ token })).data.active;

const first = await take();
assert.equal(first.token_type, "bearer");
assert.ok(first.expires_in > 590 && first.expires_in <= 600, "the client's lifespan holds");
const facts = (await clients.introspectOAuth2Token({ token: first.access_token })).data;
assert.equal(facts.active, true);
assert.equal(facts.client_id, id);
assert.equal(facts.sub, id);
assert.equal(facts.token_use, "access_token");
assert.equal(facts.token_type, "Bearer");
assert.ok(facts.exp - facts.iat <= 600 && facts.exp > Date.now() / 1000);
assert.equal((await clients.introspectOAuth2Token({ token: first.access_token, scope: "other" })).data.active, false);

assert.equal((await machine.revokeOAuth2Token({ token: first.access_token })).status, 200);
assert.equal(await active(first.access_token), false);
const tokens = [await take(), await take()];
assert.equal((await clients.deleteOAuth2Token({ clientId: id })).status, 204);
for (const { access_token } of tokens) assert.equal(await active(access_token), false);
assert.equal(await active((await take()).access_token), true);

await assert.rejects(asClient(id, "wrong").oauth2TokenExchange({ grantType: "client_credentials" }), fails(401));

// What the public port publishes.
const atPublic = new Configuration({ basePath: PUBLIC_URL });
const published = (await new WellknownApi(atPublic).discoverJsonWebKeys()).data.keys;
assert.ok(published.length > 0 && published.every((each) => each.d === undefined));
const discovered = (await new OidcApi(atPublic).discoverOidcConfiguration()).data;
assert.equal(discovered.issuer, PUBLIC_URL);
assert.equal(discovered.token_endpoint, `${PUBLIC_URL}/oauth2/token`);

assert.equal((await clients.deleteOAuth2Client({ id })).status, 204);
await assert.rejects(clients.getOAuth2Client({ id }), fails(404));
