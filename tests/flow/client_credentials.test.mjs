// SPDX-License-Identifier: Apache-2.0
// Tokens of a client's own (client_credentials): by certified clients, at the tools, and when they end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { getTokens, modern, postForm, postJson, register, toolNames } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { must, verb } from './lib/programs.mjs'

const instance = await startInstance()
const { issuer, mcp } = instance
const server = instance.resource_server
const basic = (client) => ({ authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}` })
const introspect = async (token) => (await postForm(`${issuer}/introspect`, { token }, basic(server))).json
const claims = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'))
const insecure = { [oauth.allowInsecureRequests]: true }

const key = (await must(instance, 'authz', ['admin-key', 'add', 'services', '--scope', 'admin:clients'])).trim()
const admin = { authorization: `Bearer ${key}` }

/** A client that the administrator registers. */
async function service(metadata = {}) {
  const answer = await postJson(`${issuer}/admin/clients`, {
    client_name: 'Night shift',
    grant_types: ['client_credentials'],
    scope: 'logs:read deployments:read',
    ...metadata,
  }, admin)
  assert.equal(answer.status, 201, answer.text)
  return answer.json
}

const patch = (client, change) =>
  fetch(`${issuer}/admin/clients/${client.client_id}`, {
    method: 'PATCH',
    headers: { ...admin, 'content-type': 'application/json' },
    body: JSON.stringify(change),
  })

const ask = (client, fields = {}) => postForm(`${issuer}/token`, { grant_type: 'client_credentials', ...fields }, basic(client))

test('the administrator registers a service, nobody else does', async () => {
  const client = await service()
  assert.deepEqual(client.grant_types, ['client_credentials'])
  assert.deepEqual(client.response_types, [])
  assert.deepEqual(client.redirect_uris, [])
  const bad = (metadata) => postJson(`${issuer}/admin/clients`, { client_name: 'x', grant_types: ['client_credentials'], scope: 'logs:read', ...metadata }, admin)
  assert.equal((await bad({ token_endpoint_auth_method: 'none' })).json.error, 'invalid_client_metadata')
  assert.equal((await bad({ scope: undefined })).json.error, 'invalid_client_metadata')
  const dynamic = await register(issuer, {
    grant_types: ['authorization_code', 'client_credentials'],
    scope: 'logs:read',
    token_endpoint_auth_method: 'client_secret_basic',
  })
  assert.deepEqual(dynamic.grant_types, ['authorization_code'])
  assert.equal((await ask(dynamic)).json.error, 'unauthorized_client')
})

test('the operator adds one by a command', async () => {
  const text = await must(instance, 'authz', ['client', 'add', '--name', 'Robot', '--client-credentials', '--scope', 'logs:read', '--json'])
  const answer = await ask(JSON.parse(text))
  assert.equal(answer.status, 200)
  assert.equal(answer.json.scope, 'logs:read')
  const none = await verb(instance, 'authz', ['client', 'add', '--name', 'Robot', '--client-credentials'])
  assert.equal(none.code, 1)
  assert.match(none.stderr, /needs a scope/)
})

test('oauth4webapi gets a token, and the tools open', async () => {
  const client = await service()
  const as = await oauth.processDiscoveryResponse(new URL(issuer),
    await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...insecure }))
  assert.ok(as.grant_types_supported.includes('client_credentials'))
  const response = await oauth.clientCredentialsGrantRequest(as, { client_id: client.client_id },
    oauth.ClientSecretBasic(client.client_secret), { scope: 'logs:read', resource: mcp }, insecure)
  const tokens = await oauth.processClientCredentialsResponse(as, { client_id: client.client_id }, response)
  assert.equal(tokens.scope, 'logs:read')
  assert.equal(tokens.refresh_token, undefined)
  const token = claims(tokens.access_token)
  assert.equal(token.sub, client.client_id) // RFC 9068, 2.2
  assert.equal(token.client_id, client.client_id)
  assert.equal(token.aud, mcp)
  assert.equal(token.auth_time, undefined)
  const tools = await toolNames(instance, tokens.access_token)
  assert.ok(tools.includes('query_logs'))
  assert.ok(!tools.includes('deployment_status'))
  const call = await modern(instance, tokens.access_token, 'tools/call', { name: 'query_logs', arguments: { service: 'checkout' } })
  assert.equal(call.status, 200, call.text)
  const said = await introspect(tokens.access_token)
  assert.equal(said.active, true)
  assert.equal(said.sub, client.client_id)
  assert.equal(said.username, undefined)
  assert.equal(said.grantable_scope, 'deployments:read logs:read')
})

test('openid-client gets one, without a resource and with client_secret_post', async () => {
  const client = await service({ token_endpoint_auth_method: 'client_secret_post' })
  const config = await openid.discovery(new URL(issuer), client.client_id, undefined, openid.ClientSecretPost(client.client_secret),
    { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] })
  const tokens = await openid.clientCredentialsGrant(config)
  assert.equal(claims(tokens.access_token).aud, mcp) // the default resource: never a token without an audience
  assert.equal(tokens.scope, 'deployments:read logs:read')
})

test('what is refused', async () => {
  const client = await service()
  assert.equal((await ask(client, { scope: 'logs:read tools:admin' })).json.error, 'invalid_scope')
  assert.equal((await ask(client, { resource: 'https://elsewhere.example/mcp' })).json.error, 'invalid_target')
  assert.equal((await postForm(`${issuer}/token`, `grant_type=client_credentials&resource=${encodeURIComponent(mcp)}&resource=https%3A%2F%2Fa.example`, basic(client))).json.error, 'invalid_target')
  const wrong = await ask({ ...client, client_secret: 'wrong' })
  assert.equal(wrong.status, 401)
  assert.equal(wrong.json.error, 'invalid_client')
  assert.match(wrong.headers.get('www-authenticate'), /^Basic /)
  assert.equal((await ask({ client_id: 'nobody', client_secret: 'x' })).status, 401)
  const { client: app } = await getTokens(instance, 'alice')
  const plain = await postForm(`${issuer}/token`, { grant_type: 'client_credentials', client_id: app.client_id })
  assert.equal(plain.json.error, 'unauthorized_client')
})

test('all tokens of a client come from one grant, and none of them is a write', async () => {
  const client = await service()
  const answers = await Promise.all(Array.from({ length: 16 }, () => ask(client)))
  const tokens = answers.map((a) => claims(a.json.access_token))
  assert.equal(new Set(tokens.map((t) => t.grant_id)).size, 1)
  assert.equal(new Set(tokens.map((t) => t.jti)).size, 16)
  assert.equal(claims((await ask(client, { scope: 'logs:read' })).json.access_token).grant_id, tokens[0].grant_id)
})

test('one token can be revoked, the others live', async () => {
  const client = await service()
  const [first, second] = [(await ask(client)).json.access_token, (await ask(client)).json.access_token]
  assert.equal((await introspect(first)).active, true)
  assert.equal((await postForm(`${issuer}/revoke`, { token: first }, basic(client))).status, 200)
  assert.deepEqual(await introspect(first), { active: false })
  assert.equal((await introspect(second)).active, true)
})

test('a client that is switched off gets nothing, and its tokens are dead', async () => {
  const client = await service()
  const { access_token: token } = (await ask(client)).json
  assert.equal((await ask(client)).status, 200)
  assert.equal((await introspect(token)).active, true)
  assert.equal((await patch(client, { enabled: false })).status, 200)
  assert.equal((await ask(client)).json.error, 'invalid_client')
  assert.deepEqual(await introspect(token), { active: false })
  assert.equal((await patch(client, { enabled: true })).status, 200)
  assert.equal((await ask(client)).status, 200)
  assert.equal((await introspect(token)).active, true)
})

test('a narrowed registration narrows what is given and what was given', async () => {
  const client = await service()
  const { access_token: token } = (await ask(client)).json
  assert.equal((await introspect(token)).scope, 'deployments:read logs:read')
  assert.equal((await patch(client, { scope: 'logs:read' })).status, 200)
  assert.equal((await introspect(token)).scope, 'logs:read')
  assert.equal((await ask(client)).json.scope, 'logs:read')
  assert.equal((await ask(client, { scope: 'deployments:read' })).json.error, 'invalid_scope')
})

test('a client that is deleted is unknown, with all its tokens', async () => {
  const client = await service()
  const { access_token: token } = (await ask(client)).json
  const gone = await fetch(`${issuer}/admin/clients/${client.client_id}`, { method: 'DELETE', headers: admin })
  assert.equal(gone.status, 204)
  assert.equal((await ask(client)).json.error, 'invalid_client')
  assert.deepEqual(await introspect(token), { active: false })
})
