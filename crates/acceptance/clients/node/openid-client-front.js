// openid-client 6: the answers that come through the browser. Hybrid (c_hash is checked), implicit, and form_post.
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { follow, redirectUri, registerApp, subject } from "./person.js";

const issuer = new URL(process.env.PUBLIC_URL);
const secret = "some-long-secret";
await registerApp({
  client_id: "front",
  client_secret: secret,
  grant_types: ["authorization_code", "refresh_token", "implicit"],
  response_types: ["code", "id_token", "code id_token"],
});

const execute = [oidc.allowInsecureRequests];
const server = (more) =>
  oidc.discovery(issuer, "front", undefined, oidc.ClientSecretBasic(secret), { execute: [...execute, more] });
const asked = async (at, more) => {
  const checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
  };
  const url = oidc.buildAuthorizationUrl(at, {
    redirect_uri: redirectUri,
    scope: "openid offline_access",
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...more,
  });
  return { url, checks, arrival: await follow(url) };
};
/** What an application's own server gets of a form_post page. */
const posted = ({ url, form }) => {
  assert.equal(url, redirectUri);
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return new Request(url, { method: "POST", headers, body: new URLSearchParams(form).toString() });
};

const hybrid = await server(oidc.useCodeIdTokenResponseType);
{
  const { url, checks, arrival } = await asked(hybrid);
  assert.equal(url.searchParams.get("response_type"), "code id_token");
  const back = new URL(arrival.url);
  assert.equal(back.search, "");
  // c_hash ties the ID token to this very code.
  const swapped = new URL(back);
  const fragment = new URLSearchParams(back.hash.slice(1));
  fragment.set("code", `${fragment.get("code")}x`);
  swapped.hash = fragment.toString();
  const error = await oidc.authorizationCodeGrant(hybrid, swapped, checks).then(assert.fail, (failure) => failure);
  assert.match(String(error.cause?.message ?? error.message), /c_hash/);
  const tokens = await oidc.authorizationCodeGrant(hybrid, back, checks);
  assert.equal(tokens.claims().sub, subject);
  await oidc.fetchUserInfo(hybrid, tokens.access_token, subject);
  await oidc.refreshTokenGrant(hybrid, tokens.refresh_token);
}
{
  const { checks, arrival } = await asked(hybrid, { response_mode: "form_post" });
  const tokens = await oidc.authorizationCodeGrant(hybrid, posted(arrival), checks);
  assert.equal(tokens.claims().sub, subject);
}

const implicit = await server(oidc.useIdTokenResponseType);
{
  const { url, checks, arrival } = await asked(implicit);
  assert.equal(url.searchParams.get("response_type"), "id_token");
  const { expectedNonce, expectedState } = checks;
  const claims = await oidc.implicitAuthentication(implicit, new URL(arrival.url), expectedNonce, { expectedState });
  assert.equal(claims.sub, subject);
  const other = oidc.implicitAuthentication(implicit, new URL(arrival.url), oidc.randomNonce(), { expectedState });
  await assert.rejects(other);
}

const code = await server(() => {});
{
  const { checks, arrival } = await asked(code, { response_mode: "form_post" });
  const tokens = await oidc.authorizationCodeGrant(code, posted(arrival), checks);
  assert.equal(tokens.claims().sub, subject);
}
