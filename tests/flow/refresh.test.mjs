// SPDX-License-Identifier: Apache-2.0
// The refresh contract: clients that retry or share a store never lose a sign-in; a stolen old token ends the grant.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flip, getTokens, postForm, refresh, register, toolNames } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const instance = await startInstance()

test('a refresh token is used once and followed by the next', async () => {
  const first = await getTokens(instance, 'alice')
  const second = await refresh(instance, first.client, first.refresh_token)
  assert.equal(second.status, 200)
  assert.notEqual(second.json.refresh_token, first.refresh_token)
  assert.notEqual(second.json.access_token, first.access_token)
  assert.equal(second.json.scope, first.scope)
  assert.deepEqual(await toolNames(instance, second.json.access_token), await toolNames(instance, first.access_token))
})

test('a retry gets the same successor, and it works', async () => {
  const first = await getTokens(instance, 'alice')
  const one = await refresh(instance, first.client, first.refresh_token)
  const two = await refresh(instance, first.client, first.refresh_token)
  assert.equal(two.status, 200)
  assert.equal(two.json.refresh_token, one.json.refresh_token)
  const next = await refresh(instance, first.client, two.json.refresh_token)
  assert.equal(next.status, 200)
})

test('parallel clients of one store all end with the live token', async () => {
  const first = await getTokens(instance, 'alice')
  const answers = await Promise.all(Array.from({ length: 16 }, () => refresh(instance, first.client, first.refresh_token)))
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [200])
  assert.equal(new Set(answers.map((a) => a.json.refresh_token)).size, 1)
})

test('a client that is two generations behind, within the window, is brought up to date', async () => {
  const first = await getTokens(instance, 'alice')
  const second = (await refresh(instance, first.client, first.refresh_token)).json
  const third = (await refresh(instance, first.client, second.refresh_token)).json
  const stale = await refresh(instance, first.client, first.refresh_token)
  assert.equal(stale.status, 200)
  assert.equal(stale.json.refresh_token, third.refresh_token)
})

test('of another client, forged, of another type: invalid_grant, and nothing happens to the grant', async () => {
  const first = await getTokens(instance, 'alice')
  const other = await register(instance.issuer)
  const flipped = flip(first.refresh_token)
  for (const [client, token] of [[other, first.refresh_token], [first.client, flipped], [first.client, first.refresh_token.replace('spr_', 'spc_')], [first.client, 'spr_'], [first.client, first.access_token]]) {
    const answer = await refresh(instance, client, token)
    assert.equal(answer.status, 400)
    assert.equal(answer.json.error, 'invalid_grant')
  }
  assert.equal((await refresh(instance, first.client, first.refresh_token)).status, 200)
})

test('scope narrows and never widens; resource must be the same', async () => {
  const first = await getTokens(instance, 'alice')
  const narrow = await refresh(instance, first.client, first.refresh_token, { scope: 'logs:read' })
  assert.equal(narrow.json.scope, 'logs:read')
  const wide = await refresh(instance, first.client, narrow.json.refresh_token, { scope: 'logs:read tools:admin' })
  assert.equal(wide.json.error, 'invalid_scope')
  const elsewhere = await refresh(instance, first.client, narrow.json.refresh_token, { resource: 'https://other.example/' })
  assert.equal(elsewhere.json.error, 'invalid_target')
  const again = await refresh(instance, first.client, narrow.json.refresh_token, { resource: instance.mcp })
  assert.equal(again.status, 200)
  assert.equal(again.json.scope, first.scope, 'the grant itself was not narrowed')
})

test('a revoked grant stays dead', async () => {
  const first = await getTokens(instance, 'alice')
  const revoked = await postForm(`${instance.issuer}/revoke`, { token: first.refresh_token, client_id: first.client.client_id })
  assert.equal(revoked.status, 200)
  assert.equal((await refresh(instance, first.client, first.refresh_token)).json.error, 'invalid_grant')
})

test('a client without the refresh_token grant gets no refresh token', async () => {
  const client = await register(instance.issuer, { grant_types: ['authorization_code'] })
  const tokens = await getTokens(instance, 'alice', {}, client)
  assert.equal(tokens.refresh_token, undefined)
})
