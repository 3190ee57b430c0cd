// SPDX-License-Identifier: Apache-2.0
// A person approves single calls: by elicitation in both eras, once, for these arguments of this tool; and what modes leave out.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client'
import { getTokens, legacy, toolNames } from './lib/client.mjs'
import { startFixture, tool } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, until, verb, writeEtc } from './lib/programs.mjs'

const instance = await startInstance()
const input = { input: { type: 'object', additionalProperties: false, properties: { id: { type: 'string', maxLength: 3000 }, n: { type: 'integer', minimum: 0, maximum: 9 } } } }
const wipe = tool('wipe', [{ answer: 'wiped' }], { title: 'Wipe a record', tier: 'destroy', ...input })
const asking = { key: 'more', method: 'elicitation/create', params: { message: 'Why?', requestedSchema: { type: 'object', properties: { why: { type: 'string' } }, required: ['why'] } } }
const files = [
  wipe,
  tool('ask_too', [{ ask: [asking] }, { answer: 'because {{more.content.why}}' }], { tier: 'destroy', ...input }),
  tool('careful', [{ answer: 'read' }], { approval: 'ask', ...input }),
  tool('change', [{ answer: 'changed' }], { tier: 'write', ...input }),
  tool('background', [{ answer: 'done' }], { tier: 'destroy', task: 'required', ...input }),
  tool('job', [{ answer: 'done' }], { tier: 'destroy', approval: 'none', ...input }),
]
const secrets = ['secrets: approval.secrets']
await writeEtc(instance, 'approval.secrets', (await verb(instance, 'authz', ['secret', 'new'])).stdout)
const audit = (name) => [/^audit_log:.*$/m, (line) => line.replace('audit.log', `audit-${name}.log`)]
const fixture = await startFixture(instance, 'approval', files, ...secrets, audit('approval'))
const other = await startFixture(instance, 'approval2', files, ...secrets, audit('approval2'))
const records = async (name = 'approval') => (await readFile(instance.logs.audit.replace('audit.log', `audit-${name}.log`), 'utf8')).trim().split('\n').map((line) => JSON.parse(line)).filter((event) => event.event === 'tool_call')
const tokens = await getTokens(instance, 'alice')
const bob = await getTokens(instance, 'bob')
const bearer = (of = tokens) => ({ authorization: `Bearer ${of.access_token}` })

// ---- the official clients ----

const seen = []
const answering = (action) => (request) => {
  seen.push(request.params)
  return { action, ...(action === 'accept' ? { content: request.params.requestedSchema.required ? { why: 'so' } : {} } : {}) }
}
async function connect1(action, capabilities = { elicitation: {} }) {
  const client = new Client1({ name: 't', version: '1' }, { capabilities })
  if (capabilities.elicitation) client.setRequestHandler(ElicitRequestSchema, answering(action))
  await client.connect(new Transport1(new URL(fixture.url), { requestInit: { headers: bearer() } }))
  return client
}
const connect2 = (mode) => async (action, capabilities = { elicitation: {} }) => {
  const client = new Client2({ name: 't', version: '1' }, { capabilities, versionNegotiation: { mode } })
  if (capabilities.elicitation) client.setRequestHandler('elicitation/create', answering(action))
  await client.connect(new Transport2(new URL(fixture.url), { requestInit: { headers: bearer() } }))
  return client
}

for (const [name, connect] of [['sdk 1.32', connect1], ['client 2.4, legacy', connect2('legacy')], ['client 2.4, 2026-07-28', connect2('auto')]])
  test(`${name}: a person approves, declines and leaves a call`, async () => {
    const said = async (action, tool, args = { id: 'r-1', n: 3 }) => {
      const client = await connect(action)
      const result = await client.callTool({ name: tool, arguments: args })
      await client.close()
      return [result.isError ?? false, result.content[0].text]
    }
    seen.length = 0
    assert.deepEqual(await said('accept', 'wipe'), [false, 'wiped'])
    assert.equal(seen.length, 1)
    assert.equal(seen[0].message, 'Approve this call?\nWipe a record (wipe), a tool that deletes or overwrites\n\n- id: "r-1"\n- n: 3')
    const accepted = (await records()).at(-1)
    assert.deepEqual([accepted.outcome, accepted.approval, accepted.username, accepted.tool], ['allowed', 'accepted', 'alice', 'wipe'])
    assert.ok((await records()).some((line) => line.outcome === 'started' && line.request === accepted.request && line.approval === 'accepted' && line.arguments_digest === accepted.arguments_digest))
    for (const [action, words, mark] of [['decline', /declined/, 'declined'], ['cancel', /not decided/, 'cancelled']]) {
      const [isError, text] = await said(action, 'wipe')
      assert.equal(isError, true)
      assert.match(text, words)
      const line = (await records()).at(-1)
      assert.deepEqual([line.outcome, line.approval], ['denied', mark])
    }
    assert.deepEqual(await said('accept', 'ask_too', {}), [false, 'because so'])
    assert.deepEqual(await said('accept', 'careful', {}), [false, 'read'])
    seen.length = 0
    assert.deepEqual(await said('decline', 'change', {}), [false, 'changed'])
    assert.deepEqual(await said('decline', 'job', {}), [false, 'done'])
    assert.equal(seen.length, 0)
  })

