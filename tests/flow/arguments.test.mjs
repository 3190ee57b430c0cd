// SPDX-License-Identifier: Apache-2.0
// Arguments on their way from a client to a backend: what a schema means, what a schema may cost, and that text stays text (common/schema).
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { mkdir, rm } from 'node:fs/promises'
import { after, test } from 'node:test'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, verb, writeEtc } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const instance = await startInstance()
const stub = await startTokenServer()

// ---- a service that says what it was asked ----

const service = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const url = new URL(request.url, 'http://service')
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({
    segments: url.pathname.split('/').slice(1).map(decodeURIComponent), query: [...url.searchParams], form: [...new URLSearchParams(`${Buffer.concat(chunks)}`)],
  }))
})
await new Promise((resolve) => service.listen(0, '127.0.0.1', resolve))
after(() => {
  service.closeAllConnections()
  service.close()
})
const { port } = service.address()

// ---- tools ----

const BEYOND_DOUBLES = '9007199254740993' // 2^53 + 1
const file = (name, properties, backend, required = Object.keys(properties)) => JSON.stringify({
  name, title: name, description: name, scope: 'logs:read', tier: 'read', input: { type: 'object', additionalProperties: false, properties, required }, ...backend,
}).replace(`"${BEYOND_DOUBLES}"`, BEYOND_DOUBLES)
const done = { static: { content: [{ type: 'text', text: 'done' }] } }
const bounded = { type: 'string', maxLength: 200 }

const TOOLS = {
  sql: [{ text: bounded }, { sql: { statement: 'select $1::text as text', parameters: ['text'] }, result: { columns: ['text'], rows: 1 } }],
  command: [{ text: bounded }, { command: { path: '/usr/bin/printf', arguments: ['[%s]', '--', '{text}'], output: 'text' } }],
  http: [{ text: bounded }, { http: { method: 'POST', url: `http://127.0.0.1:${port}/a/{text}/b`, query: { q: '{text}', fixed: '1' }, body: { form: { f: '{text}', fixed: '2' } } } }],
  number: [{ n: { type: 'integer', minimum: -5, maximum: BEYOND_DOUBLES }, price: { type: 'number', multipleOf: 0.01, maximum: 100 } }, done, []],
  word: [{ w: { type: 'string', minLength: 1, maxLength: 3, pattern: '^[^\u00e9]*$' } }, done],
  steps: [{ s: { type: 'string', pattern: '^(?=(a+)+$)(a|aa)+\\1$' }, plain: { type: 'string', pattern: '^(a+)+$' } }, done, []],
}
await mkdir(etc(instance, 'tools-arguments'), { mode: 0o755 })
after(() => rm(etc(instance, 'tools-arguments'), { recursive: true, force: true }))
for (const [name, [properties, backend, required]] of Object.entries(TOOLS)) await writeEtc(instance, `tools-arguments/${name}.yaml`, file(name, properties, backend, required))
const changes = (folder) => [
  [/^tools:.*$/m, `tools: ${folder}`], [/^(resources|prompts):.*\n/gm, ''], 'commands: {allowed: [/usr/bin/printf]}',
  `outbound: {hosts: [{host: 127.0.0.1, port: ${port}, plain: true, addresses: [127.0.0.0/8]}]}`,
]
const server = await startMcpServer(instance, stub, 'arguments', changes('tools-arguments'))
const token = stub.mint(server.mcp, { scope: 'logs:read' })

/** Arguments as JSON text: a number can be one that no double is. */
async function call(name, args) {
  const meta = '{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
  const response = await fetch(server.mcp, {
    method: 'POST',
    headers: {
      'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name,
      authorization: `Bearer ${token}`,
    },
    body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":${typeof args === 'string' ? args : JSON.stringify(args)},"_meta":${meta}}}`,
  })
  const answer = await response.json()
  return { status: response.status, answer, refused: answer.result?.isError === true, code: answer.error?.code, result: answer.result, text: answer.result?.content?.[0]?.text }
}
const passes = async (name, args) => assert.equal((await call(name, args)).text, 'done', `${args}`)
async function fails(name, args, words) {
  const { refused, text, status } = await call(name, args)
  assert.ok(refused && status === 200, `${args}: ${text}`)
  assert.match(text, words)
}

// ---- schemas ----

const folder = 'tools-arguments-bad'
await mkdir(etc(instance, folder), { mode: 0o755 })
after(() => rm(etc(instance, folder), { recursive: true, force: true }))

/** Words of `check` about a tool with that schema for its only argument. */
async function problemOf(schema, rest = {}) {
  await writeEtc(instance, `${folder}/bad.yaml`, JSON.stringify({ ...JSON.parse(file('bad', { a: schema }, done)), ...rest }))
  await deriveConfig(instance, 'mcp.yaml', 'mcp-arguments-bad.yaml', changes(folder))
  const { code, stdout, stderr } = await verb(instance, 'mcp', ['check'], { config: 'mcp-arguments-bad.yaml' })
  return code === 0 ? undefined : `${stdout}${stderr}`
}

test('S-1: a reference leads nowhere but into its own document', async () => {
  for (const $ref of ['https://schemas.example/a.json', `http://127.0.0.1:${port}/schema`, 'file:///etc/passwd', '/etc/passwd', '../etc/passwd', '#/properties/nothing', '#nothing', 'urn:a:b'])
    assert.match(await problemOf({ $ref }) ?? 'accepted', /bad\.yaml: .*\$ref/, $ref)
  assert.match(await problemOf({ $dynamicRef: 'https://schemas.example/a.json#a' }) ?? 'accepted', /bad\.yaml: .*\$dynamicRef/)
  assert.match(await problemOf({ $schema: 'http://json-schema.org/draft-07/schema#' }) ?? 'accepted', /bad\.yaml: .*\$schema/)
  assert.equal(await problemOf({ type: 'string' }), undefined)
})

