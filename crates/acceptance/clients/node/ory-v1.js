// The reference server's own SDK, v1.11 generation: unprefixed admin paths.
import assert from "node:assert/strict";
import { AdminApi, Configuration, MetadataApi, PublicApi } from "ory-hydra-client-v1";

const { PUBLIC_URL, ADMIN_URL } = process.env;
const admin = new AdminApi(new Configuration({ basePath: ADMIN_URL }));
const asClient = (username, password) => new PublicApi(new Configuration({ basePath: PUBLIC_URL, username, password }));
const fails = (status) => (error) => {
  assert.equal(error.response?.status, status, String(error));
  return true;
};

const metadata = new MetadataApi(new Configuration({ basePath: ADMIN_URL }));
assert.equal((await metadata.isAlive()).data.status, "ok");
assert.equal((await metadata.isReady()).data.status, "ok");
assert.match((await metadata.getVersion()).data.version, /\d/);

// Clients.
const secret = "some-long-secret";
const created = await admin.createOAuth2Client({
  client_id: "machine",
  client_secret: secret,
  client_name: "one",
  grant_types: ["client_credentials"],
  scope: "read write",
});
assert.equal(created.status, 201);
assert.equal(created.data.client_secret, secret);
const read = (await admin.getOAuth2Client("machine")).data;
assert.equal(read.client_secret, undefined);
assert.equal(read.scope, "read write");
const set = await admin.updateOAuth2Client("machine", { ...read, client_name: "two" });
assert.equal(set.data.client_name, "two");
const patched = await admin.patchOAuth2Client("machine", [{ op: "replace", path: "/client_name", value: "three" }]);
assert.equal(patched.data.client_name, "three");

for (let number = 0; number < 4; number += 1) {
  await admin.createOAuth2Client({ client_id: `page-${number}`, owner: "pages" });
}
const seen = [];
for (let offset = 0; ; offset += 2) {
  const page = (await admin.listOAuth2Clients(2, offset)).data;
  if (page.length === 0) break;
  seen.push(...page.map((client) => client.client_id));
}
assert.deepEqual(seen.sort(), ["machine", "page-0", "page-1", "page-2", "page-3"]);
assert.equal((await admin.listOAuth2Clients(10, 0, undefined, "pages")).data.length, 4);

// Tokens.
const machine = asClient("machine", secret);
const take = async () => (await machine.oauth2Token("client_credentials")).data.access_token;
const active = async (token) => (await admin.introspectOAuth2Token(token)).data.active;

const token = await take();
const facts = (await admin.introspectOAuth2Token(token)).data;
assert.equal(facts.active, true);
assert.equal(facts.client_id, "machine");
assert.equal((await admin.introspectOAuth2Token(token, "other")).data.active, false);
assert.equal((await machine.revokeOAuth2Token(token)).status, 200);
assert.equal(await active(token), false);
const second = await take();
assert.equal(await active(second), true);
assert.equal((await admin.deleteOAuth2Token("machine")).status, 204);
assert.equal(await active(second), false);
assert.equal((await admin.flushInactiveOAuth2Tokens({ notAfter: new Date().toISOString() })).status, 204);
await assert.rejects(asClient("machine", "wrong").oauth2Token("client_credentials"), fails(401));

// What the public port publishes.
const atPublic = asClient();
assert.ok((await atPublic.wellKnown()).data.keys.length > 0);
assert.equal((await atPublic.discoverOpenIDConfiguration()).data.issuer, PUBLIC_URL);

assert.equal((await admin.deleteOAuth2Client("machine")).status, 204);
await assert.rejects(admin.getOAuth2Client("machine"), fails(404));
