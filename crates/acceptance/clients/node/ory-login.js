// A login and consent app by the reference server's own SDK, v26 generation: login, consent, sessions, logout, and the refusals.
import assert from "node:assert/strict";
import { Configuration, OAuth2Api, OidcApi } from "@ory/hydra-client";
import { loggedOutUri, redirectUri, registerApp, scope, walk } from "./person.js";

const { PUBLIC_URL, ADMIN_URL } = process.env;
const admin = new OAuth2Api(new Configuration({ basePath: ADMIN_URL }));
const app = { client_id: "app", client_secret: "some-long-secret", client_name: "An app" };
const atPublic = { basePath: PUBLIC_URL, username: app.client_id, password: app.client_secret };
const tokens = new OAuth2Api(new Configuration(atPublic));
const document = (await new OidcApi(new Configuration({ basePath: PUBLIC_URL })).discoverOidcConfiguration()).data;
assert.equal(document.authorization_endpoint, `${PUBLIC_URL}/oauth2/auth`);
assert.equal(document.end_session_endpoint, `${PUBLIC_URL}/oauth2/sessions/logout`);
assert.equal(document.userinfo_endpoint, `${PUBLIC_URL}/userinfo`);
await registerApp(app);

const subject = "someone@example.org";
const challenge = (arrival, kind) => {
  const found = new URL(arrival.url).searchParams.get(`${kind}_challenge`);
  assert.ok(found, `${kind} is asked: ${arrival.url}`);
  return found;
};
const begin = (more = {}) => {
  const url = new URL(document.authorization_endpoint);
  const parameters = { client_id: "app", redirect_uri: redirectUri, response_type: "code", scope, state: "some-state" };
  url.search = new URLSearchParams({ ...parameters, nonce: "some-nonce", ...more });
  return walk(url);
};
async function login(arrival, wasKnown) {
  const loginChallenge = challenge(arrival, "login");
  const request = (await admin.getOAuth2LoginRequest({ loginChallenge })).data;
  assert.equal(request.challenge, loginChallenge);
  assert.equal(request.skip, wasKnown);
  assert.equal(request.subject, wasKnown ? subject : "");
  assert.equal(request.client.client_name, app.client_name);
  assert.deepEqual(request.requested_scope, scope.split(" "));
  const acceptOAuth2LoginRequest = { subject, remember: true, remember_for: 3600, amr: ["pwd"], context: { step: 1 } };
  const accepted = await admin.acceptOAuth2LoginRequest({ loginChallenge, acceptOAuth2LoginRequest });
  return walk(accepted.data.redirect_to);
}
async function consent(arrival, wasKnown) {
  const consentChallenge = challenge(arrival, "consent");
  const request = (await admin.getOAuth2ConsentRequest({ consentChallenge })).data;
  assert.equal(request.skip, wasKnown);
  assert.equal(request.subject, subject);
  assert.deepEqual(request.context, { step: 1 });
  assert.deepEqual(request.amr, ["pwd"]);
  const acceptOAuth2ConsentRequest = {
    grant_scope: request.requested_scope,
    remember: true,
    remember_for: 3600,
    session: { id_token: { team: "blue" }, access_token: { floor: 3 } },
  };
  const accepted = await admin.acceptOAuth2ConsentRequest({ consentChallenge, acceptOAuth2ConsentRequest });
  return [request, await walk(accepted.data.redirect_to)];
}
async function redeem(arrival) {
  const answer = new URL(arrival.url).searchParams;
  assert.equal(answer.get("state"), "some-state");
  const exchange = { grantType: "authorization_code", code: answer.get("code"), redirectUri, clientId: "app" };
  return (await tokens.oauth2TokenExchange(exchange)).data;
}
const introspect = async (token) => (await admin.introspectOAuth2Token({ token })).data;

const [request, end] = await consent(await login(await begin(), false), false);
const first = await redeem(end);
assert.ok(first.id_token && first.refresh_token);
const facts = await introspect(first.access_token);
assert.equal(facts.sub, subject);
assert.deepEqual(facts.ext, { floor: 3 });
const asPerson = new OidcApi(new Configuration({ basePath: PUBLIC_URL, accessToken: first.access_token }));
const person = (await asPerson.getOidcUserInfo()).data;
assert.equal(person.sub, subject);
assert.equal(person.team, "blue");
const refreshed = (
  await tokens.oauth2TokenExchange({ grantType: "refresh_token", refreshToken: first.refresh_token, clientId: "app" })
).data;
assert.equal((await introspect(refreshed.access_token)).active, true);

// Sessions.
const sessions = (await admin.listOAuth2ConsentSessions({ subject })).data;
assert.equal(sessions.length, 1);
assert.equal(sessions[0].consent_request_id, request.consent_request_id);
assert.equal(sessions[0].consent_request.client.client_id, "app");
assert.deepEqual(sessions[0].grant_scope.sort(), scope.split(" ").sort());
assert.deepEqual(sessions[0].session, { id_token: { team: "blue" }, access_token: { floor: 3 } });
const [, skipped] = await consent(await login(await begin(), true), true);
const second = await redeem(skipped);
assert.equal((await admin.revokeOAuth2ConsentSessions({ subject, client: "app" })).status, 204);
for (const { access_token } of [refreshed, second]) assert.equal((await introspect(access_token)).active, false);
assert.equal((await admin.listOAuth2ConsentSessions({ subject })).data.length, 0);
const [, third] = await consent(await login(await begin(), true), false);
const latest = await redeem(third);

// Logout: no, then yes.
const bye = new URL(document.end_session_endpoint);
bye.search = new URLSearchParams({ id_token_hint: latest.id_token, post_logout_redirect_uri: loggedOutUri });
const asked = async () => challenge(await walk(bye), "logout");
assert.equal((await admin.rejectOAuth2LogoutRequest({ logoutChallenge: await asked() })).status, 204);
const logoutChallenge = await asked();
const logout = (await admin.getOAuth2LogoutRequest({ logoutChallenge })).data;
assert.equal(logout.subject, subject);
assert.equal(logout.rp_initiated, true);
const accepted = (await admin.acceptOAuth2LogoutRequest({ logoutChallenge })).data;
assert.equal((await walk(accepted.redirect_to)).url, loggedOutUri);

// Logged in again; the session ends from outside.
const [, fourth] = await consent(await login(await begin(), false), true);
await redeem(fourth);
assert.equal((await admin.revokeOAuth2LoginSessions({ subject })).status, 204);

// Refusals come back to the app.
const rejectOAuth2Request = { error: "access_denied", error_description: "not today" };
const refused = async (redirect) => {
  const answer = new URL((await walk(redirect)).url).searchParams;
  assert.equal(answer.get("error"), "access_denied");
  assert.match(answer.get("error_description"), /not today/);
};
const loginChallenge = challenge(await begin(), "login");
await refused((await admin.rejectOAuth2LoginRequest({ loginChallenge, rejectOAuth2Request })).data.redirect_to);
const consentChallenge = challenge(await login(await begin(), false), "consent");
await refused((await admin.rejectOAuth2ConsentRequest({ consentChallenge, rejectOAuth2Request })).data.redirect_to);
