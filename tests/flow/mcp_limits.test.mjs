// SPDX-License-Identifier: Apache-2.0
// How often and how many at a time: budgets of persons, clients and tools, each alone and over two processes that share a database.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { afterEach, test } from 'node:test'
import { modern } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { until, verb, writeEtc } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const instance = await startInstance()
const stub = await startTokenServer()
const INPUT = { type: 'object', additionalProperties: false, properties: {} }
const tool = (name, more) => writeEtc(instance, `tools/${name}.yaml`, JSON.stringify({ name, title: name, description: name, scope: 'logs:read', tier: 'read', input: INPUT, ...more }))
const fixed = { static: { content: [{ type: 'text', text: 'fine' }] } }
await tool('plain', fixed)
await tool('rare', { ...fixed, limits: { per_minute: 3, all_per_minute: 5 } })
await tool('slow', { sql: { statement: 'select pg_sleep(30)::text as a', parameters: [], timeout: '40s' }, result: { columns: ['a'], rows: 1 }, limits: { at_once: 2 } })

const limits = (text) => [/^limits: off$/m, `limits: ${text}`]
const running = []
async function start(name, text, ...more) {
  const server = await startMcpServer(instance, stub, name, [...(text === 'off' ? [] : [limits(text)]), ...more])
  running.push(server.daemon)
  return server
}
// each has connections of its own, and the database has not so many
afterEach(async () => { for (const daemon of running.splice(0)) { daemon.child.kill('SIGKILL'); await daemon.ended } })
const mint = (server, sub, client_id = 'client') => stub.mint(server.mcp, { sub, client_id, scope: 'logs:read' })
const call = (server, token, name = 'plain', headers) => modern(server, token, 'tools/call', { name, arguments: {} }, headers)
const isLimited = ({ json }) => /^Too often/.test(json.result?.content[0].text)
async function taken(server, token, asked, name) {
  let count = 0
  for (let i = 0; i < asked; i++) count += isLimited(await call(server, token, name)) ? 0 : 1
  return count
}
const records = async (server) => (await readFile(/^audit_log: (.*)$/m.exec(await readFile(server.config, 'utf8'))[1], 'utf8')).trim().split('\n').map((line) => JSON.parse(line))

test('a client, a person and a tool each have a budget, and whoever is over one is told when to come again', async () => {
  const server = await start('rates', '{client: 5, person: 8, requests: off}')
  const ann = mint(server, 'ann')
  assert.equal(await taken(server, ann, 7), 5)
  const refused = await call(server, ann)
  assert.equal(refused.status, 200)
  assert.equal(refused.json.result.isError, true)
  assert.match(refused.json.result.content[0].text, /^Too often: at most 5 calls a minute of one client\. Try again in [0-9]+ seconds?\.$/)
  assert.match(refused.headers.get('retry-after'), /^([1-9]|1[0-2])$/)
  assert.equal(await taken(server, mint(server, 'ann', 'another'), 7), 3, 'another client of hers has what is left of her own')
  assert.equal(await taken(server, mint(server, 'bob'), 2), 2, 'and nobody else has less')
  assert.equal(await taken(server, mint(server, 'cem'), 4, 'rare'), 3)
  assert.equal(await taken(server, mint(server, 'dan'), 4, 'rare'), 2, 'the tool has a budget for all')
  const lines = (await records(server)).filter(({ outcome }) => outcome === 'limited')
  assert.deepEqual([...new Set(lines.map(({ rule }) => rule))].sort(), ['limits.client', 'limits.person', 'tool.all_per_minute', 'tool.per_minute'])
  // lists cost nothing of it
  assert.equal((await modern(server, ann, 'tools/list')).json.result.tools.length > 0, true)
})

test('too many requests of any kind are answered 429', async () => {
  const server = await start('requests', '{requests: 4}')
  const ann = mint(server, 'ann')
  for (let i = 0; i < 4; i++) assert.equal((await modern(server, ann, 'tools/list')).status, 200)
  const refused = await call(server, ann)
  assert.equal(refused.status, 429)
  assert.equal(refused.json.id, 1)
  assert.equal(refused.json.error.code, -32603)
  assert.ok(refused.json.error.data.retryAfterMs >= 1000)
  assert.match(refused.headers.get('retry-after'), /^[1-9][0-9]?$/)
  assert.equal((await modern(server, mint(server, 'bob'), 'tools/list')).status, 200)
  const line = (await records(server)).at(-1)
  assert.deepEqual([line.tool, line.outcome, line.rule], ['plain', 'limited', 'limits.requests'])
})

