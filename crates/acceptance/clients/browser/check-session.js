// An application whose page, in Chromium, asks the frame of the server whether the person's session has changed. This file is the application, the login app
// that says yes to everything, and a stranger.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import * as oidc from "openid-client";
import { inChromium } from "./chromium.js";

const { PUBLIC_URL, ADMIN_URL, APP_URL } = process.env;
const headers = { "content-type": "application/json" };
/** What the login app answers. */
let login = { subject: "ann", remember: true };

const page = (metadata) => `<!doctype html><title>application</title><iframe id="op" src="${metadata.check_session_iframe}"></iframe>`;
const accept = async (leg, challenge, body) => {
  const url = `${ADMIN_URL}/admin/oauth2/auth/requests/${leg}/accept?${leg}_challenge=${encodeURIComponent(challenge)}`;
  const answer = await fetch(url, { method: "PUT", headers, body: JSON.stringify(body) });
  const told = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(told));
  return told.redirect_to;
};

async function handle(request, response) {
  const url = new URL(request.url, APP_URL);
  const leg = url.pathname.slice(1);
  const answers = { login, consent: { grant_scope: ["openid"] }, logout: {} };
  if (leg in answers) {
    const next = await accept(leg, url.searchParams.get(`${leg}_challenge`), answers[leg]);
    return response.writeHead(302, { location: next }).end();
  }
  response.setHeader("content-type", "text/html");
  response.end(page(server.serverMetadata()));
}

const listen = (port) =>
  new Promise((done) => {
    const site = createServer((request, response) => handle(request, response).catch((error) => response.destroy(error)));
    site.listen(port, "127.0.0.1", () => done(site));
  });
const [application, stranger] = [await listen(new URL(APP_URL).port), await listen(0)];
const redirectUri = `${APP_URL}/callback`;
const client = {
  client_id: "application",
  client_secret: "some-long-secret",
  redirect_uris: [redirectUri],
  scope: "openid",
};
const made = await fetch(`${ADMIN_URL}/admin/clients`, { method: "POST", headers, body: JSON.stringify(client) });
assert.equal(made.status, 201, await made.text());
const server = await oidc.discovery(new URL(PUBLIC_URL), client.client_id, undefined, oidc.ClientSecretBasic(client.client_secret), {
  execute: [oidc.allowInsecureRequests],
});

try {
  await inChromium(async (browser) => {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(20_000);
    await sessionChanges(tab);
  });
} finally {
  for (const site of [application, stranger]) {
    site.close();
    site.closeAllConnections();
  }
}

async function sessionChanges(tab) {
  const ann = await signIn(tab);
  assert.equal(await ask(tab, `application ${ann.state}`), "unchanged");
  assert.equal(await ask(tab, `another ${ann.state}`), "changed");
  for (const malformed of ["", "application", `application ${ann.state.split(".")[0]}`, ann.state, "application x.y", `\ud800 ${ann.state}`, { application: ann.state }]) {
    assert.equal(await ask(tab, malformed), "error", JSON.stringify(malformed));
  }
  await hashesAnyLength(tab);
  await answersEnd(tab);

  // What a change of `serve.cookies.domain` leaves behind.
  const older = { name: "tessera_browser_state_dev", value: "older", domain: new URL(PUBLIC_URL).hostname, path: "/oauth2" };
  await tab.browser().setCookie(older);
  assert.equal(await ask(tab, `application ${ann.state}`), "unchanged");
  await tab.browser().deleteCookie(older);

  // Another site with the same words.
  await tab.goto(`http://127.0.0.1:${stranger.address().port}/`);
  assert.equal(await ask(tab, `application ${ann.state}`), "changed");

  login = { subject: "bob" };
  const bob = await signIn(tab, { prompt: "login" });
  assert.equal(await ask(tab, `application ${ann.state}`), "changed");
  assert.equal(await ask(tab, `application ${bob.state}`), "unchanged");

  const bye = oidc.buildEndSessionUrl(server, { id_token_hint: bob.idToken });
  await tab.goto(bye.href);
  await tab.goto(APP_URL);
  assert.equal(await ask(tab, `application ${bob.state}`), "changed");
}

/** The hash of the frame is that of everybody else, also over several blocks and beyond ASCII. */
async function hashesAnyLength(tab) {
  const cookies = await tab.browser().cookies();
  const { value } = cookies.find(({ name }) => name === "tessera_browser_state_dev");
  const ids = Array.from({ length: 130 }, (_, length) => "a".repeat(length + 1));
  for (const id of [...ids, "two words", "Zo\u00eb \u4e16\u754c \u{1f511}"]) {
    const hash = createHash("sha256").update([id, APP_URL, value, "salt"].join(" ")).digest("hex");
    assert.equal(await ask(tab, `${id} ${hash}.salt`), "unchanged", id);
  }
}

/** The frame answers neither itself nor what another of its kind says. */
async function answersEnd(tab) {
  const frame = tab.frames().find((each) => each !== tab.mainFrame());
  const heard = await frame.evaluate(async () => {
    let heard = 0;
    window.addEventListener("message", () => heard++);
    window.postMessage({ any: 1 }, "*");
    await new Promise((done) => setTimeout(done, 200));
    return heard;
  });
  assert.equal(heard, 1, "its own message and no answer");
  const answers = await tab.evaluate(async (origin) => {
    const answers = [];
    window.addEventListener("message", (event) => answers.push(event.data));
    const { contentWindow } = document.getElementById("op");
    for (const text of ["unchanged", "changed", "error", "last"]) contentWindow.postMessage(text, origin);
    await new Promise((done) => setTimeout(done, 200));
    return answers;
  }, new URL(PUBLIC_URL).origin);
  assert.deepEqual(answers, ["error"], "to the last of them alone");
}

/** Signs in at the server; the application's page is open then. */
async function signIn(tab, more = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const url = oidc.buildAuthorizationUrl(server, {
    redirect_uri: redirectUri,
    scope: "openid",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: "some-long-state",
    ...more,
  });
  await tab.goto(url.href);
  const here = new URL(tab.url());
  const tokens = await oidc.authorizationCodeGrant(server, here, { pkceCodeVerifier: verifier, expectedState: "some-long-state" });
  return { state: here.searchParams.get("session_state"), idToken: tokens.id_token };
}

/** What the frame answers the page. */
function ask(tab, text) {
  return tab.evaluate(
    (text, origin) =>
      new Promise((done) => {
        window.addEventListener("message", (event) => done([event.origin, event.data]), { once: true });
        document.getElementById("op").contentWindow.postMessage(text, origin);
      }).then(([from, answer]) => (from === origin ? answer : `an answer of ${from}`)),
    text,
    new URL(PUBLIC_URL).origin,
  );
}
