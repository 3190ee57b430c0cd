// SPDX-License-Identifier: Apache-2.0
// Streams: what a call says while it works, what goes on when the client leaves, and who hears of changes.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import https from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { getTokens, postForm } from './lib/client.mjs'
import { events, startFixture, tool } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'
import { home, until, writeEtc } from './lib/programs.mjs'

const instance = await startInstance()
const fixture = await startFixture(instance, 'streams', [
  tool('works', [{ progress: { at: 0, total: 100 } }, { log: { level: 'info', text: 'half' } }, { wait: 30 }, { progress: { at: 100, total: 100, message: 'done' } }, { progress: { at: 50 } }, { answer: 'worked' }]),
  tool('quiet', [{ wait: 30 }, { answer: 'quiet' }]),
  tool('slow', [{ progress: { at: 1 } }, { wait: 60000 }, { answer: 'slow' }]),
  tool('come_back', [{ come_back: 200 }, { wait: 300 }, { progress: { at: 1 } }, { answer: 'welcome' }]),
  tool('talks', [{ progress: { at: 1 } }, { wait: 700 }, { progress: { at: 2 } }, { answer: 'talked' }]),
  tool('lasts', [{ progress: { at: 1 } }, { wait: 4000 }, { answer: 'lasted' }]),
  tool('much', [{ progress: { at: 1 } }, ...Array.from({ length: 4 }, (_, i) => ({ log: { level: 'info', text: `${i}`.repeat(60000) } })), { answer: 'much' }]),
  tool('change', [{ changed: ['tools', 'prompts', 'resources'] }, { answer: 'changed' }]),
  tool('update', [{ updated: 'test://watched' }, { updated: 'test://hidden' }, { answer: 'updated' }]),
  ['resources/watched.yaml', { uri: 'test://watched', name: 'watched', title: 'Watched', description: 'Watched', mime_type: 'text/plain', scope: 'logs:read', static: { text: 'x' } }],
  ['resources/hidden.yaml', { uri: 'test://hidden', name: 'hidden', title: 'Hidden', description: 'Hidden', mime_type: 'text/plain', scope: 'tools:admin', static: { text: 'x' } }],
  ['prompts/hello.yaml', { name: 'hello', title: 'Hello', description: 'Hello', scope: 'logs:read', static: { messages: [{ role: 'user', text: 'Hello' }] } }],
], 'streams: {per_caller: 4}')
const tokens = await getTokens(instance, 'alice')
const bearer = { authorization: `Bearer ${tokens.access_token}` }
const accept = { accept: 'application/json, text/event-stream' }

const post = (message, headers = {}) =>
  fetch(fixture.url, { method: 'POST', headers: { ...bearer, ...accept, 'content-type': 'application/json', ...headers }, body: JSON.stringify(message) })
const request = (id, method, params = {}) => ({ jsonrpc: '2.0', id, method, params })
const call = (id, name, params = {}) => request(id, 'tools/call', { name, arguments: {}, ...params })

async function initialize(version = '2025-11-25', capabilities = {}) {
  const answer = await post(request(0, 'initialize', { protocolVersion: version, capabilities, clientInfo: { name: 't', version: '1' } }))
  await answer.json()
  return { 'mcp-session-id': answer.headers.get('mcp-session-id'), 'mcp-protocol-version': version }
}

const META = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }
const modern = (message, meta = {}, headers = {}) =>
  post({ ...message, params: { ...message.params, _meta: { ...META, ...meta } } }, {
    'mcp-protocol-version': '2026-07-28', 'mcp-method': message.method, ...(message.params.name ? { 'mcp-name': message.params.name } : {}), ...headers,
  })
const text = (message) => message.result.content[0].text

