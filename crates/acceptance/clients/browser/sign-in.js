// A person in Chromium signs in and out through the reference login and consent app. The app, the server and the browser are not ours; this file is an
// application that relies on them, with its callback, and the hand that fills in the forms.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import * as oidc from "openid-client";
import { inChromium } from "./chromium.js";

const { PUBLIC_URL, ADMIN_URL, LOGIN_APP_URL } = process.env;
const application = createServer((_, response) => {
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html><title>application</title><p>Welcome to the application.");
});
await new Promise((done) => application.listen(0, "127.0.0.1", done));
const home = `http://127.0.0.1:${application.address().port}`;
const [redirectUri, loggedOutUri] = [`${home}/callback`, `${home}/goodbye`];

const client = {
  client_id: "application",
  client_secret: "some-long-secret",
  client_name: "The application",
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  redirect_uris: [redirectUri],
  post_logout_redirect_uris: [loggedOutUri],
  scope: "openid offline_access",
};
const headers = { "content-type": "application/json" };
const made = await fetch(`${ADMIN_URL}/admin/clients`, { method: "POST", headers, body: JSON.stringify(client) });
assert.equal(made.status, 201, await made.text());
const execute = [oidc.allowInsecureRequests];
const authentication = oidc.ClientSecretBasic(client.client_secret);
const server = await oidc.discovery(new URL(PUBLIC_URL), client.client_id, undefined, authentication, { execute });

try {
  await inChromium(async (browser) => {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    await walkThrough(page);
  });
} finally {
  application.close();
  application.closeAllConnections();
}

async function walkThrough(page) {
  const press = (selector) => Promise.all([page.waitForNavigation(), page.click(selector)]);
  const title = (selector = "h1") => page.$eval(selector, (element) => element.textContent);
  const isAt = (base) => assert.ok(page.url().startsWith(base), `${page.url()} is below ${base}`);

  // First time: both forms.
  const checks = await authorize(page);
  isAt(`${LOGIN_APP_URL}/login`);
  assert.equal(await title(), "Please log in");
  await page.type("#email", "foo@bar.com");
  await page.type("#password", "wrong");
  await press("#accept");
  assert.match(await page.content(), /combination is not correct/);
  await page.type("#email", "foo@bar.com");
  await page.type("#password", "foobar");
  await page.click("#remember");
  await press("#accept");
  isAt(`${LOGIN_APP_URL}/consent`);
  assert.match(await page.content(), /foo@bar\.com.*The application/s);
  const scopes = await page.$$(".grant_scope");
  assert.equal(scopes.length, 2);
  for (const each of scopes) await each.click();
  await page.click("#remember");
  await press("#accept");
  isAt(redirectUri);
  const tokens = await oidc.authorizationCodeGrant(server, new URL(page.url()), checks);
  assert.equal(tokens.claims().sub, "foo@bar.com");
  assert.equal((await oidc.fetchUserInfo(server, tokens.access_token, "foo@bar.com")).sub, "foo@bar.com");
  const refreshed = await oidc.refreshTokenGrant(server, tokens.refresh_token);
  assert.ok(refreshed.access_token);

  // Second time: no form at all.
  const again = await authorize(page);
  isAt(redirectUri);
  const later = await oidc.authorizationCodeGrant(server, new URL(page.url()), again);
  assert.equal(later.claims().auth_time, tokens.claims().auth_time);

  // Out, by the app's page; then nobody is signed in.
  const state = oidc.randomState();
  const bye = { id_token_hint: later.id_token, post_logout_redirect_uri: loggedOutUri, state };
  await page.goto(oidc.buildEndSessionUrl(server, bye).href);
  isAt(`${LOGIN_APP_URL}/logout`);
  assert.equal(await title(), "Do you wish to log out?");
  await press("#accept");
  assert.equal(page.url(), `${loggedOutUri}?state=${state}`);
  const silent = await authorize(page, { prompt: "none" });
  isAt(redirectUri);
  const failure = await oidc.authorizationCodeGrant(server, new URL(page.url()), silent).then(assert.fail, (error) => error);
  assert.equal(failure.error, "login_required");

  // Denied in the form: the application hears of it.
  const denied = await authorize(page);
  isAt(`${LOGIN_APP_URL}/login`);
  await press("#reject");
  isAt(redirectUri);
  const refusal = await oidc.authorizationCodeGrant(server, new URL(page.url()), denied).then(assert.fail, (error) => error);
  assert.equal(refusal.error, "access_denied");
}

/** Sends the browser to the server as the application would; what its answer is checked with. */
async function authorize(page, more = {}) {
  const checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
  };
  const url = oidc.buildAuthorizationUrl(server, {
    redirect_uri: redirectUri,
    scope: client.scope,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...more,
  });
  await page.goto(url.href);
  return checks;
}