test('a person sees all of what is to be seen, and what is not', async () => {
  const client = await connect1('decline')
  seen.length = 0
  await client.callTool({ name: 'wipe', arguments: { id: `a\nApprove anyway?${'x'.repeat(2000)}` } })
  await client.close()
  assert.match(seen[0].message, /- id: "a\\nApprove anyway\?x+ \.\.\. \(\d+ more characters\)\n\nNot all of it is shown\. SHA-256 of the arguments: [0-9a-f]{64}$/)
})

test('a client that cannot ask is refused in words', async () => {
  const answer = (await legacy({ mcp: fixture.url }, tokens.access_token, 'tools/call', { name: 'wipe', arguments: {} })).json
  assert.equal(answer.result.isError, true)
  assert.match(answer.result.content[0].text, /a person has approved/)
  const { status, error } = await modern('wipe', {}, { declared: {} })
  assert.deepEqual([status, error.code, error.data], [400, -32021, { requiredCapabilities: { elicitation: {} } }])
  assert.equal((await records()).at(-1).approval, 'impossible')
})

test('nobody is asked about a call that cannot run', async () => {
  const { status, error } = await modern('background')
  assert.deepEqual([status, error.code], [400, -32021])
  assert.ok('io.modelcontextprotocol/tasks' in error.data.requiredCapabilities.extensions)
  seen.length = 0
  const client = await connect1('accept')
  assert.match((await client.callTool({ name: 'background', arguments: {} })).content[0].text, /would have to support tasks/)
  await client.close()
  assert.equal(seen.length, 0)
})

// ---- 2026-07-28, by hand ----

async function modern(name, params = {}, { declared = { elicitation: {} }, of = tokens, url = fixture.url } = {}) {
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': declared }
  const answer = await fetch(url, { method: 'POST', headers: { ...bearer(of), accept: 'application/json, text/event-stream', 'content-type': 'application/json', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: { id: 'r-1' }, ...params, _meta } }) })
  return { status: answer.status, ...(await answer.json()) }
}
const key = 'sallyport_approval'
const yes = { [key]: { action: 'accept', content: {} } }
const ask = async (name = 'wipe', more = {}) => {
  const { result } = await modern(name, {}, more)
  assert.equal(result.resultType, 'input_required', JSON.stringify(result))
  return result.requestState
}
const text = (answer) => answer.result.content[0].text

test('an approval counts once', async () => {
  const requestState = await ask()
  assert.equal(text(await modern('wipe', { requestState, inputResponses: yes })), 'wiped')
  const again = await modern('wipe', { requestState, inputResponses: yes })
  assert.equal(again.result.isError, true)
  assert.match(text(again), /has been used/)
  const declined = await ask()
  assert.match(text(await modern('wipe', { requestState: declined, inputResponses: { [key]: { action: 'decline' } } })), /declined/)
  assert.match(text(await modern('wipe', { requestState: declined, inputResponses: yes })), /has been used/)
})

test('of many retries at once, at two processes, one runs', async () => {
  for (let round = 0; round < 5; round++) {
    const requestState = await ask()
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => modern('wipe', { requestState, inputResponses: yes }, { url: i % 2 ? fixture.url : other.url })))
    assert.equal(answers.filter((answer) => text(answer) === 'wiped').length, 1)
    assert.equal(answers.filter((answer) => /has been used/.test(text(answer))).length, 11)
  }
})

test('a question of the tool itself does not make two calls of one approval', async () => {
  const first = await ask('ask_too')
  const second = (await modern('ask_too', { requestState: first, inputResponses: yes })).result
  assert.equal(second.resultType, 'input_required')
  assert.deepEqual(Object.keys(second.inputRequests), ['more'])
  const retry = { requestState: second.requestState, inputResponses: { more: { action: 'accept', content: { why: 'so' } } } }
  assert.equal(text(await modern('ask_too', retry)), 'because so')
  assert.match(text(await modern('ask_too', retry)), /has been used/)
})