test('progress and messages come before the answer, where they were asked for', async () => {
  const session = await initialize('2025-06-18')
  assert.deepEqual(await (await post(request(1, 'logging/setLevel', { level: 'debug' }), session)).json(), { jsonrpc: '2.0', id: 1, result: {} })
  assert.equal((await (await post(request(1, 'logging/setLevel', { level: 'loud' }), session)).json()).error.code, -32602)
  const answer = await post(call('a', 'works', { _meta: { progressToken: 7 } }), session)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'text/event-stream')
  assert.equal(answer.headers.get('x-accel-buffering'), 'no')
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  const said = (await events(answer).rest()).map((e) => e.data)
  assert.deepEqual(said.slice(0, 3), [
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 7, progress: 0, total: 100 } },
    { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'half' } },
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 7, progress: 100, total: 100, message: 'done' } },
  ])
  assert.equal(said.length, 4)
  assert.equal(text(said[3]), 'worked')
  assert.equal(said[3].id, 'a')
})

test('whoever asked for nothing, or takes no streams, gets the answer alone', async () => {
  const session = await initialize('2025-06-18')
  for (const answer of [await post(call(1, 'works'), session), await post(call(1, 'quiet', { _meta: { progressToken: 'x' } }), session),
    await post(call(1, 'works', { _meta: { progressToken: 1 } }), { ...session, accept: 'application/json' })]) {
    assert.equal(answer.headers.get('content-type'), 'application/json')
    assert.ok((await answer.json()).result.content)
  }
})

test('2026-07-28: the request says which messages it wants', async () => {
  const plain = await modern(call(1, 'works'))
  assert.equal(plain.headers.get('content-type'), 'application/json')
  await plain.json()
  const said = (await events(await modern(call(1, 'works'), { 'io.modelcontextprotocol/logLevel': 'info', progressToken: 'p' })).rest()).map((e) => e.data)
  assert.deepEqual(said.map((m) => m.method ?? 'answer'), ['notifications/progress', 'notifications/message', 'notifications/progress', 'answer'])
  assert.equal(said.at(-1).result.resultType, 'complete')
  const less = (await events(await modern(call(1, 'works'), { 'io.modelcontextprotocol/logLevel': 'error', progressToken: 'p' })).rest())
  assert.equal(less.length, 3)
  const bad = await modern(call(1, 'works'), { 'io.modelcontextprotocol/logLevel': 'loud' })
  assert.equal(bad.status, 400)
  assert.equal((await bad.json()).error.code, -32602)
})

test('2025-11-25: the server lets the client come back for the answer', async () => {
  const session = await initialize()
  const first = await events(await post(call(9, 'come_back', { _meta: { progressToken: 1 } }), session)).rest()
  assert.equal(first[0].data, '')
  assert.match(first[0].id, /^[!-~]+$/)
  assert.equal(first.at(-1).retry, '200')
  const resume = (id, headers = session) => fetch(fixture.url, { headers: { ...bearer, accept: 'text/event-stream', ...headers, 'last-event-id': id } })
  const rest = await events(await resume(first[0].id)).rest()
  assert.deepEqual(rest.map((e) => e.data.method ?? text(e.data)), ['notifications/progress', 'welcome'])
  assert.equal(new Set(rest.map((e) => e.id)).size, 2)
  // again, from where one wants; behind the last there is nothing
  assert.deepEqual((await events(await resume(rest[0].id)).rest()).map((e) => text(e.data)), ['welcome'])
  assert.equal((await resume(rest[1].id)).status, 405)
  // another session, none, another person, nonsense
  assert.equal((await resume(first[0].id, await initialize())).status, 400)
  assert.equal((await resume(first[0].id, { 'mcp-protocol-version': '2025-11-25' })).status, 400)
  for (const id of ['x', '1-2', '00000000-1-0', `${first[0].id}0`, '-'.repeat(500)]) assert.equal((await resume(id)).status, 400)
})

test('2025-11-25: a broken connection loses nothing; the revisions before are not primed', async () => {
  const session = await initialize()
  const answer = events(await post(call(2, 'talks', { _meta: { progressToken: 1 } }), session))
  const first = await answer.next()
  assert.equal((await answer.next()).data.params.progress, 1)
  await answer.cancel()
  const back = events(await fetch(fixture.url, { headers: { ...bearer, accept: 'text/event-stream', ...session, 'last-event-id': first.id } }))
  assert.equal((await back.next()).data.params.progress, 1)
  assert.equal((await back.next()).data.params.progress, 2)
  assert.equal(text((await back.next()).data), 'talked')
  assert.equal(await back.next(), undefined)
  const older = events(await post(call(2, 'talks', { _meta: { progressToken: 1 } }), await initialize('2025-06-18')))
  assert.equal((await older.next()).data.params.progress, 1)
  await older.cancel()
})