test('X-2: of the places of a tool nobody has all', async () => {
  const server = await start('turns', 'off')
  const leave = new AbortController()
  const begin = (sub) => fetch(server.mcp, {
    method: 'POST', signal: leave.signal,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${mint(server, sub)}`, 'mcp-protocol-version': '2025-11-25' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow', arguments: {} } }),
  }).then((r) => r.json(), () => undefined)
  const first = begin('ann')
  const text = async (sub) => (await call(server, mint(server, sub), 'slow')).json.result.content[0].text
  await until('her call to be under way', async () => /are under way/.test((await Promise.race([begin('ann'), new Promise((resolve) => setTimeout(resolve, 300))]))?.result.content[0].text ?? ''))
  const second = begin('bob')
  await until('both places to be taken', async () => /^Too many calls of this/.test(await Promise.race([text('cem'), new Promise((resolve) => setTimeout(resolve, 300, ''))])))
  leave.abort()
  await Promise.all([first, second])
})

test('two processes hold to one budget: what they can exceed it by is one budget, at first', async () => {
  const budget = 30
  const one = await start('one', `{client: ${budget}, person: off, requests: off}`)
  const two = await start('two', `{client: ${budget}, person: off, requests: off}`, [/^resource: .*$/m, `resource: ${one.mcp}`])
  const ann = stub.mint(one.mcp, { sub: 'ann', scope: 'logs:read' })
  const began = Date.now()
  assert.equal(await taken(one, ann, budget), budget)
  // the other one hears of it within a second or two of its own first call
  await call(two, ann)
  await until('the other process to know', async () => isLimited(await call(two, ann)))
  const bob = stub.mint(one.mcp, { sub: 'bob', scope: 'logs:read' })
  const [a, b] = await Promise.all([taken(one, bob, 2 * budget), taken(two, bob, 2 * budget)])
  const seconds = (Date.now() - began) / 1000
  assert.ok(a + b <= 2 * budget + (seconds * 2 * budget) / 60, `${a} and ${b} in ${seconds} s`)
  await until('both to know the debt', async () => isLimited(await call(one, bob)) && isLimited(await call(two, bob)))
  // another server with the same database has budgets of its own
  const other = await start('other', `{client: 5, person: off, requests: off}`)
  assert.equal(await taken(other, mint(other, 'ann'), 6), 5)
})

test('X-7: without the database a process goes on by itself', async () => {
  const server = await start('alone', '{client: 4, person: off, requests: off}', [/^database: .*$/m, 'database: "host=/nowhere dbname=x user=y"'])
  assert.equal(await taken(server, mint(server, 'ann'), 6), 4)
  await until('it to say so', () => /"limits are each process's own, for the database does not answer"/.test(server.daemon.stderr))
})

test('explain and catalogue say which limits apply', async () => {
  const server = await start('words', '{client: 7, requests: off}')
  const explained = JSON.parse((await verb(instance, 'mcp', ['explain', '--claims', '-', '--tool', 'rare', '--json'], { config: server.config, input: JSON.stringify({ sub: 'x', scope: 'logs:read' }) })).stdout)
  assert.deepEqual(explained.steps.at(-1), {
    step: 'limits', passes: true, limits: { person: 300, client: 7, per_minute: 3, all_per_minute: 5 },
    why: '300 calls a minute of one person, 7 calls a minute of one client of a person, 3 calls of it a minute of one person, 5 calls of it a minute of everybody',
  })
  const catalogue = await verb(instance, 'mcp', ['catalogue'], { config: server.config })
  assert.match(catalogue.stdout, /slow .*; 2 calls of it at a time/)
  assert.match(catalogue.stdout, /^limits: 300 calls a minute of one person, 7 calls a minute of one client of a person$/m)
  const json = JSON.parse((await verb(instance, 'mcp', ['catalogue', '--json'], { config: server.config })).stdout)
  assert.deepEqual(json.items['tool slow'].limits, { person: 300, client: 7, at_once: 2 })
  await writeEtc(instance, 'tools/wrong.yaml', JSON.stringify({ name: 'wrong', title: 'x', description: 'x', scope: 'logs:read', tier: 'read', input: INPUT, ...fixed, limits: { per_hour: 3 } }))
  const checked = await verb(instance, 'mcp', ['check'], { config: server.config })
  assert.notEqual(checked.code, 0)
  assert.match(checked.stdout + checked.stderr, /wrong\.yaml.*limits/)
})
