// SPDX-License-Identifier: Apache-2.0
// Both protocol eras on one endpoint, byte by byte where it matters.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getTokens, legacy, modern, postJson, toolNames } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const instance = await startInstance()
const alice = (await getTokens(instance, 'alice')).access_token
const bob = (await getTokens(instance, 'bob')).access_token
const bearer = { authorization: `Bearer ${alice}`, accept: 'application/json, text/event-stream' }
const META = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }
const post = (body, headers = {}) => postJson(instance.mcp, body, { ...bearer, ...headers })
const request = (method, params, id = 1) => ({ jsonrpc: '2.0', id, method, params })

test('each person sees the tools of their scopes', async () => {
  assert.deepEqual(await toolNames(instance, alice), ['deployment_status', 'get_customer', 'query_logs'])
  assert.deepEqual(await toolNames(instance, bob), ['deployment_status', 'get_user', 'query_logs', 'read_ticket'])
})

test('2026-07-28: discover and lists say how long they hold and for whom', async () => {
  const discover = (await modern(instance, alice, 'server/discover')).json.result
  assert.equal(discover.resultType, 'complete')
  assert.ok(discover.supportedVersions.includes('2026-07-28'))
  assert.ok(discover.capabilities.tools)
  assert.equal(discover.cacheScope, 'private')
  assert.equal(discover._meta['io.modelcontextprotocol/serverInfo'].name, 'sallyport-mcp')
  const list = (await modern(instance, alice, 'tools/list')).json.result
  assert.equal(list.cacheScope, 'private')
  assert.ok(Number.isInteger(list.ttlMs))
  for (const tool of list.tools) {
    assert.equal(tool.inputSchema.type, 'object')
    assert.equal(tool.inputSchema.additionalProperties, false)
    assert.equal(tool.annotations.readOnlyHint, true)
  }
})

test('2026-07-28: the header table', async () => {
  const modernHeaders = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' }
  const cases = [
    [request('tools/list', {}), modernHeaders, 400, -32602],
    [request('tools/list', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }), modernHeaders, 400, -32602],
    [request('tools/list', { _meta: META }), { ...modernHeaders, 'mcp-protocol-version': '2025-11-25' }, 400, -32020],
    [request('tools/list', { _meta: { ...META, 'io.modelcontextprotocol/protocolVersion': 'v999.0.0' } }), modernHeaders, 400, -32020],
    [request('tools/list', { _meta: { ...META, 'io.modelcontextprotocol/protocolVersion': 'v999.0.0' } }), { ...modernHeaders, 'mcp-protocol-version': 'v999.0.0' }, 400, -32022],
    [request('tools/list', { _meta: META }), { 'mcp-protocol-version': '2026-07-28' }, 400, -32020],
    [request('tools/list', { _meta: META }), { ...modernHeaders, 'mcp-method': 'tools/call' }, 400, -32020],
    [request('tools/call', { _meta: META, name: 'query_logs' }), { ...modernHeaders, 'mcp-method': 'tools/call' }, 400, -32020],
    [request('tools/call', { _meta: META, name: 'query_logs' }), { ...modernHeaders, 'mcp-method': 'tools/call', 'mcp-name': 'get_user' }, 400, -32020],
    [request('nothing/known', { _meta: META }), { ...modernHeaders, 'mcp-method': 'nothing/known' }, 404, -32601],
    [request('ping', { _meta: META }), { ...modernHeaders, 'mcp-method': 'ping' }, 404, -32601],
    [request('initialize', { _meta: META }), { ...modernHeaders, 'mcp-method': 'initialize' }, 404, -32601],
  ]
  for (const [body, headers, status, code] of cases) {
    const answer = await post(body, headers)
    const what = JSON.stringify([body, headers, answer.json])
    assert.equal(answer.status, status, what)
    assert.equal(answer.json.error.code, code, what)
    assert.equal(answer.json.id, 1, what)
  }
  const unsupported = await post(request('tools/list', { _meta: { ...META, 'io.modelcontextprotocol/protocolVersion': 'v9' } }), { ...modernHeaders, 'mcp-protocol-version': 'v9' })
  assert.ok(unsupported.json.error.data.supported.includes('2026-07-28'))
  assert.equal(unsupported.json.error.data.requested, 'v9')
})

test('2026-07-28: a name in Base64 is decoded before it is compared', async () => {
  const encoded = `=?base64?${Buffer.from('deployment_status').toString('base64')}?=`
  const answer = await modern(instance, alice, 'tools/call', { name: 'deployment_status', arguments: { service: 'checkout' } }, { 'mcp-name': encoded })
  assert.equal(answer.status, 200, answer.text)
  assert.equal((await modern(instance, alice, 'tools/call', { name: 'deployment_status', arguments: { service: 'checkout' } }, { 'mcp-name': encoded.replace('=?=', '?=') })).json.error?.code, -32020)
})

