// SPDX-License-Identifier: Apache-2.0
// Sessions of the legacy era: handles that are bound to person and client, prove nothing, and are not demanded. Batches of 2025-03-26.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { getTokens, register } from './lib/client.mjs'
import { startFixture, tool } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'
import { writeEtc } from './lib/programs.mjs'

const instance = await startInstance()
await writeEtc(instance, 'mcp.secrets', `1 ${randomBytes(32).toString('base64url')}\n`)
const files = [tool('echo', [{ answer: 'echo {{x}}' }], { input: { type: 'object', additionalProperties: false, properties: { x: {} } } }), tool('slow', [{ wait: 50 }, { answer: 'slow' }]),
  tool('admin', [{ answer: 'never' }], { scope: 'tools:admin', acquirable: true })]
const fixture = await startFixture(instance, 'one', files, 'secrets: mcp.secrets')
const replica = await startFixture(instance, 'two', files, 'secrets: mcp.secrets')
const alone = await startFixture(instance, 'three', files)

const alice = await getTokens(instance, 'alice')
const otherClient = await getTokens(instance, 'alice', {}, await register(instance.issuer))
const bob = await getTokens(instance, 'bob')

const send = (method, headers = {}, body = undefined, { at = fixture, as = alice } = {}) =>
  fetch(at.url, { method, headers: { authorization: `Bearer ${as.access_token}`, accept: 'application/json, text/event-stream', ...(body !== undefined ? { 'content-type': 'application/json' } : {}), ...headers }, body: typeof body === 'string' ? body : body !== undefined ? JSON.stringify(body) : undefined })
const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }

async function initialize(version = '2025-11-25', options = {}) {
  const answer = await send('POST', {}, { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: version, capabilities: {}, clientInfo: { name: 't', version: '1' } } }, options)
  assert.equal(answer.status, 200)
  assert.equal((await answer.json()).result.protocolVersion, version)
  return { 'mcp-session-id': answer.headers.get('mcp-session-id'), 'mcp-protocol-version': version }
}

test('a session is bound to person and client, and known to every process with the same secrets', async () => {
  const session = await initialize()
  assert.match(session['mcp-session-id'], /^spm_[A-Za-z0-9_-]+$/)
  assert.notEqual((await initialize())['mcp-session-id'], session['mcp-session-id'])
  assert.equal((await send('POST', session, ping)).status, 200)
  assert.equal((await send('POST', session, ping, { at: replica })).status, 200)
  assert.equal((await send('POST', session, ping, { at: alone })).status, 404)
  assert.equal((await send('POST', session, ping, { as: bob })).status, 404)
  assert.equal((await send('POST', session, ping, { as: otherClient })).status, 404)
  const id = session['mcp-session-id']
  const forged = `${id.slice(0, -1)}${id.endsWith('A') ? 'B' : 'A'}`
  for (const other of ['x', 'spm_', forged, `${id}A`, id.replace('spm', 'sps'), 'a'.repeat(4000)])
    for (const method of ['POST', 'GET', 'DELETE'])
      assert.equal((await send(method, { ...session, 'mcp-session-id': other, accept: 'application/json, text/event-stream' }, method === 'POST' ? ping : undefined)).status, 404, `${method} ${other}`)
  const nobody = await fetch(fixture.url, { method: 'POST', headers: { 'content-type': 'application/json', ...session }, body: JSON.stringify(ping) })
  assert.equal(nobody.status, 401)
})

test('without a session everything is served as before', async () => {
  assert.equal((await send('POST', {}, ping)).status, 200)
  const get = await send('GET', { accept: 'text/event-stream' })
  assert.equal(get.status, 200)
  await get.body.cancel()
  assert.equal((await send('DELETE')).status, 400)
})

test('DELETE ends it', async () => {
  const session = await initialize()
  assert.equal((await send('DELETE', session)).status, 204)
  assert.equal((await send('POST', session, ping)).status, 404)
  assert.equal((await send('GET', session)).status, 404)
  assert.equal((await send('DELETE', session)).status, 404)
})

