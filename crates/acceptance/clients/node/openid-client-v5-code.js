// openid-client 5, which many applications still carry: code, the hybrid type with everything (c_hash and at_hash are checked), refresh, userinfo, logout.
import assert from "node:assert/strict";
import { Issuer, errors, generators } from "openid-client-v5";
import { first, follow, loggedOutUri, redirectUri, registerApp, scope, subject } from "./person.js";

const issuer = await Issuer.discover(process.env.PUBLIC_URL);
assert.equal(issuer.metadata.authorization_endpoint, `${process.env.PUBLIC_URL}/oauth2/auth`);
const secret = "some secret: 100% +";
await registerApp({
  client_id: "five",
  client_secret: secret,
  grant_types: ["authorization_code", "refresh_token", "implicit"],
  response_types: ["code", "id_token token", "code id_token token"],
});
const client = new issuer.Client({
  client_id: "five",
  client_secret: secret,
  redirect_uris: [redirectUri],
  post_logout_redirect_uris: [loggedOutUri],
});

async function signIn(responseType, more = {}) {
  const checks = {
    response_type: responseType,
    state: generators.state(),
    nonce: generators.nonce(),
    code_verifier: responseType.includes("code") ? generators.codeVerifier() : undefined,
  };
  const url = client.authorizationUrl({
    scope,
    response_type: responseType,
    state: checks.state,
    nonce: checks.nonce,
    ...(checks.code_verifier && {
      code_challenge: generators.codeChallenge(checks.code_verifier),
      code_challenge_method: "S256",
    }),
    ...more,
  });
  const { url: back, asked } = await follow(url);
  // A page of the application hands the fragment over to its server.
  const params = client.callbackParams(back.replace("#", "?"));
  return { asked, params, checks };
}

const start = await signIn("code");
assert.deepEqual(start.asked, first);
const tokens = await client.callback(redirectUri, start.params, start.checks);
assert.equal(tokens.claims().sub, subject);
assert.equal((await client.userinfo(tokens)).sub, subject);
const refreshed = await client.refresh(tokens);
assert.equal(refreshed.claims().sub, subject);
assert.equal((await client.introspect(refreshed.access_token)).sub, subject);

const hybrid = await signIn("code id_token token");
const all = await client.callback(redirectUri, hybrid.params, hybrid.checks);
assert.equal((await client.userinfo(all)).sub, subject);
const implicit = await signIn("id_token token");
const front = await client.callback(redirectUri, implicit.params, implicit.checks);
assert.equal(front.claims().sub, subject);
assert.equal((await client.userinfo(front)).sub, subject);
assert.equal(front.refresh_token, undefined);
const swapped = { ...implicit.params, access_token: all.access_token };
await assert.rejects(client.callback(redirectUri, swapped, implicit.checks), /at_hash/);

const gone = await follow(client.endSessionUrl({ id_token_hint: refreshed, state: "left" }));
assert.equal(gone.url, `${loggedOutUri}?state=left`);
const silent = await signIn("code", { prompt: "none" });
const failure = await client.callback(redirectUri, silent.params, silent.checks).then(assert.fail, (error) => error);
assert.ok(failure instanceof errors.OPError, String(failure));
assert.equal(failure.error, "login_required");
