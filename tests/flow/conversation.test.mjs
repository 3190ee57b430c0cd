// SPDX-License-Identifier: Apache-2.0
// A backend asks the client: by requests on the stream (legacy era) and by input_required (2026-07-28).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client'
import { getTokens } from './lib/client.mjs'
import { events, startFixture, tool } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'

const form = (name) => ({ message: `What is your ${name}?`, requestedSchema: { type: 'object', properties: { [name]: { type: 'string', maxLength: 20 } }, required: [name] } })
const instance = await startInstance()
const files = [
  tool('greet', [{ ask: [{ key: 'user', method: 'elicitation/create', params: form('name') }], state: 'ok' }, { answer: 'Hello, {{user.content.name}}! {{user.action}} {{state}}' }], { input: { type: 'object', additionalProperties: false, properties: { a: { type: 'integer' } } } }),
  tool('rounds', [{ ask: [{ key: 'one', method: 'elicitation/create', params: form('name') }] }, { ask: [{ key: 'two', method: 'elicitation/create', params: form('color') }] }, { answer: '{{one.content.name}} likes {{two.content.color}}' }]),
  tool('all', [{ ask: [{ key: 'e', method: 'elicitation/create', params: form('name') }, { key: 's', method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }], maxTokens: 10 } }, { key: 'r', method: 'roots/list' }] },
    { answer: '{{e.content.name}} {{s.content.text}} {{r.roots.0.uri}}' }]),
  tool('samples', [{ need: 'sampling' }, { answer: 'can' }]),
]
const fixture = await startFixture(instance, 'conversation', [...files,
  ['prompts/ask.yaml', { name: 'ask', title: 'Ask', description: 'Asks', scope: 'logs:read', script: [{ ask: [{ key: 'user', method: 'elicitation/create', params: form('name') }] }, { answer: 'Be kind to {{user.content.name}}' }] }],
  ['resources/ask.yaml', { uri: 'test://ask', name: 'ask', title: 'Ask', description: 'Asks', mime_type: 'text/plain', scope: 'logs:read', script: [{ ask: [{ key: 'user', method: 'elicitation/create', params: form('name') }] }, { answer: 'Of {{user.content.name}}' }] }],
])
const tokens = await getTokens(instance, 'alice')
const again = await getTokens(instance, 'alice')
const bearer = (of = tokens) => ({ authorization: `Bearer ${of.access_token}` })
const post = (message, headers = {}) =>
  fetch(fixture.url, { method: 'POST', headers: { ...bearer(), accept: 'application/json, text/event-stream', 'content-type': 'application/json', ...headers }, body: JSON.stringify(message) })

// ---- the official clients ----

const answers = {
  elicit: (request) => ({ action: 'accept', content: { [request.params.requestedSchema.required[0]]: request.params.message.includes('color') ? 'blue' : 'Alice' } }),
  sample: () => ({ role: 'assistant', model: 'm', content: { type: 'text', text: 'hello' } }),
  roots: () => ({ roots: [{ uri: 'file:///home' }] }),
}
const capabilities = { elicitation: {}, sampling: {}, roots: {} }

async function connect1() {
  const client = new Client1({ name: 't', version: '1' }, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, answers.elicit)
  client.setRequestHandler(CreateMessageRequestSchema, answers.sample)
  client.setRequestHandler(ListRootsRequestSchema, answers.roots)
  await client.connect(new Transport1(new URL(fixture.url), { requestInit: { headers: bearer() } }))
  return client
}
async function connect2(mode) {
  const client = new Client2({ name: 't', version: '1' }, { capabilities, versionNegotiation: { mode } })
  client.setRequestHandler('elicitation/create', answers.elicit)
  client.setRequestHandler('sampling/createMessage', answers.sample)
  client.setRequestHandler('roots/list', answers.roots)
  await client.connect(new Transport2(new URL(fixture.url), { requestInit: { headers: bearer() } }))
  return client
}

for (const [name, connect] of [['sdk 1.32', connect1], ['client 2.4, legacy', () => connect2('legacy')], ['client 2.4, 2026-07-28', () => connect2('auto')]])
  test(`${name} answers what it is asked`, async () => {
    const client = await connect()
    const said = async (tool) => (await client.callTool({ name: tool, arguments: {} })).content[0].text
    assert.equal(await said('greet'), 'Hello, Alice! accept ok')
    assert.equal(await said('rounds'), 'Alice likes blue')
    assert.equal(await said('all'), 'Alice hello file:///home')
    assert.equal(await said('samples'), 'can')
    assert.equal((await client.getPrompt({ name: 'ask' })).messages[0].content.text, 'Be kind to Alice')
    assert.equal((await client.readResource({ uri: 'test://ask' })).contents[0].text, 'Of Alice')
    await client.close()
  })

// ---- legacy, by hand ----

async function initialize(declared = capabilities, headers = {}) {
  const answer = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: declared, clientInfo: { name: 't', version: '1' } } }, headers)
  await answer.json()
  return { 'mcp-session-id': answer.headers.get('mcp-session-id'), 'mcp-protocol-version': '2025-06-18' }
}
const call = (name, headers, more = {}) => post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } }, { ...headers, ...more })

test('legacy: only the session that was asked may answer', async () => {
  const session = await initialize()
  const stream = events(await call('greet', session))
  const question = (await stream.next()).data
  assert.equal(question.method, 'elicitation/create')
  assert.deepEqual(question.params, form('name'))
  const reply = { jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { name: 'Eve' } } }
  const others = [await initialize(), { 'mcp-protocol-version': '2025-06-18' }, { ...(await initialize(capabilities, bearer(again))), ...bearer(again) }]
  for (const other of others) assert.equal((await post(reply, other)).status, 202)
  assert.equal((await post({ ...reply, id: `${question.id}x` }, session)).status, 202)
  reply.result.content.name = 'Alice'
  assert.equal((await post(reply, session)).status, 202)
  assert.equal((await stream.next()).data.result.content[0].text, 'Hello, Alice! accept ok')
  assert.equal((await post(reply, session)).status, 202) // too late
})

