// The whole token flow of a client built on openid-client and jose, without code specific to this server.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRemoteJWKSet, importPKCS8, jwtVerify, SignJWT } from "jose";
import * as oauth from "openid-client";

const [url, keyFile, bodyFile, clientId, clientSecret] = process.argv.slice(2);
const key = await importPKCS8(await readFile(keyFile, "utf8"), "RS256");
const handoff = JSON.parse(await readFile(bodyFile, "utf8"));
const audience = "https://api.docendorse.com";
const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const scope = "openid agent_sessions:create";

async function assertion(audienceClaim = audience) {
  return new SignJWT({ email: "sam@example.com", given_name: "Sam", family_name: "Doe", scope })
    .setProtectedHeader({ alg: "RS256", typ: "JWT" })
    .setIssuer(clientId)
    .setSubject("usr_123")
    .setAudience(audienceClaim)
    .setIssuedAt()
    .setExpirationTime("5m")
    .setJti(randomUUID())
    .sign(key);
}

async function discover(authentication) {
  return oauth.discovery(new URL(`${url}/oauth2/v2`), clientId, undefined, authentication, {
    algorithm: "oauth2",
    execute: [oauth.allowInsecureRequests],
  });
}

async function handOff(token, number) {
  const answer = await fetch(`${url}/api/v1/agent-sessions/create`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    // The actor must be the user of the assertion.
    body: JSON.stringify({
      ...handoff,
      handoff_id: `node-${randomUUID()}-${number}`,
      actor: { external_user_id: "usr_123", display_name: "Sam", email: "sam@example.com" },
    }),
  });
  return { status: answer.status, body: await answer.json() };
}

async function every_way_to_authenticate_gets_a_token() {
  const ways = [oauth.None(), oauth.ClientSecretPost(clientSecret), oauth.ClientSecretBasic(clientSecret)];
  for (const [number, way] of ways.entries()) {
    const config = await discover(way);
    const tokens = await oauth.genericGrantRequest(config, grant, { assertion: await assertion() });
    assert.equal(tokens.scope, scope);
    assert.equal(tokens.expiresIn() > 3500, true);
    const { status, body } = await handOff(tokens.access_token, number);
    assert.deepEqual([status, body.status], [200, "success"]);
  }
}

async function a_wrong_assertion_and_a_wrong_secret_are_errors_of_the_library() {
  const config = await discover(oauth.None());
  const wrong = { assertion: await assertion("https://other.test") };
  await assert.rejects(oauth.genericGrantRequest(config, grant, wrong), (error) => {
    assert.equal(error instanceof oauth.ResponseBodyError, true);
    assert.deepEqual([error.error, error.status], ["invalid_grant", 400]);
    assert.match(error.error_description, /aud.*api\.docendorse\.com/);
    return true;
  });
  for (const way of [oauth.ClientSecretBasic("wrong"), oauth.ClientSecretPost("wrong")]) {
    const impostor = await discover(way);
    const good = { assertion: await assertion() };
    await assert.rejects(oauth.genericGrantRequest(impostor, grant, good), (error) => {
      // This library has a separate error type for a 401 with a challenge.
      assert.equal(error instanceof oauth.WWWAuthenticateChallengeError, true);
      assert.deepEqual([error.status, error.cause[0].scheme], [401, "basic"]);
      return true;
    });
  }
}

async function jose_verifies_the_access_token() {
  const config = await discover(oauth.None());
  const tokens = await oauth.genericGrantRequest(config, grant, { assertion: await assertion() });
  const metadata = config.serverMetadata();
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
  const options = { issuer: metadata.issuer, audience, typ: "at+jwt", algorithms: ["EdDSA"] };
  const { payload } = await jwtVerify(tokens.access_token, keys, options);
  assert.deepEqual([payload.sub, payload.email, payload.client_id], ["usr_123", "sam@example.com", clientId]);
}

const steps = [
  every_way_to_authenticate_gets_a_token,
  a_wrong_assertion_and_a_wrong_secret_are_errors_of_the_library,
  jose_verifies_the_access_token,
];
for (const step of steps) {
  await step();
  console.log(JSON.stringify({ passed: step.name }));
}
