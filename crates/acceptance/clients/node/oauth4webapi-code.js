// oauth4webapi, call by call: code with PKCE, hybrid with form_post (c_hash is checked), userinfo, refresh, revocation, logout.
import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { first, follow, loggedOutUri, redirectUri, registerApp, scope, subject } from "./person.js";

const issuer = new URL(process.env.PUBLIC_URL);
const plain = { [oauth.allowInsecureRequests]: true };
const server = await oauth.discoveryRequest(issuer, plain).then((answer) => oauth.processDiscoveryResponse(issuer, answer));
assert.ok(server.code_challenge_methods_supported.includes("S256"));
assert.ok(server.response_modes_supported.includes("form_post"));

const client = { client_id: "bare" };
const authentication = oauth.ClientSecretBasic("some-long-secret");
await registerApp({
  ...client,
  client_secret: "some-long-secret",
  grant_types: ["authorization_code", "refresh_token", "implicit"],
  response_types: ["code", "code id_token"],
});

async function signIn(more = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: "code",
    scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
    ...more,
  });
  return { verifier, state, nonce, arrival: await follow(url) };
}

async function redeem(parameters, verifier, expectedNonce) {
  const answer = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, parameters, redirectUri, verifier, plain,
  );
  return oauth.processAuthorizationCodeResponse(server, client, answer, { expectedNonce, requireIdToken: true });
}

async function userinfo(token) {
  const answer = await oauth.userInfoRequest(server, client, token, plain);
  return oauth.processUserInfoResponse(server, client, subject, answer);
}

const start = await signIn();
assert.deepEqual(start.arrival.asked, first);
const back = oauth.validateAuthResponse(server, client, new URL(start.arrival.url), start.state);
const tokens = await redeem(back, start.verifier, start.nonce);
assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, subject);
assert.equal((await userinfo(tokens.access_token)).sub, subject);

const refresh = await oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token, plain);
const refreshed = await oauth.processRefreshTokenResponse(server, client, refresh);
await userinfo(refreshed.access_token);
const revocation = await oauth.revocationRequest(server, client, authentication, refreshed.refresh_token, plain);
await oauth.processRevocationResponse(revocation);
await assert.rejects(userinfo(refreshed.access_token), oauth.WWWAuthenticateChallengeError);

// Hybrid: the form that the browser posts to the application.
const hybrid = await signIn({ response_type: "code id_token", response_mode: "form_post" });
const posted = (form) =>
  new Request(hybrid.arrival.url, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
  });
const check = (form) =>
  oauth.validateCodeIdTokenResponse(server, client, posted(form), hybrid.nonce, hybrid.state, undefined, plain);
assert.equal(hybrid.arrival.url, redirectUri);
await assert.rejects(check({ ...hybrid.arrival.form, code: `${hybrid.arrival.form.code}x` }), /c_hash/);
const checked = await check(hybrid.arrival.form);
const latest = await redeem(checked, hybrid.verifier, hybrid.nonce);
await userinfo(latest.access_token);

const bye = new URL(server.end_session_endpoint);
bye.search = new URLSearchParams({ id_token_hint: latest.id_token, post_logout_redirect_uri: loggedOutUri });
assert.equal((await follow(bye)).url, loggedOutUri);
const silent = await signIn({ prompt: "none" });
const answered = () => oauth.validateAuthResponse(server, client, new URL(silent.arrival.url), silent.state);
assert.throws(answered, (error) => error instanceof oauth.AuthorizationResponseError && error.error === "login_required");