test('legacy: what is no answer ends the call', async () => {
  const session = await initialize()
  const wrong = [{ result: { action: 'accept', content: { name: 5 } } }, { result: { action: 'accept' } }, { result: { action: 'perhaps' } }, { result: {} }, { error: { code: -1, message: 'secret words' } }]
  for (const [i, answer] of wrong.entries()) {
    const stream = events(await call('greet', session))
    const question = (await stream.next()).data
    await post({ jsonrpc: '2.0', id: question.id, ...answer }, session)
    const result = (await stream.next()).data.result
    assert.equal(result.isError, true, String(i))
    assert.doesNotMatch(result.content[0].text, /secret words/)
  }
  const stream = events(await call('greet', session))
  const question = (await stream.next()).data
  await post({ jsonrpc: '2.0', id: question.id, result: { action: 'decline' } }, session)
  assert.equal((await stream.next()).data.result.content[0].text, 'Hello, ! decline ok')
})

test('legacy: a client that cannot be asked gets a problem', async () => {
  const problem = async (answer) => {
    const { result } = await answer.json()
    assert.equal(result.isError, true)
    return result.content[0].text
  }
  assert.match(await problem(await call('greet', await initialize({}))), /elicitation/)
  assert.match(await problem(await call('samples', await initialize({ elicitation: {} }))), /sampling/)
  assert.match(await problem(await call('greet', { 'mcp-protocol-version': '2025-06-18' })), /elicitation/) // it never said what it can
  assert.match(await problem(await call('greet', await initialize(), { accept: 'application/json' })), /event stream/)
})

test('legacy: a call that waits can be cancelled', async () => {
  const session = await initialize()
  const stream = events(await call('greet', session))
  await stream.next()
  await post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }, session)
  assert.equal(await stream.next(), undefined)
})

// ---- 2026-07-28, by hand ----

async function modern(name, params = {}, { declared = capabilities, headers = {}, method = 'tools/call' } = {}) {
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': declared }
  const answer = await post({ jsonrpc: '2.0', id: 1, method, params: { name, ...(method === 'tools/call' ? { arguments: {} } : {}), ...params, _meta } },
    { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': name, ...headers })
  return { status: answer.status, ...(await answer.json()) }
}
const accept = { user: { action: 'accept', content: { name: 'Alice' } } }

test('2026-07-28: the state is good for the same request of the same caller only', async () => {
  const { result } = await modern('greet')
  assert.equal(result.resultType, 'input_required')
  assert.deepEqual(result.inputRequests, { user: { method: 'elicitation/create', params: form('name') } })
  const { requestState } = result
  const done = await modern('greet', { requestState, inputResponses: { ...accept, more: 5 } })
  assert.equal(done.result.resultType, 'complete')
  assert.equal(done.result.content[0].text, 'Hello, Alice! accept ok')
  const refused = [
    await modern('greet', { requestState: `${requestState}A`, inputResponses: accept }),
    await modern('greet', { requestState: requestState.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')), inputResponses: accept }),
    await modern('greet', { requestState: '', inputResponses: accept }),
    await modern('greet', { requestState: 5, inputResponses: accept }),
    await modern('greet', { requestState: 'a'.repeat(200000), inputResponses: accept }),
    await modern('greet', { requestState, inputResponses: accept, arguments: { a: 1 } }),
    await modern('rounds', { requestState, inputResponses: accept }),
    await modern('greet', { requestState, inputResponses: accept }, { headers: bearer(again) }),
    await modern('greet', { requestState, inputResponses: null }),
    await modern('greet', { requestState, inputResponses: { user: 12345 } }),
    await modern('greet', { requestState, inputResponses: { user: { action: 'accept', content: { name: 'a'.repeat(30) } } } }),
  ]
  for (const [i, answer] of refused.entries()) assert.equal(answer.error?.code, -32602, `${i} ${JSON.stringify(answer)}`)
  assert.match(refused.at(-1).error.message, /^inputResponses\.user: content\.name/)
})

test('2026-07-28: what is missing is asked again', async () => {
  const first = (await modern('all')).result
  assert.deepEqual(Object.keys(first.inputRequests).sort(), ['e', 'r', 's'])
  const second = (await modern('all', { requestState: first.requestState, inputResponses: { e: accept.user, r: { roots: [] } } })).result
  assert.equal(second.resultType, 'input_required')
  assert.deepEqual(Object.keys(second.inputRequests), ['s'])
  assert.notEqual(second.requestState, first.requestState)
  const third = (await modern('all', { requestState: second.requestState, inputResponses: { s: answers.sample() } })).result
  assert.equal(third.content[0].text, 'Alice hello ')
  const without = (await modern('greet', { inputResponses: accept })).result // to what was never asked
  assert.equal(without.resultType, 'input_required')
})

test('2026-07-28: a capability that is missing', async () => {
  const answer = await modern('samples', {}, { declared: { elicitation: {} } })
  assert.equal(answer.status, 400)
  assert.deepEqual(answer.error.data, { requiredCapabilities: { sampling: {} } })
  assert.equal(answer.error.code, -32021)
  assert.equal((await modern('greet', {}, { declared: { elicitation: { url: {} } } })).error.code, -32021)
  assert.equal((await modern('ask', {}, { declared: {}, method: 'prompts/get' })).error.code, -32021)
})
