// Signs a person in and out: the test sends the person's browser where it is told, and says where that ended.
import assert from "node:assert/strict";
import { register } from "./registration.js";

/** Nobody serves these; the browser's way ends there. */
export const redirectUri = "http://127.0.0.1:9/callback";
export const loggedOutUri = "http://127.0.0.1:9/goodbye";
export const subject = "person-1";
export const scope = "openid offline_access profile";
/** What the person is asked at a first sign-in, and at one that is remembered. */
export const first = ["login", "consent"];
export const remembered = ["login skipped", "consent skipped"];

/** Registers an application that signs people in. */
export function registerApp(client) {
  return register({
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [loggedOutUri],
    scope,
    ...client,
  });
}

/** Follows the way to its end; the person says yes to everything. */
export const follow = (url) => send("follow", url);

/** Follows the way up to its end or the first question. */
export const walk = (url) => send("walk", url);

async function send(how, url) {
  const response = await fetch(`${process.env.PERSON_URL}/${how}?${new URLSearchParams({ url: String(url) })}`);
  const arrival = await response.json();
  assert.equal(response.status, 200, arrival.error);
  return arrival;
}