test('revisions with initialize', async () => {
  for (const version of ['2025-03-26', '2025-06-18', '2025-11-25']) {
    const answer = await post(request('initialize', { protocolVersion: version, capabilities: {}, clientInfo: { name: 't', version: '1' } }))
    assert.equal(answer.json.result.protocolVersion, version)
    assert.equal(answer.json.result.serverInfo.name, 'sallyport-mcp')
    assert.equal(answer.json.result.resultType, undefined)
  }
  const other = await post(request('initialize', { protocolVersion: '1999-01-01', capabilities: {}, clientInfo: { name: 't', version: '1' } }))
  assert.equal(other.json.result.protocolVersion, '2025-11-25')
  const initialized = await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, { 'mcp-protocol-version': '2025-11-25' })
  assert.equal(initialized.status, 202)
  assert.equal(initialized.text, '')
  assert.deepEqual((await legacy(instance, alice, 'ping')).json.result, {})
  assert.equal((await legacy(instance, alice, 'nothing/known')).json.error.code, -32601)
  assert.equal((await legacy(instance, alice, 'tools/list', {}, { 'mcp-protocol-version': '1999-01-01' })).status, 400)
  // the modern era has neither streams nor sessions (sessions.test.mjs has the legacy one's)
  for (const method of ['GET', 'DELETE']) {
    const answer = await fetch(instance.mcp, { method, headers: { ...bearer, accept: 'text/event-stream', 'mcp-protocol-version': '2026-07-28' } })
    assert.equal(answer.status, 405)
    assert.match(answer.headers.get('allow'), /POST/)
  }
})

test('ids come back as they were', async () => {
  for (const id of ['a"b\\c\u00e9', 0, -1, 9007199254740993n, ''])  {
    const body = `{"jsonrpc":"2.0","id":${typeof id === 'bigint' ? id : JSON.stringify(id)},"method":"ping"}`
    const answer = await post(body, { 'mcp-protocol-version': '2025-11-25' })
    assert.equal(answer.status, 200, answer.text)
    if (typeof id === 'bigint') assert.match(answer.text, new RegExp(`"id":${id}[,}]`))
    else assert.equal(answer.json.id, id)
  }
})

test('what is not JSON-RPC', async () => {
  const cases = [['{', 400, -32700], ['', 400, -32700], ['[]', 400, -32600], ['1', 400, -32600], ['{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32600], ['{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600],
    ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 400, -32600], ['{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, -32600], ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400, -32600],
    ['{"jsonrpc":"2.0","id":1,"method":5}', 400, -32600], [`${"[".repeat(5000)}${"]".repeat(5000)}`, 400, -32600], ['{"jsonrpc":"2.0","id":1,"method":"a\\u0000b"}', 400, -32700]]
  for (const [body, status, code] of cases) {
    const answer = await post(body)
    assert.equal(answer.status, status, body.slice(0, 80))
    assert.equal(answer.json.error.code, code, body.slice(0, 80))
  }
  const latin = await fetch(instance.mcp, { method: 'POST', headers: { ...bearer, 'content-type': 'application/json' }, body: Buffer.from('{"jsonrpc":"2.0","id":1,"method":"\xff"}', 'latin1') })
  assert.equal(latin.status, 400)
  assert.equal((await post('{}', { 'content-type': 'text/plain' })).status, 415)
  assert.equal((await post(`"${'a'.repeat(1100000)}"`)).status, 413)
})

test('a foreign Origin or Host is refused', async () => {
  assert.equal((await post(request('ping'), { origin: 'https://evil.example' })).status, 403)
  assert.equal((await post(request('ping'), { origin: 'null' })).status, 403)
  assert.equal((await post(request('ping'), { origin: new URL(instance.mcp).origin })).status, 200)
})

test('tokens that are not for here', async () => {
  const [header, payload, signature] = alice.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url'))
  const recode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const bad = ['x', `${header}.${payload}`, `${header}.${payload}.`, `${header}.${recode({ ...claims, scope: 'tools:admin' })}.${signature}`, `${recode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
    `${recode({ alg: 'HS256', typ: 'at+jwt', kid: JSON.parse(Buffer.from(header, 'base64url')).kid })}.${payload}.${signature}`, `${alice}=`, 'a'.repeat(9000)]
  for (const token of bad) {
    const answer = await legacy(instance, token, 'ping')
    assert.equal(answer.status, 401, token.slice(0, 40))
    assert.match(answer.headers.get('www-authenticate'), /^Bearer error="invalid_token"/, token.slice(0, 40))
    assert.match(answer.headers.get('www-authenticate'), /resource_metadata="/)
  }
  assert.equal((await post(request('ping'), { authorization: `bearer ${alice}` })).status, 200)
  assert.equal((await post(request('ping'), { authorization: `Bearer  ${alice}` })).status, 200, 'RFC 9110: one or more blanks')
  assert.equal((await post(request('ping'), { authorization: `Basic ${alice}` })).status, 401)
})

test('untrusted text is marked, personal data is not there', async () => {
  const ticket = (await modern(instance, bob, 'tools/call', { name: 'read_ticket', arguments: { ticket_id: 'T-2001' } })).json.result
  assert.ok(!ticket.isError, JSON.stringify(ticket))
  assert.match(ticket.content[0].text, /untrusted/i)
  const customer = (await modern(instance, alice, 'tools/call', { name: 'get_customer', arguments: { customer_id: 'C-1013' } })).json.result
  assert.equal(Object.keys(customer.structuredContent.rows[0]).length, 3)
  assert.doesNotMatch(JSON.stringify(customer), /@|phone|street/i)
})
