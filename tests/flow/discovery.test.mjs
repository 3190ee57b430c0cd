// SPDX-License-Identifier: Apache-2.0
// A client that knows only the MCP URL finds everything else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startInstance } from './lib/instance.mjs'

const instance = await startInstance()
const issuer = instance.issuer
const origin = new URL(issuer).origin
const mcpOrigin = new URL(instance.mcp).origin

async function get(url, init) {
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text }
}

test('the first call without a token says where to go', async () => {
  const answer = await get(instance.mcp, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })
  assert.equal(answer.status, 401)
  const challenge = answer.headers.get('www-authenticate')
  assert.match(challenge, /^Bearer resource_metadata="[^"]+", scope="[^"]+", DPoP algs="[^"]+"$/)
  assert.doesNotMatch(challenge, /error=/)
  assert.doesNotMatch(challenge, /tools:admin|offline_access/)
  const metadataUrl = /resource_metadata="([^"]+)"/.exec(challenge)[1]
  const metadata = JSON.parse((await get(metadataUrl)).text)
  assert.equal(metadata.resource, instance.mcp)
  assert.deepEqual(metadata.authorization_servers, [issuer])
  assert.deepEqual(metadata.bearer_methods_supported, ['header'])
  assert.ok(!metadata.scopes_supported.includes('offline_access'))
})

test('protected-resource metadata is at the root and at the path', async () => {
  const path = new URL(instance.mcp).pathname
  const root = await get(`${mcpOrigin}/.well-known/oauth-protected-resource`)
  const suffixed = await get(`${mcpOrigin}/.well-known/oauth-protected-resource${path}`)
  assert.equal(root.status, 200)
  assert.equal(root.text, suffixed.text)
  assert.equal(root.headers.get('access-control-allow-origin'), '*')
  assert.equal((await get(`${mcpOrigin}/.well-known/oauth-protected-resource/other`)).status, 404)
})

test('the authorization server describes itself, the same in both documents', async () => {
  const one = await get(`${issuer}/.well-known/oauth-authorization-server`, {
    headers: { 'mcp-protocol-version': '2025-11-25' },
  })
  const two = await get(`${issuer}/.well-known/openid-configuration`)
  assert.equal(one.status, 200)
  assert.equal(one.headers.get('content-type'), 'application/json')
  assert.equal(one.text, two.text)
  const metadata = JSON.parse(one.text)
  assert.equal(metadata.issuer, issuer)
  assert.deepEqual(metadata.response_types_supported, ['code'])
  assert.deepEqual(metadata.code_challenge_methods_supported, ['S256'])
  assert.equal(metadata.authorization_response_iss_parameter_supported, true)
  assert.deepEqual(
    [...metadata.token_endpoint_auth_methods_supported].sort(),
    ['client_secret_basic', 'client_secret_jwt', 'client_secret_post', 'none', 'private_key_jwt'],
  )
  for (const name of ['authorization_endpoint', 'token_endpoint', 'registration_endpoint', 'jwks_uri', 'introspection_endpoint', 'revocation_endpoint', 'revocation_feed_endpoint', 'userinfo_endpoint'])
    assert.ok(metadata[name].startsWith(`${issuer}/`), name)
  assert.equal(metadata.client_id_metadata_document_supported, true)
})

test('keys are public, named and bound to one algorithm', async () => {
  const { keys } = JSON.parse((await get(`${issuer}/jwks`)).text)
  assert.ok(keys.length >= 1)
  for (const key of keys) {
    assert.equal(key.alg, 'ES256')
    assert.equal(key.use, 'sig')
    assert.ok(key.kid)
    assert.equal(key.d, undefined)
    assert.notEqual(key.kty, 'oct')
  }
})

test('documents answer HEAD, refuse other methods and unknown paths', async () => {
  const head = await get(`${issuer}/.well-known/oauth-authorization-server`, { method: 'HEAD' })
  assert.equal(head.status, 200)
  assert.equal(head.text, '')
  const post = await get(`${issuer}/jwks`, { method: 'POST' })
  assert.equal(post.status, 405)
  assert.equal(post.headers.get('allow'), 'GET')
  const tokenGet = await get(`${issuer}/token`)
  assert.equal(tokenGet.status, 405)
  assert.equal(tokenGet.headers.get('allow'), 'POST')
  for (const path of ['/nothing', '//jwks', '/JWKS', '/jwks/', '/%6awks', '/token;x'])
    assert.equal((await get(`${origin}${path}`)).status, 404, path)
})

test('a browser on another origin may read documents and use the token endpoint, and nothing else', async () => {
  const preflight = { method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'mcp-protocol-version' } }
  for (const path of ['/token', '/register', '/revoke', '/jwks', '/.well-known/oauth-authorization-server']) {
    const answer = await get(`${issuer}${path}`, preflight)
    assert.equal(answer.status, 204, path)
    assert.equal(answer.headers.get('access-control-allow-origin'), '*', path)
    assert.match(answer.headers.get('access-control-allow-headers'), /mcp-protocol-version/i)
    assert.equal(answer.headers.get('access-control-allow-credentials'), null)
  }
  for (const path of ['/authorize', '/sign-in', '/consent', '/introspect', '/admin/clients'])
    assert.equal((await get(`${issuer}${path}`, preflight)).headers.get('access-control-allow-origin'), null, path)
})

test('tokens in the address are ignored', async () => {
  const answer = await get(`${instance.mcp}?access_token=x`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })
  assert.equal(answer.status, 401)
  assert.doesNotMatch(answer.headers.get('www-authenticate'), /error=/)
})
