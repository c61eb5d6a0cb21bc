// A login and consent app by the reference server's own SDK, v1.11 generation: unprefixed admin paths.
import assert from "node:assert/strict";
import { AdminApi, Configuration, PublicApi } from "ory-hydra-client-v1";
import { loggedOutUri, redirectUri, registerApp, scope, walk } from "./person.js";

const { PUBLIC_URL, ADMIN_URL } = process.env;
const admin = new AdminApi(new Configuration({ basePath: ADMIN_URL }));
const app = { client_id: "app", client_secret: "some-long-secret" };
const atPublic = { basePath: PUBLIC_URL, username: app.client_id, password: app.client_secret };
const tokens = new PublicApi(new Configuration(atPublic));
const document = (await tokens.discoverOpenIDConfiguration()).data;
assert.equal(document.authorization_endpoint, `${PUBLIC_URL}/oauth2/auth`);
await registerApp(app);

const subject = "someone@example.org";
const challenge = (arrival, kind) => {
  const found = new URL(arrival.url).searchParams.get(`${kind}_challenge`);
  assert.ok(found, `${kind} is asked: ${arrival.url}`);
  return found;
};
async function signIn(wasKnown, consentKnown) {
  const url = new URL(document.authorization_endpoint);
  const parameters = { client_id: "app", redirect_uri: redirectUri, response_type: "code", scope, state: "some-state" };
  url.search = new URLSearchParams({ ...parameters, nonce: "some-nonce" });
  const login = challenge(await walk(url), "login");
  assert.equal((await admin.getLoginRequest(login)).data.skip, wasKnown);
  const known = (await admin.acceptLoginRequest(login, { subject, remember: true, remember_for: 3600 })).data;
  const consent = challenge(await walk(known.redirect_to), "consent");
  const request = (await admin.getConsentRequest(consent)).data;
  assert.equal(request.skip, consentKnown);
  assert.equal(request.subject, subject);
  const grant = {
    grant_scope: request.requested_scope,
    remember: true,
    remember_for: 3600,
    session: { id_token: { team: "blue" } },
  };
  const granted = (await admin.acceptConsentRequest(consent, grant)).data;
  const code = new URL((await walk(granted.redirect_to)).url).searchParams.get("code");
  return (await tokens.oauth2Token("authorization_code", "app", code, redirectUri)).data;
}
const active = async (token) => (await admin.introspectOAuth2Token(token)).data.active;

const first = await signIn(false, false);
const asPerson = new PublicApi(new Configuration({ basePath: PUBLIC_URL, accessToken: first.access_token }));
const person = (await asPerson.userinfo()).data;
assert.equal(person.sub, subject);
assert.equal(person.team, "blue");
const refreshed = (await tokens.oauth2Token("refresh_token", "app", undefined, undefined, first.refresh_token)).data;
assert.equal(await active(refreshed.access_token), true);
const sessions = (await admin.listSubjectConsentSessions(subject)).data;
assert.equal(sessions.length, 1);
assert.equal(sessions[0].consent_request.client.client_id, "app");
assert.deepEqual(sessions[0].grant_scope.sort(), scope.split(" ").sort());
assert.equal((await admin.revokeConsentSessions(subject, undefined, true)).status, 204);
assert.equal(await active(refreshed.access_token), false);

const second = await signIn(true, false);
const bye = new URL(document.end_session_endpoint);
bye.search = new URLSearchParams({ id_token_hint: second.id_token, post_logout_redirect_uri: loggedOutUri });
const logout = challenge(await walk(bye), "logout");
assert.equal((await admin.getLogoutRequest(logout)).data.subject, subject);
assert.equal((await walk((await admin.acceptLogoutRequest(logout)).data.redirect_to)).url, loggedOutUri);
await signIn(false, true);
assert.equal((await admin.revokeAuthenticationSession(subject)).status, 204);
await signIn(false, true);
