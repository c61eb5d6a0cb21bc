// Registers clients at the admin API for the libraries that have no admin calls of their own.
import assert from "node:assert/strict";

export async function register(client) {
  const response = await fetch(`${process.env.ADMIN_URL}/admin/clients`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ grant_types: ["client_credentials"], scope: "read write", ...client }),
  });
  assert.equal(response.status, 201, await response.clone().text());
  return response.json();
}

/** An ES256 key pair whose public half is a JWK set for `register`. */
export async function keyPair() {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const jwk = await crypto.subtle.exportKey("jwk", publicKey);
  const { kty, crv, x, y } = jwk;
  return { privateKey, jwks: { keys: [{ kty, crv, x, y, kid: "own", alg: "ES256", use: "sig" }] } };
}