const resume = (headers, id, url = fixture.url) => fetch(url, { headers: { ...bearer, accept: 'text/event-stream', ...headers, 'last-event-id': id } })

/** A call of a session whose client has left: the id of the event to come back for. */
async function leave(session, name, url = fixture.url) {
  const answer = events(await fetch(url, { method: 'POST', headers: { ...bearer, ...accept, 'content-type': 'application/json', ...session }, body: JSON.stringify(call(3, name, { _meta: { progressToken: 1 } })) }))
  const { id } = await answer.next()
  assert.equal((await answer.next()).data.params.progress, 1)
  await answer.cancel()
  return id
}

test('2025-11-25: much that was missed comes piece by piece', async () => {
  const session = await initialize()
  await (await post(request(1, 'logging/setLevel', { level: 'debug' }), session)).json()
  const [first, ...rest] = await events(await post(call(2, 'much', { _meta: { progressToken: 1 } }), session)).rest()
  assert.equal(rest.length, 6)
  assert.deepEqual(await events(await resume(session, first.id)).rest(), rest)
})

test('2025-11-25: who comes back counts, and reads as long as token and session live; the call goes on', async () => {
  const session = await initialize()
  const other = await getTokens(instance, 'alice', {}, tokens.client)
  const id = await leave(session, 'lasts')
  const back = events(await until('a place', async () => {
    const answer = await resume({ ...session, authorization: `Bearer ${other.access_token}` }, id)
    return answer.status === 200 && answer
  }))
  assert.equal((await back.next()).data.params.progress, 1)
  const open = []
  let status = 200
  while (status === 200) {
    const answer = await modern(request('n', 'subscriptions/listen', { notifications: {} }))
    status = answer.status
    if (status === 200) open.push(events(answer))
    assert.ok(open.length <= 3)
  }
  assert.equal(status, 429)
  for (const stream of open) await stream.cancel()
  await postForm(`${instance.issuer}/revoke`, { token: other.refresh_token, client_id: tokens.client.client_id })
  assert.deepEqual(await back.rest(), [])
  const again = events(await resume(session, id))
  assert.deepEqual((await again.rest()).map((e) => e.data.method ?? text(e.data)), ['notifications/progress', 'lasted'])
})

test('DELETE ends the reading of who came back', async () => {
  const session = await initialize()
  const back = events(await resume(session, await leave(session, 'lasts')))
  await back.next()
  assert.equal((await fetch(fixture.url, { method: 'DELETE', headers: { ...bearer, ...session } })).status, 204)
  assert.deepEqual(await back.rest(), [])
})

test('who came back gets the answer while the server goes down', async () => {
  const second = await startFixture(instance, 'drain', [tool('lasts', [{ progress: { at: 1 } }, { wait: 4000 }, { answer: 'lasted' }])])
  const answer = await fetch(second.url, { method: 'POST', headers: { ...bearer, ...accept, 'content-type': 'application/json' }, body: JSON.stringify(request(0, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } })) })
  await answer.json()
  const session = { 'mcp-session-id': answer.headers.get('mcp-session-id'), 'mcp-protocol-version': '2025-11-25' }
  const back = events(await resume(session, await leave(session, 'lasts', second.url), second.url))
  const done = second.daemon.stop()
  assert.equal(text((await back.rest()).at(-1).data), 'lasted')
  assert.equal((await done).code, 0)
})

