// Two pages in Chromium call the server from their own origins: one that a client has registered, and a stranger's. The browser decides what they may read.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { inChromium } from "./chromium.js";

const { PUBLIC_URL, ADMIN_URL } = process.env;

async function serve() {
  const site = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>a page</title>");
  });
  await new Promise((done) => site.listen(0, "127.0.0.1", done));
  return { site, origin: `http://127.0.0.1:${site.address().port}` };
}

const [app, stranger] = [await serve(), await serve()];
const client = {
  client_id: "single-page",
  client_secret: "some-long-secret",
  grant_types: ["client_credentials"],
  allowed_cors_origins: [app.origin],
};
const json = { "content-type": "application/json" };
const made = await fetch(`${ADMIN_URL}/admin/clients`, { method: "POST", headers: json, body: JSON.stringify(client) });
assert.equal(made.status, 201, await made.text());

try {
  await inChromium(async (browser) => {
    const read = await calls(browser, app.origin);
    assert.equal(read.token.status, 200);
    assert.equal(read.userinfo.status, 200);
    assert.equal(read.wrongSecret.status, 401);
    assert.equal(read.wrongSecret.body.error, "invalid_client");
    assert.equal(read.discovery, "unreadable", "no client asks there, and the listener lists another origin");

    const refused = await calls(browser, stranger.origin, read.token.body.access_token);
    assert.deepEqual(refused, {
      token: "unreadable",
      userinfo: "unreadable",
      wrongSecret: "unreadable",
      discovery: "unreadable",
    });
  });
} finally {
  for (const { site } of [app, stranger]) {
    site.close();
    site.closeAllConnections();
  }
}

// What a page of that origin gets to see. Basic and Bearer take a preflight each, the form does not.
async function calls(browser, origin, token) {
  const page = await browser.newPage();
  await page.goto(`${origin}/`);
  return page.evaluate(
    async (base, id, secret, known) => {
      const ask = (path, init) =>
        fetch(base + path, init).then(
          async (answer) => ({ status: answer.status, body: await answer.json() }),
          () => "unreadable",
        );
      const form = (more) => new URLSearchParams({ grant_type: "client_credentials", ...more });
      const basic = { authorization: `Basic ${btoa(`${id}:${secret}`)}` };
      const token = await ask("/oauth2/token", { method: "POST", headers: basic, body: form({}) });
      const bearer = { authorization: `Bearer ${known ?? token.body.access_token}` };
      return {
        token,
        userinfo: await ask("/userinfo", { headers: bearer }),
        wrongSecret: await ask("/oauth2/token", { method: "POST", body: form({ client_id: id, client_secret: "wrong" }) }),
        discovery: await ask("/.well-known/openid-configuration", {}),
      };
    },
    PUBLIC_URL,
    client.client_id,
    client.client_secret,
    token,
  );
}