test('DELETE ends its streams', async () => {
  const session = await initialize()
  const stream = await send('GET', { ...session, accept: 'text/event-stream' })
  assert.equal((await send('DELETE', session)).status, 204)
  assert.match(await stream.text(), /^(:\n\n)+$/)
})

test('the headers of GET and DELETE', async () => {
  assert.equal((await send('GET', { accept: 'application/json' })).status, 406)
  for (const method of ['GET', 'DELETE']) {
    assert.equal((await send(method, { 'mcp-protocol-version': '2026-07-28' })).status, 405)
    assert.equal((await send(method, { 'mcp-protocol-version': '1999-01-01' })).status, 400)
    assert.equal((await fetch(fixture.url, { method })).status, 401)
  }
  assert.equal((await send('HEAD', { accept: 'text/event-stream' })).status, 405)
})

test('responses to nothing, and notifications, are taken', async () => {
  const session = await initialize()
  for (const message of [{ jsonrpc: '2.0', id: 'nobody-1', result: {} }, { jsonrpc: '2.0', id: 5, error: { code: -1, message: 'no' } }, { jsonrpc: '2.0', method: 'notifications/initialized' },
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'nothing' } }, { jsonrpc: '2.0', method: 'notifications/cancelled' }]) {
    const answer = await send('POST', session, message)
    assert.equal(answer.status, 202)
    assert.equal(await answer.text(), '')
  }
  assert.equal((await send('POST', session, { jsonrpc: '2.0', id: 1, result: 1 })).status, 400)
  assert.equal((await send('POST', session, { jsonrpc: '2.0', id: 1, result: {}, error: {} })).status, 400)
  assert.equal((await send('POST', { 'mcp-protocol-version': '2026-07-28' }, { jsonrpc: '2.0', id: 1, result: {} })).status, 400)
})

test('2025-03-26 has batches', async () => {
  const session = await initialize('2025-03-26')
  const call = (id, name, args = {}) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } })
  for (const headers of [session, {}, { 'mcp-protocol-version': '2025-03-26' }]) {
    const answer = await send('POST', headers, [ping, { jsonrpc: '2.0', method: 'notifications/initialized' }, call('s', 'slow'), call(3, 'echo', { x: 'y' }), 5,
      { jsonrpc: '2.0', id: 4, method: 'nothing' }, call(5, 'admin'), { jsonrpc: '2.0', id: 6, method: 'initialize', params: { protocolVersion: '2025-03-26' } }, [ping], { jsonrpc: '2.0', id: 'z', result: {} }])
    assert.equal(answer.status, 200)
    const answers = await answer.json()
    assert.deepEqual(answers.map((a) => a.id), [1, 's', 3, null, 4, 5, 6, null])
    assert.equal(answers[1].result.content[0].text, 'slow')
    assert.equal(answers[2].result.content[0].text, 'echo y')
    assert.deepEqual(answers.map((a) => a.error?.code), [undefined, undefined, undefined, -32600, -32601, -32602, -32600, -32600])
  }
  const quiet = await send('POST', session, [{ jsonrpc: '2.0', method: 'notifications/initialized' }, { jsonrpc: '2.0', id: 1, result: {} }])
  assert.equal(quiet.status, 202)
  assert.equal((await send('POST', session, [])).status, 400)
  assert.equal((await send('POST', session, Array(33).fill(ping))).status, 400)
  assert.equal((await (await send('POST', session, Array(32).fill(ping))).json()).length, 32)
})

test('no other revision has them', async () => {
  for (const headers of [await initialize('2025-06-18'), await initialize(), { 'mcp-protocol-version': '2025-06-18' }, { 'mcp-protocol-version': '2026-07-28' }]) {
    const answer = await send('POST', headers, [ping])
    assert.equal(answer.status, 400)
    assert.equal((await answer.json()).error.code, -32600)
  }
})
