// SPDX-License-Identifier: Apache-2.0
// OpenID Connect on top of the same grants: ID tokens for clients that want to know who signed in, and userinfo.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as openid from 'openid-client'
import { Browser, signInAndDecide } from './lib/browser.mjs'
import { REDIRECT_URI } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const instance = await startInstance()
const issuer = new URL(instance.issuer)
const alice = instance.person('alice')
const userinfo = `${instance.issuer}/userinfo`

const clientOf = () =>
  openid.dynamicClientRegistration(issuer, { client_name: 'openid-client', redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_post' },
    undefined, { algorithm: 'oidc', execute: [openid.allowInsecureRequests] })

async function signIn(config, scope, { more = {}, ...checks } = {}) {
  const verifier = openid.randomPKCECodeVerifier()
  const url = openid.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope, code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', resource: instance.mcp, ...more })
  const callback = new URL(await signInAndDecide(new Browser(), url.href, alice))
  return openid.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, ...checks }, { resource: instance.mcp })
}

test('an ID token says who signed in, to the client that asked', async () => {
  const config = await clientOf()
  const nonce = openid.randomNonce()
  const tokens = await signIn(config, 'openid profile logs:read', { more: { nonce }, expectedNonce: nonce, idTokenExpected: true })
  assert.deepEqual(tokens.scope.split(' ').sort(), ['logs:read', 'openid', 'profile'])
  const claims = tokens.claims()
  assert.equal(claims.iss, instance.issuer)
  assert.equal(claims.aud, config.clientMetadata().client_id)
  assert.ok(claims.auth_time <= claims.iat && claims.exp > claims.iat)
  assert.equal(claims.acr, 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport')
  const info = await openid.fetchUserInfo(config, tokens.access_token, claims.sub)
  assert.deepEqual(info, { sub: claims.sub, preferred_username: 'alice', name: 'Alice (analyst)' })
  const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token, { scope: 'openid logs:read' })
  assert.deepEqual(await openid.fetchUserInfo(config, refreshed.access_token, claims.sub), { sub: claims.sub })
})

test('without the scope openid there is no ID token, and userinfo wants it', async () => {
  const config = await clientOf()
  const tokens = await signIn(config, 'logs:read')
  assert.equal(tokens.id_token, undefined)
  const refused = await fetch(userinfo, { headers: { authorization: `Bearer ${tokens.access_token}` } })
  assert.equal(refused.status, 403)
  assert.match(refused.headers.get('www-authenticate'), /^Bearer .*error="insufficient_scope"/)
})

test('who asks for nothing gets the scopes of the resource, not those of the person', async () => {
  const tokens = await signIn(await clientOf(), '')
  assert.ok(!/openid|profile/.test(tokens.scope), tokens.scope)
  assert.match(tokens.scope, /logs:read/)
})

test('userinfo refuses what is no living access token of this server', async () => {
  const config = await clientOf()
  const tokens = await signIn(config, 'openid logs:read', { idTokenExpected: true })
  const ask = async (headers, init = {}) => (await fetch(userinfo, { headers, ...init })).status
  const bearer = { authorization: `Bearer ${tokens.access_token}` }
  assert.equal(await ask(bearer), 200)
  assert.equal(await ask(bearer, { method: 'POST' }), 200)
  assert.equal(await ask({}), 401)
  for (const token of [tokens.id_token, tokens.refresh_token, tokens.access_token.slice(0, -2), 'x']) assert.equal(await ask({ authorization: `Bearer ${token}` }), 401)
  await openid.tokenRevocation(config, tokens.refresh_token)
  assert.equal(await ask(bearer), 401)
})

test('an ID token opens nothing at mcp', async () => {
  const tokens = await signIn(await clientOf(), 'openid logs:read', { idTokenExpected: true })
  const answer = await fetch(instance.mcp, { method: 'POST', headers: { authorization: `Bearer ${tokens.id_token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: '{}' })
  assert.equal(answer.status, 401)
})

test('a nonce that cannot be given back as it came is refused', async () => {
  const config = await clientOf()
  const url = openid.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope: 'openid', code_challenge: await openid.calculatePKCECodeChallenge('x'.repeat(43)), code_challenge_method: 'S256', resource: instance.mcp, nonce: 'n'.repeat(513) })
  const answer = await fetch(url, { redirect: 'manual' })
  assert.equal(new URL(answer.headers.get('location')).searchParams.get('error'), 'invalid_request')
})
