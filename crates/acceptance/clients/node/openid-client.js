// openid-client 6 (over oauth4webapi): discovery, client credentials by three authentication methods, introspection, revocation.
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { keyPair, register } from "./registration.js";

const issuer = new URL(process.env.PUBLIC_URL);
const { privateKey, jwks } = await keyPair();
// The reserved characters tell whether both sides form-encode Basic credentials (RFC 6749 2.3.1).
const secret = "some secret: 100% + /?&=é";
const methods = [
  ["client_secret_basic", { client_secret: secret }, oidc.ClientSecretBasic(secret)],
  ["client_secret_post", { client_secret: secret }, oidc.ClientSecretPost(secret)],
  ["private_key_jwt", { jwks }, oidc.PrivateKeyJwt({ key: privateKey, kid: "own" })],
];

for (const [method, credentials, authentication] of methods) {
  const id = `by-${method}`;
  await register({ client_id: id, token_endpoint_auth_method: method, ...credentials });
  for (const algorithm of ["oidc", "oauth2"]) {
    const options = { algorithm, execute: [oidc.allowInsecureRequests] };
    const server = await oidc.discovery(issuer, id, undefined, authentication, options);
    assert.equal(server.serverMetadata().issuer, process.env.PUBLIC_URL);

    const token = await oidc.clientCredentialsGrant(server, { scope: "read" });
    assert.equal(token.token_type, "bearer");
    assert.equal(token.scope, "read");
    assert.ok(token.expiresIn() > 0);

    const facts = await oidc.tokenIntrospection(server, token.access_token);
    assert.equal(facts.active, true);
    assert.equal(facts.client_id, id);
    assert.equal(facts.scope, "read");

    await oidc.tokenRevocation(server, token.access_token, { token_type_hint: "access_token" });
    assert.equal((await oidc.tokenIntrospection(server, token.access_token)).active, false);
  }
}

const options = { execute: [oidc.allowInsecureRequests] };
const stranger = await oidc.discovery(issuer, "by-client_secret_basic", undefined, oidc.ClientSecretBasic("wrong"), options);
const refusal = await oidc.clientCredentialsGrant(stranger).then(assert.fail, (error) => error);
assert.ok(refusal instanceof oidc.WWWAuthenticateChallengeError, String(refusal));
assert.equal(refusal.status, 401);

const known = await oidc.discovery(issuer, "by-client_secret_basic", undefined, oidc.ClientSecretBasic(secret), options);
const scope = await oidc.clientCredentialsGrant(known, { scope: "admin" }).then(assert.fail, (error) => error);
assert.ok(scope instanceof oidc.ResponseBodyError, String(scope));
assert.equal(scope.error, "invalid_scope");
assert.ok(scope.error_description);
