// openid-client 6: code with PKCE by three authentication methods, userinfo, refresh, replay, logout, and no sign-in without a session.
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { first, follow, loggedOutUri, redirectUri, registerApp, remembered, scope, subject } from "./person.js";
import { keyPair } from "./registration.js";

const issuer = new URL(process.env.PUBLIC_URL);
const { privateKey, jwks } = await keyPair();
const secret = "some secret: 100% + /?&=é";
const methods = [
  ["client_secret_basic", { client_secret: secret }, oidc.ClientSecretBasic(secret)],
  ["client_secret_post", { client_secret: secret }, oidc.ClientSecretPost(secret)],
  ["private_key_jwt", { jwks }, oidc.PrivateKeyJwt({ key: privateKey, kid: "own" })],
  ["none", {}, oidc.None()],
];
const refused = (error) => {
  assert.ok(error instanceof oidc.ResponseBodyError, String(error));
  assert.equal(error.error, "invalid_grant");
  return true;
};

for (const [method, credentials, authentication] of methods) {
  const id = `app-${method}`;
  await registerApp({ client_id: id, token_endpoint_auth_method: method, ...credentials });
  const server = await oidc.discovery(issuer, id, undefined, authentication, { execute: [oidc.allowInsecureRequests] });
  const signIn = async (more = {}) => {
    const checks = {
      pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
      expectedState: oidc.randomState(),
      expectedNonce: oidc.randomNonce(),
      idTokenExpected: true,
    };
    const url = oidc.buildAuthorizationUrl(server, {
      redirect_uri: redirectUri,
      scope,
      code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: "S256",
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      ...more,
    });
    const arrival = await follow(url);
    return { ...arrival, url: new URL(arrival.url), checks };
  };

  const arrival = await signIn();
  assert.deepEqual(arrival.asked, first);
  const tokens = await oidc.authorizationCodeGrant(server, arrival.url, arrival.checks);
  const claims = tokens.claims();
  assert.equal(claims.sub, subject);
  assert.equal(claims.department, "tests");
  assert.deepEqual(tokens.scope.split(" ").sort(), scope.split(" ").sort());
  const person = await oidc.fetchUserInfo(server, tokens.access_token, claims.sub);
  assert.equal(person.department, "tests");

  const refreshed = await oidc.refreshTokenGrant(server, tokens.refresh_token);
  assert.equal(refreshed.claims().sub, subject);
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
  await oidc.fetchUserInfo(server, refreshed.access_token, subject);

  // Remembered: nobody is asked again, and max_age brings auth_time.
  const again = await signIn({ max_age: "3600" });
  assert.deepEqual(again.asked, remembered);
  const later = await oidc.authorizationCodeGrant(server, again.url, { ...again.checks, maxAge: 3600 });
  assert.equal(later.claims().auth_time, claims.auth_time);

  // A code is good once; its replay takes the tokens of the first use along.
  await assert.rejects(oidc.authorizationCodeGrant(server, again.url, again.checks), refused);
  await assert.rejects(oidc.fetchUserInfo(server, later.access_token, subject));
  await assert.rejects(oidc.refreshTokenGrant(server, later.refresh_token), refused);
  const other = await signIn();
  const wrong = { ...other.checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
  await assert.rejects(oidc.authorizationCodeGrant(server, other.url, wrong), refused);

  const state = oidc.randomState();
  const bye = oidc.buildEndSessionUrl(server, {
    id_token_hint: refreshed.id_token,
    post_logout_redirect_uri: loggedOutUri,
    state,
  });
  const gone = await follow(bye);
  assert.deepEqual(gone.asked, ["logout"]);
  assert.equal(gone.url, `${loggedOutUri}?state=${state}`);
  const silent = await signIn({ prompt: "none" });
  const failure = await oidc.authorizationCodeGrant(server, silent.url, silent.checks).then(assert.fail, (error) => error);
  assert.ok(failure instanceof oidc.AuthorizationResponseError, String(failure));
  assert.equal(failure.error, "login_required");
}
