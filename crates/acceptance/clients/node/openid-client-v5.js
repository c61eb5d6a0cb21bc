// openid-client 5, which many applications still carry.
import assert from "node:assert/strict";
import { Issuer, errors } from "openid-client-v5";
import { keyPair, register } from "./registration.js";

const issuer = await Issuer.discover(process.env.PUBLIC_URL);
assert.equal(issuer.metadata.issuer, process.env.PUBLIC_URL);
const { privateKey, jwks } = await keyPair();
const privateJwk = { ...(await crypto.subtle.exportKey("jwk", privateKey)), kid: "own", alg: "ES256" };
delete privateJwk.key_ops;
const methods = [
  ["client_secret_basic", { client_secret: "some secret: 100% +" }],
  ["client_secret_post", { client_secret: "some secret: 100% +" }],
  ["private_key_jwt", { jwks }],
];

for (const [method, credentials] of methods) {
  const id = `five-${method}`;
  await register({ client_id: id, token_endpoint_auth_method: method, ...credentials });
  const metadata = {
    client_id: id,
    client_secret: credentials.client_secret,
    token_endpoint_auth_method: method,
    token_endpoint_auth_signing_alg: method === "private_key_jwt" ? "ES256" : undefined,
    response_types: [],
    redirect_uris: [],
  };
  const client = new issuer.Client(metadata, { keys: [privateJwk] });
  const token = await client.grant({ grant_type: "client_credentials", scope: "read write" });
  assert.equal(token.scope, "read write");
  assert.ok(token.expires_in > 0);
  const facts = await client.introspect(token.access_token);
  assert.equal(facts.active, true);
  assert.equal(facts.client_id, id);
  await client.revoke(token.access_token);
  assert.equal((await client.introspect(token.access_token)).active, false);
}

const stranger = new issuer.Client({ client_id: "five-client_secret_basic", client_secret: "wrong" });
const refusal = await stranger.grant({ grant_type: "client_credentials" }).then(assert.fail, (error) => error);
assert.ok(refusal instanceof errors.OPError, String(refusal));
assert.equal(refusal.error, "invalid_client");