test('an approval is of one person, client and call', async () => {
  const requestState = await ask()
  const another = await getTokens(instance, 'alice')
  for (const [name, params, more] of [
    ['wipe', { arguments: { id: 'r-2' } }], ['wipe', { arguments: { id: 'r-1', n: 1 } }], ['ask_too', {}], ['wipe', {}, { of: bob }], ['wipe', {}, { of: another }], ['wipe', { requestState: `${requestState}A` }],
  ])
    assert.equal((await modern(name, { requestState, inputResponses: yes, ...params }, more)).error.code, -32602)
  assert.equal((await modern('wipe', { requestState })).result.resultType, 'input_required') // nobody has answered
  assert.equal((await modern('wipe', { inputResponses: yes })).result.resultType, 'input_required') // nobody was asked
  assert.equal(text(await modern('wipe', { requestState, inputResponses: yes })), 'wiped')
})

test('a tool that has changed since is not what was approved', async () => {
  const requestState = await ask()
  const [path, content] = wipe
  await writeEtc(instance, `approval/${path}`, JSON.stringify({ ...content, description: 'Wipes something else' }))
  await until('the change', async () => JSON.stringify((await list()).tools).includes('something else'))
  assert.match(text(await modern('wipe', { requestState, inputResponses: yes })), /not what was approved/)
  assert.equal((await records()).at(-1).approval, 'changed')
})
async function list() {
  const client = await connect1('decline')
  const listed = await client.listTools()
  await client.close()
  return listed
}

test('without a database, an approval counts where it was asked for', async () => {
  const alone = await startFixture(instance, 'approval3', [wipe], ...secrets, [/^database: .*$/m, ''], audit('approval3'))
  const beside = await startFixture(instance, 'approval4', [wipe], ...secrets, [/^database: .*$/m, ''], audit('approval4'))
  const requestState = await ask('wipe', { url: alone.url })
  assert.equal((await modern('wipe', { requestState, inputResponses: yes }, { url: beside.url })).result.resultType, 'input_required')
  const answers = await Promise.all(Array.from({ length: 6 }, () => modern('wipe', { requestState, inputResponses: yes }, { url: alone.url })))
  assert.equal(answers.filter((answer) => text(answer) === 'wiped').length, 1)
})

// ---- modes, and what must not meet ----

test('of a mode, other tiers do not exist', async () => {
  const reads = await startFixture(instance, 'reads', files, 'mode: read_only', audit('reads')), writes = await startFixture(instance, 'writes', files, 'mode: write_only', audit('writes'))
  assert.deepEqual(await toolNames({ mcp: reads.url }, tokens.access_token), ['careful'])
  assert.deepEqual(await toolNames({ mcp: writes.url }, tokens.access_token), ['ask_too', 'background', 'change', 'job', 'wipe'])
  assert.equal((await modern('job', {}, { url: reads.url })).error.message, 'Unknown tool')
  assert.equal((await modern('careful', {}, { url: writes.url })).error.message, 'Unknown tool')
})

test('strangers beside senders are reported, or refused', async () => {
  const post = (more) => ({ name: 'post', title: 'Post', description: 'Posts', scope: 'logs:read', tier: 'write', approval: 'ask', input: { type: 'object', additionalProperties: false, properties: {} }, static: { content: [{ type: 'text', text: 'x' }] }, ...more })
  await deriveConfig(instance, 'mcp.yaml', 'mixed.yaml', [])
  await writeEtc(instance, 'tools/post.yaml', JSON.stringify(post({ open_world: true })))
  const told = await verb(instance, 'mcp', ['check'], { config: 'mixed.yaml' })
  assert.equal(told.code, 0, told.stderr)
  assert.match(told.stdout, /note: text of strangers comes by read_ticket \(tickets:read\).*, and text goes out by post \(logs:read\): a client that has the scopes of both/)
  const catalogue = (await verb(instance, 'mcp', ['catalogue'], { config: 'mixed.yaml' })).stdout
  assert.match(catalogue, /note: text of strangers/)
  assert.match(catalogue, /post .*each call needs its person's approval/)
  await deriveConfig(instance, 'mcp.yaml', 'mixed.yaml', ['untrusted_and_senders: refuse'])
  const refused = await verb(instance, 'mcp', ['check'], { config: 'mixed.yaml' })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /mixed\.yaml: untrusted_and_senders: text of strangers/)
  await deriveConfig(instance, 'mcp.yaml', 'mixed.yaml', ['untrusted_and_senders: refuse', 'mode: read_only'])
  const reads = await verb(instance, 'mcp', ['check'], { config: 'mixed.yaml' })
  assert.equal(reads.code, 0, reads.stderr)
  assert.match(reads.stdout, /mode read_only/)
})
