// SPDX-License-Identifier: Apache-2.0
// Tools that ask for headers beside their arguments, and what of a tool's result may leave: with a real server.
import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { legacy, modern } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { etc } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const instance = await startInstance()
const stub = await startTokenServer()

const tool = (name, body, scope = 'logs:read') => `name: ${name}
title: ${name}
description: ${name}
scope: ${scope}
tier: read
${body}`
const INPUT = `input:
  type: object
  additionalProperties: false
  properties:
    region: {type: string, x-mcp-header: Region}
    size: {type: integer, x-mcp-header: Size}
    dry: {type: boolean, x-mcp-header: Dry-Run}
    at: {type: object, additionalProperties: false, properties: {zone: {type: string, x-mcp-header: Zone}}}
    note: {type: string}
static: {content: [{type: text, text: served}]}
`
const NONE = 'input: {type: object, additionalProperties: false}\n'
const SQL = (output, statement) => `${NONE}output: ${output}
sql: {statement: "${statement}", parameters: []}
result: {columns: [x]}
`
const ROWS = (x) => `{type: object, required: [rows, truncated], properties: {rows: {type: array, items: {type: object, properties: {x: ${x}}}}, truncated: {type: boolean}}}`
await mkdir(etc(instance, 'tools-headers'), { mode: 0o755 })
after(() => rm(etc(instance, 'tools-headers'), { recursive: true, force: true }))
for (const [name, text] of Object.entries({
  routed: tool('routed', INPUT),
  hidden: tool('hidden', INPUT, 'users:read'),
  keeps: tool('keeps', SQL(ROWS('{type: integer}'), 'select 7 as x')),
  breaks: tool('breaks', SQL(ROWS('{type: integer}'), "select 'a secret' as x")),
  fixed: tool('fixed', `idempotent: true\nopen_world: true\n${NONE}output: {type: object, required: [n]}\nstatic: {structured: {n: 1}}\n`),
  media: tool('media', `${NONE}static:
  content:
    - {type: text, text: words, annotations: {audience: [user], priority: 0.5}}
    - {type: image, mime_type: image/png, data: aW1n}
    - {type: audio, mime_type: audio/wav, data: YXVk}
    - {type: resource, uri: 'test://one', mime_type: text/plain, text: inside}
    - {type: resource_link, uri: 'test://two', name: two}
`),
  fails: tool('fails', `${NONE}static: {content: [{type: text, text: This went wrong}], error: true}\n`),
}))
  await writeFile(etc(instance, `tools-headers/${name}.yaml`), text, { mode: 0o644 })
const server = await startMcpServer(instance, stub, 'headers', [[/^tools:.*$/m, 'tools: tools-headers']])
const token = stub.mint(server.mcp, { scope: 'logs:read' })
const call = (name, args, headers = {}) => modern(server, token, 'tools/call', { name, ...(args ? { arguments: args } : {}) }, headers)

const REGION = 'mcp-param-region'
const encoded = (text) => `=?base64?${Buffer.from(text).toString('base64')}?=`

