// SPDX-License-Identifier: Apache-2.0
// Introspection (RFC 7662) for the resource server that a token is for, and revocation (RFC 7009).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getTokens, modern, postForm, refresh, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const instance = await startInstance()
const { issuer } = instance
const server = instance.resource_server
const basic = (id, secret) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` })
const introspect = (token, headers = basic(server.client_id, server.client_secret)) => postForm(`${issuer}/introspect`, { token }, headers)
const revoke = (client, token) => postForm(`${issuer}/revoke`, { token, client_id: client.client_id })

test('the resource server learns what a token is', async () => {
  const tokens = await getTokens(instance, 'alice')
  const { json, status } = await introspect(tokens.access_token)
  assert.equal(status, 200)
  assert.equal(json.active, true)
  assert.equal(json.iss, issuer)
  assert.equal(json.aud, instance.mcp)
  assert.equal(json.client_id, tokens.client.client_id)
  assert.equal(json.username, 'alice')
  assert.equal(json.scope, tokens.scope)
  assert.ok(json.exp > json.iat)
})

test('anything else is inactive, and says nothing more', async () => {
  const tokens = await getTokens(instance, 'alice')
  const parts = tokens.access_token.split('.')
  const garbage = ['', 'x', 'spc_abc', `${parts[0]}.${parts[1]}.${'A'.repeat(86)}`, `${parts[0]}.${parts[1]}.`, tokens.access_token + 'x', 'spr_' + 'A'.repeat(71)]
  for (const token of garbage) {
    const answer = await introspect(token)
    if (token === '') assert.equal(answer.json.error, 'invalid_request')
    else assert.deepEqual(answer.json, { active: false }, token)
  }
})

test('nobody but the resource server may ask', async () => {
  const tokens = await getTokens(instance, 'alice')
  assert.equal((await introspect(tokens.access_token, {})).json.error, 'invalid_client')
  assert.equal((await introspect(tokens.access_token, basic(server.client_id, 'wrong'))).status, 401)
  const client = await register(issuer, { token_endpoint_auth_method: 'client_secret_basic' })
  const other = await introspect(tokens.access_token, basic(client.client_id, client.client_secret))
  assert.notEqual(other.json.active, true)
})

test('revoking a refresh token kills the grant, everywhere', async () => {
  const tokens = await getTokens(instance, 'alice')
  assert.equal((await revoke(tokens.client, tokens.refresh_token)).status, 200)
  assert.deepEqual((await introspect(tokens.access_token)).json, { active: false })
  assert.equal((await refresh(instance, tokens.client, tokens.refresh_token)).json.error, 'invalid_grant')
  assert.equal((await modern(instance, tokens.access_token, 'tools/list')).status, 401)
})

test('revoking an access token kills that token only', async () => {
  const tokens = await getTokens(instance, 'alice')
  const next = (await refresh(instance, tokens.client, tokens.refresh_token)).json
  assert.equal((await revoke(tokens.client, tokens.access_token)).status, 200)
  assert.deepEqual((await introspect(tokens.access_token)).json, { active: false })
  assert.equal((await introspect(next.access_token)).json.active, true)
})

test('of another client or unknown: 200, and nothing happens', async () => {
  const tokens = await getTokens(instance, 'alice')
  const other = await register(issuer)
  assert.equal((await revoke(other, tokens.refresh_token)).status, 200)
  assert.equal((await revoke(other, tokens.access_token)).status, 200)
  assert.equal((await revoke(other, 'nonsense')).status, 200)
  assert.equal((await introspect(tokens.access_token)).json.active, true)
  assert.equal((await revoke({ client_id: 'nobody' }, tokens.refresh_token)).status, 401)
  assert.equal((await introspect(tokens.access_token)).json.active, true)
})
