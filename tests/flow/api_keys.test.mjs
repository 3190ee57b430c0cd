// SPDX-License-Identifier: Apache-2.0
// API keys: made by the operator, shown once, taken by the MCP server like an access token, and ended at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postForm, postJson } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { must, until, verb } from './lib/programs.mjs'

const instance = await startInstance()
const add = (name, ...more) => must(instance, 'authz', ['api-key', 'add', name, '--resource', instance.mcp, ...more]).then((text) => text.trim())
const list = async () => JSON.parse(await must(instance, 'authz', ['api-key', 'list', '--json']))
const call = (key, method, params = {}) =>
  postJson(instance.mcp, { jsonrpc: '2.0', id: 1, method, params }, { authorization: `Bearer ${key}`, accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' })
const tools = async (key) => (await call(key, 'tools/list')).json?.result?.tools.map((t) => t.name).sort()
const introspect = (token, headers = {}) =>
  postForm(`${instance.issuer}/introspect`, { token }, { authorization: `Basic ${Buffer.from(`${instance.resource_server.client_id}:${instance.resource_server.client_secret}`).toString('base64')}`, ...headers })
const ends = (key) => until('the key to be dead', async () => (await call(key, 'ping')).status === 401, 5)

test("a person's key: shown once, listed without it, and good for its scopes", async () => {
  const key = await add('laptop', '--person', 'alice', '--scope', 'logs:read customers:read', '--expires', '30d')
  assert.match(key, /^spx_[A-Za-z0-9_-]{71}$/)
  assert.deepEqual(await tools(key), ['get_customer', 'query_logs'])
  assert.equal((await call(key, 'tools/call', { name: 'query_logs', arguments: { service: 'checkout' } })).json.result.isError, undefined)
  const [row] = await list()
  assert.deepEqual([row.name, row.person, row.client, row.resource, row.scope, row.state], ['laptop', 'alice', null, instance.mcp, 'customers:read logs:read', 'alive'])
  assert.ok(row.last_used_at)
  assert.ok(!JSON.stringify(row).includes(key.slice(4)))
  const said = (await introspect(key)).json
  assert.deepEqual([said.active, said.iss, said.client_id, said.username, said.aud, said.scope, said.token_type, said.grantable_scope], [true, instance.issuer, 'api-key:laptop', 'alice', instance.mcp, 'customers:read logs:read', 'Bearer', ''])
  assert.equal(said.exp - said.iat, 30 * 86400)
  const signed = await introspect(key, { accept: 'application/token-introspection+jwt' })
  assert.equal(JSON.parse(Buffer.from(signed.text.split('.')[1], 'base64url')).token_introspection.active, true)
})

test('never more than its owner may have today', async () => {
  const key = await add('bob', '--person', 'bob', '--scope', 'logs:read users:read')
  assert.deepEqual(await tools(key), ['get_user', 'query_logs'])
  const before = (await must(instance, 'authz', ['person', 'list', '--json']))
  const own = JSON.parse(before).find((p) => p.username === 'bob').own_scope
  await must(instance, 'authz', ['person', 'scope', 'bob', 'logs:read'])
  await until('the scope to be gone', async () => (await tools(key))?.join() === 'query_logs', 5)
  await must(instance, 'authz', ['person', 'scope', 'bob', own])
  await until('the scope to be back', async () => (await tools(key))?.length === 2, 5)
})

test('it is refused to give what the owner, or the resource, does not have', async () => {
  const cases = [
    [['x', '--person', 'alice', '--scope', 'tools:admin'], /more than the owner/], [['x', '--person', 'alice', '--scope', 'nothing'], /does not have all of these scopes/], [['x', '--person', 'nobody', '--scope', 'logs:read'], /no enabled person/],
    [['x', '--client', 'nobody', '--scope', 'logs:read'], /no enabled client/], [['laptop', '--person', 'alice', '--scope', 'logs:read'], /a living key has this name/], [['x', '--person', 'alice', '--scope', 'openid'], /does not have all of these scopes/],
    [['x', '--person', 'alice', '--scope', 'logs:read', '--expires', 'soon'], /--expires/],
  ]
  for (const [args, expected] of cases) {
    const done = await verb(instance, 'authz', ['api-key', 'add', ...args, '--resource', instance.mcp])
    assert.equal(done.code, 1, args.join(' '))
    assert.match(done.stderr, expected)
    assert.equal(done.stdout, '')
  }
  const elsewhere = await verb(instance, 'authz', ['api-key', 'add', 'x', '--person', 'alice', '--resource', 'https://other.example/mcp', '--scope', 'logs:read'])
  assert.match(elsewhere.stderr, /no such resource/)
  for (const args of [['x', '--scope', 'logs:read'], ['x', '--person', 'alice', '--client', 'b', '--scope', 'logs:read'], ['x', '--person', 'alice']])
    assert.equal((await verb(instance, 'authz', ['api-key', 'add', ...args, '--resource', instance.mcp])).code, 2)
})

test('revoked: dead at the MCP server at once, told by the feed', async () => {
  const key = await add('to-revoke', '--person', 'alice', '--scope', 'logs:read')
  assert.equal((await call(key, 'ping')).status, 200)
  await must(instance, 'authz', ['api-key', 'revoke', 'to-revoke'])
  const start = Date.now()
  await ends(key)
  assert.ok(Date.now() - start < 3000, `${Date.now() - start} ms`)
  assert.deepEqual((await introspect(key)).json, { active: false })
  assert.equal((await list()).find((k) => k.name === 'to-revoke').state, 'revoked')
  const again = await verb(instance, 'authz', ['api-key', 'revoke', 'to-revoke'])
  assert.match(again.stderr, /no living key has this name/)
  const next = await add('to-revoke', '--person', 'alice', '--scope', 'logs:read')
  assert.equal((await call(next, 'ping')).status, 200)
  assert.equal((await call(key, 'ping')).status, 401)
})

test('an expired key is dead by itself', async () => {
  const key = await add('short', '--person', 'alice', '--scope', 'logs:read', '--expires', '3s')
  assert.equal((await call(key, 'ping')).status, 200)
  await ends(key)
  await until('the list to say so', async () => (await list()).find((k) => k.name === 'short').state === 'expired', 5)
})

test('disabling its person ends it for good', async () => {
  const key = await add('carol', '--person', 'carol', '--scope', 'logs:read')
  assert.equal((await call(key, 'ping')).status, 200)
  await must(instance, 'authz', ['person', 'disable', 'carol'])
  await ends(key)
  await must(instance, 'authz', ['person', 'enable', 'carol'])
  assert.deepEqual((await introspect(key)).json, { active: false })
})

test("a client's key sleeps while it is disabled, and goes with it", async () => {
  const made = JSON.parse(await must(instance, 'authz', ['client', 'add', '--name', 'Robot', '--client-credentials', '--scope', 'logs:read deployments:read', '--json']))
  const key = await add('robot', '--client', made.client_id, '--scope', 'logs:read')
  assert.deepEqual(await tools(key), ['query_logs'])
  const said = (await introspect(key)).json
  assert.deepEqual([said.sub, said.client_id, said.username], [made.client_id, made.client_id, undefined])
  await must(instance, 'authz', ['client', 'disable', made.client_id])
  await ends(key)
  await must(instance, 'authz', ['client', 'enable', made.client_id])
  await until('the key to live again', async () => (await call(key, 'ping')).status === 200, 5)
  await must(instance, 'authz', ['client', 'delete', made.client_id])
  await ends(key)
})

test('what is not a key of this server is none, and a key is nothing else', async () => {
  const key = await add('genuine', '--person', 'alice', '--scope', 'logs:read')
  for (const wrong of [`${key.slice(0, -1)}${key.at(-1) === 'A' ? 'B' : 'A'}`, key.slice(0, -1), `${key}A`, key.replace('spx_', 'spr_'), key.replace('spx_', 'SPX_'), `spx_${'A'.repeat(71)}`]) {
    const answer = await call(wrong, 'ping')
    assert.equal(answer.status, 401, wrong)
    assert.match(answer.headers.get('www-authenticate'), /^Bearer error="invalid_token"/)
    assert.deepEqual((await introspect(wrong)).json, { active: false })
  }
  assert.equal((await postForm(`${instance.issuer}/token`, { grant_type: 'refresh_token', refresh_token: key, client_id: 'x' })).status, 401)
  assert.equal((await fetch(`${instance.issuer}/userinfo`, { headers: { authorization: `Bearer ${key}` } })).status, 401)
  assert.equal((await fetch(`${instance.issuer}/admin/clients`, { headers: { authorization: `Bearer ${key}` } })).status, 401)
  // not with DPoP, which it is not bound to
  const bound = await postJson(instance.mcp, { jsonrpc: '2.0', id: 1, method: 'ping' }, { authorization: `DPoP ${key}`, accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' })
  assert.equal(bound.status, 401)
  assert.equal((await call(key, 'ping')).status, 200)
})