test('what the arguments say, the headers say', async () => {
  const fine = [
    [{}, {}],
    [undefined, {}],
    [{ region: null }, {}, 'arguments'],
    [{ region: 'eu' }, { [REGION]: 'eu' }],
    [{ region: 'eu' }, { 'MCP-PARAM-REGION': 'eu' }],
    [{ region: 'eu' }, { [REGION]: encoded('eu') }],
    [{ region: 'Hello, 世界' }, { [REGION]: encoded('Hello, 世界') }],
    [{ region: ' padded ' }, { [REGION]: encoded(' padded ') }],
    [{ region: 'SGVsbG8=' }, { [REGION]: 'SGVsbG8=' }],
    [{ region: '=?base64?SGVsbG8=' }, { [REGION]: '=?base64?SGVsbG8=' }],
    [{ size: 42 }, { 'mcp-param-size': '42' }],
    [{ size: 42 }, { 'mcp-param-size': '42.0' }],
    [{ dry: true }, { 'mcp-param-dry-run': 'true' }],
    [{ at: { zone: 'b' } }, { 'mcp-param-zone': 'b' }],
    [{ note: 'x' }, { 'mcp-param-note': 'something that no tool here knows' }],
  ]
  for (const [args, headers, problem] of fine) {
    const answer = await call('routed', args, headers)
    assert.equal(answer.status, 200, JSON.stringify([args, headers, answer.text]))
    if (problem) assert.match(answer.json.result.content[0].text, /arguments/) // null is no text: the schema says so
    else assert.equal(answer.json.result.content[0].text, 'served')
  }
  const refused = [
    [{ region: 'eu' }, {}],
    [{ region: 'eu' }, { [REGION]: 'us' }],
    [{ region: 'eu' }, { [REGION]: 'EU' }],
    [{ region: 'Hello' }, { [REGION]: '=?base64?SGVsbG8?=' }],
    [{ region: 'Hello' }, { [REGION]: '=?base64?SGVs!!!bG8=?=' }],
    [{ region: 'Hello' }, { [REGION]: 'SGVsbG8=' }],
    [{ region: 'Hello' }, { [REGION]: '=?base64?SGVsbG8=' }],
    [{}, { [REGION]: 'eu' }],
    [{ region: null }, { [REGION]: 'eu' }],
    [{ size: 42 }, { 'mcp-param-size': '43' }],
    [{ size: 42 }, { 'mcp-param-size': '0x2a' }],
    [{ dry: true }, { 'mcp-param-dry-run': 'TRUE' }],
    [{ at: { zone: 'b' } }, { 'mcp-param-zone': 'c' }],
    [{ at: { zone: 'b' } }, {}],
  ]
  for (const [args, headers] of refused) {
    const answer = await call('routed', args, headers)
    assert.equal(answer.status, 400, JSON.stringify([args, headers, answer.text]))
    assert.equal(answer.json.error.code, -32020)
    assert.equal(answer.json.id, 1)
  }
})

test('headers tell nothing of a hidden tool, and older revisions have none', async () => {
  const hidden = await call('hidden', { region: 'eu' }), unknown = await call('nothing', { region: 'eu' })
  assert.equal(hidden.text, unknown.text)
  assert.equal(hidden.status, 200)
  const answer = await legacy(server, token, 'tools/call', { name: 'routed', arguments: { region: 'eu' } })
  assert.equal(answer.json.result.content[0].text, 'served')
})

test('a client learns of them from the list', async () => {
  const { tools } = (await modern(server, token, 'tools/list')).json.result
  const by = Object.fromEntries(tools.map((t) => [t.name, t]))
  assert.equal(by.routed.inputSchema.properties.region['x-mcp-header'], 'Region')
  assert.deepEqual(by.fixed.annotations, { title: 'fixed', readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true })
  assert.deepEqual(by.fixed.outputSchema, { type: 'object', required: ['n'] })
  assert.equal(by.media.outputSchema, undefined)
})

test('structured results fit their schema, or stay here', async () => {
  const kept = (await call('keeps')).json.result
  assert.deepEqual(kept.structuredContent, { rows: [{ x: 7 }], truncated: false })
  assert.deepEqual(JSON.parse(kept.content[0].text), kept.structuredContent)
  const fixed = (await call('fixed')).json.result
  assert.deepEqual(fixed.structuredContent, { n: 1 })
  assert.deepEqual(JSON.parse(fixed.content[0].text), { n: 1 })
  const broken = await call('breaks')
  assert.equal(broken.status, 200)
  assert.equal(broken.json.result.isError, true)
  assert.equal(broken.json.result.structuredContent, undefined)
  assert.doesNotMatch(broken.text, /secret/)
  const line = server.daemon.stderr.split('\n').find((l) => l.includes('output schema'))
  assert.match(line, /"tool":"breaks"/)
  assert.match(line, /structuredContent\.rows/)
  assert.doesNotMatch(server.daemon.stderr, /a secret/)
})

test('content of every type', async () => {
  const { content } = (await call('media')).json.result
  assert.deepEqual(content, [
    { type: 'text', text: 'words', annotations: { audience: ['user'], priority: 0.5 } },
    { type: 'image', data: 'aW1n', mimeType: 'image/png' },
    { type: 'audio', data: 'YXVk', mimeType: 'audio/wav' },
    { type: 'resource', resource: { uri: 'test://one', mimeType: 'text/plain', text: 'inside' } },
    { type: 'resource_link', uri: 'test://two', name: 'two' },
  ])
  const failed = (await call('fails')).json.result
  assert.equal(failed.isError, true)
  assert.equal(failed.content[0].text, 'This went wrong')
})