test('S-2: a schema cannot be a bomb, and a pattern ends in an error, not in time', async () => {
  const deep = (n) => (n === 0 ? { type: 'string' } : { allOf: [deep(n - 1)] })
  assert.match(await problemOf(deep(2000)) ?? 'accepted', /bad\.yaml/)
  const doubling = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${i}`, { anyOf: [{ $ref: `#/properties/a/$defs/d${i + 1}` }, { $ref: `#/properties/a/$defs/d${i + 1}` }] }]))
  doubling.d40 = { const: 'never' }
  const bomb = { $defs: doubling, $ref: '#/properties/a/$defs/d0' }
  // it may be refused when it is read, or when it is used; it is never walked 2^40 times
  if ((await problemOf(bomb)) === undefined) {
    await writeEtc(instance, 'tools-arguments/bomb.yaml', file('bomb', { a: bomb }, done))
    const from = Date.now()
    while ((await call('bomb', { a: 'x' })).code !== undefined) assert.ok(Date.now() - from < 30000, 'the tool is not there')
    assert.ok((await call('bomb', { a: 'x' })).refused)
  }
  const hostile = `${'a'.repeat(5000)}!`
  assert.match(await problemOf({ type: 'string', pattern: '(' }) ?? 'accepted', /bad\.yaml: .*pattern/)
  for (const property of ['s', 'plain']) assert.ok((await call('steps', { [property]: hostile })).refused, property)
  await passes('steps', { plain: 'a'.repeat(5000) })
})

test('S-3: a number is what it says, to the last digit', async () => {
  for (const n of ['0', '-0', '1.0', '1e2', '100e-2', '9007199254740993', '-5', '-5.000']) await passes('number', `{"n":${n}}`)
  for (const n of ['9007199254740994', '-6', '0.5', '1e-1', '"1"', 'null', 'true', '9007199254740993.5', '1e300']) await fails('number', `{"n":${n}}`, /arguments\.n: /)
  for (const price of ['0.07', '19.99', '0.29', '1.1', '100.00']) await passes('number', `{"price":${price}}`)
  for (const price of ['0.075', '19.999', '100.01']) await fails('number', `{"price":${price}}`, /arguments\.price: /)
  for (const beyond of ['1e400', '9223372036854775808', '-1e999']) assert.equal((await call('number', `{"n":${beyond}}`)).code, -32600, beyond)
  for (const none of ['NaN', 'Infinity', '01', '+1', '.5', '1.', '0x10']) assert.equal((await call('number', `{"n":${none}}`)).code, -32700, none)
})

test('S-4: a length counts characters, and nothing is normalised', async () => {
  for (const w of ['a', '\u{1f600}\u{1f600}\u{1f600}', 'e\u0301e', '\u{2f800}', 'ａｂｃ']) await passes('word', { w })
  for (const w of ['', 'abcd', '\u{1f600}\u{1f600}\u{1f600}\u{1f600}', 'e\u0301e\u0301', '\u00e9']) await fails('word', { w }, /arguments\.w: /)
})

test('S-5: nothing reaches a backend that the schema does not name', async () => {
  assert.match(await problemOf({ type: 'string' }, { input: { type: 'object', properties: {} } }) ?? 'accepted', /bad\.yaml: .*additionalProperties/)
  for (const more of [{ more: 1 }, { Text: 'x' }, { 'text ': 'x' }, { __proto__x: 'x' }]) await fails('sql', { text: 'x', ...more }, /arguments/)
  assert.equal((await call('sql', '{"text":"a","text":"b"}')).code, -32600, 'a name that comes twice')
})

// ---- text ----

const OPENINGS = ['', ' ', "'", '"', "')", '"; ', '--', '-', '$1', '%s', '%n', '{text}', '${x}', '../', '/', '\\', '?', '#', '&a=b', '=', '+', ';', '|', '`', '<', '\u{1f600}']
const CLOSINGS = ['', "' or '1'='1", '; select 1', '; drop table x', '$(id)', '%00', '%0d%0aX: y', '?q=2&fixed=3', '#end', '/../../x', '\\0', '{text}', 'é']

test('S-6: what a schema calls a string is a string to SQL, a program and a service', async (t) => {
  let exact = 0, refused = 0
  for (const opening of OPENINGS)
    for (const closing of CLOSINGS) {
      const text = `${opening}${closing}`
      const asked = await Promise.all(['sql', 'command', 'http'].map((name) => call(name, { text })))
      for (const [i, { result, refused: is, text: said }] of asked.entries()) {
        const what = `${['sql', 'command', 'http'][i]}: ${JSON.stringify(text)}: ${JSON.stringify(result)}`
        if (is) {
          // an option that is none, a segment that would be another path: refused in words, before anything is asked
          assert.match(said, /arguments\.text|The arguments|argument/, what)
          assert.notEqual(i, 0, what)
          refused++
          continue
        }
        exact++
        if (i === 0) assert.equal(result.structuredContent.rows[0].text, text, what)
        else if (i === 1) assert.equal(said, `[--][${text}]`, what)
        else assert.deepEqual(JSON.parse(said), { segments: ['a', text, 'b'], query: [['q', text], ['fixed', '1']], form: [['f', text], ['fixed', '2']] }, what)
      }
    }
  assert.ok(exact > 0.8 * (exact + refused), `${exact} of ${exact + refused}`)
  t.diagnostic(`${OPENINGS.length * CLOSINGS.length} texts to 3 backends: ${exact} came back as they went, ${refused} were refused`)
})