test('HTTP/1.0 has no streams', async () => {
  const send = (head, body = '') => new Promise((resolve, reject) => {
    const socket = connect(fixture.port, '127.0.0.1')
    let heard = ''
    socket.setEncoding('utf8').on('data', (text) => (heard += text)).on('error', reject).on('close', () => resolve(heard))
    socket.write(`${head} HTTP/1.0\r\nhost: 127.0.0.1:${fixture.port}\r\nauthorization: ${bearer.authorization}\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\nmcp-protocol-version: 2025-06-18\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  })
  const answer = await send('POST /mcp', JSON.stringify(call(1, 'works', { _meta: { progressToken: 1 } })))
  assert.match(answer, /^HTTP\/1\.\d 200 .*content-type: application\/json\r\n.*"text":"worked"/is)
  assert.match(await send('GET /mcp'), /^HTTP\/1\.\d 406 /)
})

test('notifications/cancelled stops the call of the same session', async () => {
  const session = await initialize()
  for (const other of [await initialize(), { 'mcp-protocol-version': '2025-11-25' }]) {
    const answer = events(await post(call('c', 'slow', { _meta: { progressToken: 1 } }), session))
    await answer.next()
    await answer.next()
    const cancel = (headers, requestId) => post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason: 'enough' } }, headers)
    assert.equal((await cancel(other, 'c')).status, 202) // somebody else's request
    assert.equal((await cancel(session, 'd')).status, 202)
    const pending = answer.rest()
    assert.equal(await Promise.race([pending.then(() => 'ended'), new Promise((resolve) => setTimeout(resolve, 300, 'runs'))]), 'runs')
    assert.equal((await cancel(session, 'c')).status, 202)
    assert.deepEqual(await pending, []) // no answer: nobody wants one
  }
})

test('2026-07-28: closing the stream cancels', async () => {
  const answer = events(await modern(call(1, 'slow'), { progressToken: 1 }))
  await answer.next()
  await answer.cancel()
  const records = async () => (await readFile(join(home(instance), 'logs', 'audit.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line))
  await until('the record of it', async () => (await records()).some((r) => r.tool === 'slow' && r.outcome === 'cancelled' && r.reason === 'the client has left'))
})

test('a GET stream hears of changes, on one stream of a session only', async () => {
  const session = await initialize()
  const open = async () => {
    const answer = await fetch(fixture.url, { headers: { ...bearer, accept: 'text/event-stream', ...session } })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('x-accel-buffering'), 'no')
    return events(answer)
  }
  const older = await open()
  const newer = await open()
  assert.deepEqual((await (await post(request(1, 'resources/subscribe', { uri: 'test://watched' }), session)).json()).result, {})
  assert.equal((await (await post(request(1, 'resources/subscribe', { uri: 'test://hidden' }), session)).json()).error.code, (await (await post(request(1, 'resources/subscribe', { uri: 'test://nothing' }), session)).json()).error.code)
  await (await post(call(1, 'update'), session)).json()
  await (await post(call(1, 'change'), session)).json()
  assert.deepEqual((await newer.next()).data, { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'test://watched' } })
  const methods = [(await newer.next()).data, (await newer.next()).data, (await newer.next()).data]
  assert.deepEqual(methods, ['tools', 'prompts', 'resources'].map((kind) => ({ jsonrpc: '2.0', method: `notifications/${kind}/list_changed` })))
  assert.deepEqual((await (await post(request(1, 'resources/unsubscribe', { uri: 'test://watched' }), session)).json()).result, {})
  await (await post(call(1, 'update'), session)).json()
  await newer.cancel()
  await until('the newer stream to be gone', async () => {
    await (await post(call(1, 'change'), session)).json()
    return Promise.race([older.next(), new Promise((resolve) => setTimeout(resolve, 100))])
  })
  await older.cancel()
})

test('2026-07-28: subscriptions/listen', async () => {
  const started = Date.now()
  const answer = events(await modern(request(5, 'subscriptions/listen', { notifications: { toolsListChanged: true, promptsListChanged: false, resourceSubscriptions: ['test://watched', 'test://hidden', 'test://nothing'] } })))
  const id = { _meta: { 'io.modelcontextprotocol/subscriptionId': 5 } }
  assert.deepEqual((await answer.next()).data, { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { ...id, notifications: { toolsListChanged: true, resourceSubscriptions: ['test://watched'] } } })
  assert.ok(Date.now() - started < 800)
  await (await modern(call(1, 'change'))).json()
  await (await modern(call(1, 'update'))).json()
  assert.deepEqual((await answer.next()).data, { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: id })
  assert.deepEqual((await answer.next()).data, { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { ...id, uri: 'test://watched' } })
  await answer.cancel()
  for (const params of [{}, { notifications: 1 }, { notifications: { toolsListChanged: 1 } }, { notifications: { resourceSubscriptions: [1] } }])
    assert.equal((await (await modern(request(5, 'subscriptions/listen', params))).json()).error.code, -32602)
  assert.equal((await modern(request(5, 'subscriptions/listen', { notifications: {} }), {}, { accept: 'application/json' })).status, 406)
})

test('nobody has more streams than his share', async () => {
  const listen = () => modern(request('n', 'subscriptions/listen', { notifications: {} }))
  const open = []
  await until('four places', async () => {
    const answer = await listen()
    if (answer.status === 200) open.push(events(answer))
    return open.length === 4
  })
  const refused = await listen()
  assert.equal(refused.status, 429)
  await refused.text()
  await open.pop().cancel()
  await until('a place', async () => {
    const answer = await listen()
    if (answer.status === 200) open.push(events(answer))
    return answer.status === 200
  })
  for (const stream of open) await stream.cancel()
})

test('a stream ends with its token', async () => {
  const other = await getTokens(instance, 'bob')
  const headers = { authorization: `Bearer ${other.access_token}` }
  const listening = events(await modern(request('r', 'subscriptions/listen', { notifications: { toolsListChanged: true } }), {}, headers))
  await listening.next()
  const get = events(await fetch(fixture.url, { headers: { ...headers, accept: 'text/event-stream', 'mcp-protocol-version': '2025-06-18' } }))
  await postForm(`${instance.issuer}/revoke`, { token: other.refresh_token, client_id: other.client.client_id })
  const id = { 'io.modelcontextprotocol/subscriptionId': 'r' }
  const last = (await listening.rest()).map((e) => e.data)
  assert.deepEqual(last, [
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { _meta: id, requestId: 'r' } },
    { jsonrpc: '2.0', id: 'r', result: { resultType: 'complete', _meta: id } },
  ])
  assert.deepEqual(await get.rest(), [])
})

test('over TLS a stream is the same, and a reader that leaves is noticed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-streams-'))
  const [key, crt] = [join(folder, 'key.pem'), join(folder, 'crt.pem')]
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=test', '-keyout', key, '-out', crt])
  await writeEtc(instance, 'streams.key', await readFile(key, 'utf8'))
  await writeEtc(instance, 'streams.crt', await readFile(crt, 'utf8'))
  await rm(folder, { recursive: true })
  const secure = await startFixture(instance, 'secure', [tool('change', [{ progress: { at: 1 } }, { changed: ['tools'] }, { answer: 'changed' }])], 'tls: {certificate: streams.crt, key: streams.key}', 'streams: {per_caller: 1}')
  const ask = (method, headers, body) => new Promise((resolve, reject) => {
    const r = https.request({ host: '127.0.0.1', port: secure.port, path: '/mcp', method, rejectUnauthorized: false, agent: false, headers: { ...bearer, ...accept, ...headers } }, resolve)
    r.on('error', reject)
    r.end(body)
  })
  const listen = () => ask('GET', { 'mcp-protocol-version': '2025-06-18' })
  const stream = await listen()
  assert.equal(stream.statusCode, 200)
  assert.equal((await listen()).statusCode, 429)
  let heard = ''
  stream.setEncoding('utf8').on('data', (text) => (heard += text)).on('error', () => {})
  const answer = await ask('POST', { 'content-type': 'application/json' }, JSON.stringify(call(1, 'change', { _meta: { progressToken: 1 } })))
  let said = ''
  for await (const text of answer.setEncoding('utf8')) said += text
  assert.match(said, /notifications\/progress[^]*"text":"changed"/)
  await until('the change', () => /tools\/list_changed/.test(heard))
  stream.destroy()
  await until('the place to be free', async () => {
    const next = await listen()
    next.on('error', () => {}).destroy()
    return next.statusCode === 200
  })
  assert.equal((await secure.daemon.stop()).code, 0)
})

test('streams end well when the server goes down', async () => {
  const listening = events(await modern(request(1, 'subscriptions/listen', { notifications: {} })))
  await listening.next()
  const done = fixture.daemon.stop()
  assert.equal((await listening.rest()).at(-1).data.result.resultType, 'complete')
  assert.equal((await done).code, 0)
})
