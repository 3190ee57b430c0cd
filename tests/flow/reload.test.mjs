// SPDX-License-Identifier: Apache-2.0
// A new catalogue without a new process: noticed, refused where it is wrong, and never in the way of who is served.
import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import pg from 'pg'
import { modern, toolNames } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { etc, until } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const instance = await startInstance()
const stub = await startTokenServer()

const sql = (name, { scope = 'logs:read', description = name, statement = 'select 1 as x', parameters = {} } = {}) => `name: ${name}
title: ${name}
description: ${description}
scope: ${scope}
tier: read
input: {type: object, additionalProperties: false, properties: ${JSON.stringify(parameters)}}
sql: {statement: ${JSON.stringify(statement)}, parameters: [${Object.keys(parameters).join()}], timeout: 20s}
result: {columns: [x]}
`
const fixed = (name, text) => `name: ${name}
title: ${name}
description: ${name}
scope: logs:read
tier: read
input: {type: object, additionalProperties: false}
static: {content: [{type: text, ${text}}]}
`
async function makeFolder(name, files) {
  await mkdir(etc(instance, name), { mode: 0o755 })
  after(() => rm(etc(instance, name), { recursive: true, force: true }))
  for (const [file, text] of Object.entries(files)) await put(`${name}/${file}`, text)
}
/** As an editor writes: beside it, then in its place. */
async function put(path, text) {
  await writeFile(etc(instance, `${path}.new`), text, { mode: 0o644 })
  await rename(etc(instance, `${path}.new`), etc(instance, path))
}

await makeFolder('tools-reload', {
  'one.yaml': sql('one'),
  'sleep.yaml': sql('sleep', { statement: 'select pg_sleep($1::float8)::text as x', parameters: { seconds: { type: 'number' } } }),
})
const server = await startMcpServer(instance, stub, 'reload', [[/^tools:.*$/m, 'tools: tools-reload'], [/^(resources|prompts):.*\n/gm, '']])
const token = stub.mint(server.mcp, { scope: 'logs:read users:read' })
const names = () => toolNames(server, token)
const seen = (expected) => until(`the tools ${expected}`, async () => (await names()).join() === expected)
const call = (name, args = {}) => modern(server, token, 'tools/call', { name, arguments: args })
const log = (pattern) => (server.daemon.stderr.match(pattern) ?? []).length
const records = async () => (await readFile(/^audit_log: (.*)$/m.exec(await readFile(server.config, 'utf8'))[1], 'utf8')).trim().split('\n').map((line) => JSON.parse(line))

test('a tool that comes, changes and goes; nobody is asked about the tokens', async () => {
  assert.deepEqual(await names(), ['one', 'sleep'])
  const asked = stub.asked
  await put('tools-reload/two.yaml', sql('two'))
  await seen('one,sleep,two')
  assert.deepEqual((await call('two')).json.result.structuredContent, { rows: [{ x: 1 }], truncated: false })
  await put('tools-reload/two.yaml', sql('two', { statement: 'select 2 as x' }))
  await until('the new statement', async () => (await call('two')).json.result.structuredContent.rows[0].x === 2)
  await rm(etc(instance, 'tools-reload/two.yaml'))
  await seen('one,sleep')
  const gone = await call('two'), never = await call('never')
  assert.equal(gone.text, never.text, 'a tool that is gone is an unknown one')
  assert.equal(stub.asked, asked)
  const changes = (await records()).filter((r) => r.event === 'catalogue_changed')
  assert.deepEqual(changes.map((r) => r.tools), [3, 3, 2])
})

test('what the metadata says follows the tools', async () => {
  const scopes = async () => (await (await fetch(`${server.origin}/.well-known/oauth-protected-resource/mcp`)).json()).scopes_supported
  assert.deepEqual(await scopes(), ['logs:read'])
  await put('tools-reload/users.yaml', sql('users', { scope: 'users:read' }))
  await until('the new scope', async () => (await scopes()).join() === 'logs:read,users:read')
  const challenge = (await fetch(server.mcp, { method: 'POST' })).headers.get('www-authenticate')
  assert.match(challenge, /scope="logs:read users:read"/)
  await rm(etc(instance, 'tools-reload/users.yaml'))
  await seen('one,sleep')
})

test('a file that is wrong is refused in one line, and the old catalogue serves on', async () => {
  const before = log(/refused, the old one serves on/g)
  await put('tools-reload/bad.yaml', sql('bad', { scope: 'nobody:knows' }))
  await until('the refusal', () => log(/refused, the old one serves on/g) === before + 1)
  assert.match(server.daemon.stderr, /bad\.yaml: \/scope: nobody:knows is not among the scopes/)
  assert.deepEqual(await names(), ['one', 'sleep'])
  assert.equal((await call('one')).json.result.isError, undefined)
  await put('tools-reload/bad.yaml', sql('bad'))
  await seen('bad,one,sleep')
  await rm(etc(instance, 'tools-reload/bad.yaml'))
  await seen('one,sleep')
})

test('a statement that no database prepares is refused too', async () => {
  const before = log(/the old one serves on/g)
  await put('tools-reload/wrong.yaml', sql('wrong', { statement: 'select x from nowhere.nothing' }))
  await until('the refusal', () => log(/the old one serves on/g) === before + 1)
  assert.match(server.daemon.stderr, /wrong\.yaml: \/sql\/statement: relation \\?"nowhere\.nothing\\?" does not exist/)
  assert.deepEqual(await names(), ['one', 'sleep'])
  await rm(etc(instance, 'tools-reload/wrong.yaml'))
})

test('columns that a statement does not give are noticed too, also where only they have changed', async () => {
  const before = log(/the old one serves on/g)
  await put('tools-reload/one.yaml', sql('one').replace('columns: [x]', 'columns: [x, y]'))
  await until('the refusal', () => log(/the old one serves on/g) === before + 1)
  assert.match(server.daemon.stderr, /one\.yaml: \/result\/columns\/1: the statement gives no column y/)
  assert.deepEqual((await call('one')).json.result.structuredContent.rows, [{ x: 1 }])
  const fine = log(/the files are fine again/g)
  await put('tools-reload/one.yaml', sql('one'))
  await until('the log to say that the files are what serves', () => log(/the files are fine again/g) === fine + 1)
})

test('a call under way ends with the catalogue that it began with', async () => {
  const answer = call('sleep', { seconds: 3 })
  await until('the call to run', async () => (await records()).length > 0 && (await call('one')).status === 200)
  await rename(etc(instance, 'tools-reload/sleep.yaml'), etc(instance, 'sleep.kept'))
  after(() => rm(etc(instance, 'sleep.kept'), { force: true }))
  await seen('one')
  assert.equal((await call('sleep', { seconds: 0 })).json.error.code, -32602)
  assert.equal((await answer).json.result.isError, undefined)
  assert.equal((await answer).json.result.structuredContent.rows.length, 1)
  await rename(etc(instance, 'sleep.kept'), etc(instance, 'tools-reload/sleep.yaml'))
  await seen('one,sleep')
})

test('nobody who asks meanwhile notices anything', async () => {
  let going = true
  const statuses = {}
  const ask = async () => {
    while (going) {
      const answer = await call('one')
      const what = answer.json?.result?.structuredContent ? 'fine' : answer.text
      statuses[what] = (statuses[what] ?? 0) + 1
    }
  }
  const askers = [ask(), ask(), ask()]
  for (let i = 0; i < 4; i++) {
    await put('tools-reload/more.yaml', sql('more', { statement: `select ${i} as x` }))
    await until('the new statement', async () => (await call('more')).json.result?.structuredContent.rows[0].x === i)
  }
  going = false
  await Promise.all(askers)
  assert.deepEqual(Object.keys(statuses), ['fine'])
  await rm(etc(instance, 'tools-reload/more.yaml'))
  await seen('one,sleep')
})

test('words alone need no new connections; data beside the files counts', async () => {
  const connections = () => log(/the database is ready/g)
  let before, calls = 0
  await until('the connections of the last change', async () => { // a call each time: all that it was to open is there when none comes for fifty of them
    calls = connections() === before ? calls + 1 : 0
    before = connections()
    return (await call('one')).status === 200 && calls > 50
  })
  await put('tools-reload/one.yaml', sql('one', { description: 'other words' }))
  await until('the words', async () => (await modern(server, token, 'tools/list')).json.result.tools[0].description === 'other words')
  assert.equal(connections(), before)
  await mkdir(etc(instance, 'tools-reload/data'), { mode: 0o755 })
  await put('tools-reload/data.txt', 'first')
  await put('tools-reload/text.yaml', fixed('text', 'text: hello'))
  await put('tools-reload/told.yaml', `${fixed('told', 'text: hello').replace(/static:.*\n/, '')}static: {content: [{type: resource, uri: 'test://x', mime_type: text/plain, file: data.txt}]}\n`)
  await seen('one,sleep,text,told')
  const told = async () => (await call('told')).json.result.content[0].resource.text
  assert.equal(await told(), 'first')
  await put('tools-reload/data.txt', 'second')
  await until('the new data', async () => (await told()) === 'second')
  assert.equal(connections(), before)
})

test('a folder that is exchanged as a whole', async () => {
  await makeFolder('tools-other', { 'other.yaml': sql('other') })
  await rename(etc(instance, 'tools-reload'), etc(instance, 'tools-gone'))
  after(() => rm(etc(instance, 'tools-gone'), { recursive: true, force: true }))
  await rename(etc(instance, 'tools-other'), etc(instance, 'tools-reload'))
  await seen('other')
  await put('tools-reload/again.yaml', sql('again'))
  await seen('again,other')
})

test('without watching, SIGHUP does it', async () => {
  await makeFolder('tools-signal', { 'one.yaml': sql('one') })
  const quiet = await startMcpServer(instance, stub, 'signal', [[/^tools:.*$/m, 'tools: tools-signal\nwatch_files: false']])
  const mine = stub.mint(quiet.mcp, { scope: 'logs:read' })
  await put('tools-signal/two.yaml', sql('two'))
  assert.deepEqual(await toolNames(quiet, mine), ['one'])
  quiet.daemon.child.kill('SIGHUP')
  await until('the new tool', async () => (await toolNames(quiet, mine)).join() === 'one,two')
  const ended = await quiet.daemon.stop()
  assert.equal(ended.code, 0)
  assert.doesNotMatch(ended.stderr, /AddressSanitizer|runtime error|LeakSanitizer/)
})

test('a call of an older catalogue whose statement does not end has its record when the server goes down', async () => {
  const conninfo = /^ *read: .*conninfo: "([^"]*)"/m.exec(await readFile(server.config, 'utf8'))[1]
  const database = new pg.Client(Object.fromEntries([...conninfo.matchAll(/(host|port|dbname|user)=(\S+)/g)].map(([, name, value]) => [name === 'dbname' ? 'database' : name, name === 'user' ? 'postgres' : value])))
  await database.connect()
  await database.query(`create function public.deaf() returns int language plpgsql as $$ begin
    while clock_timestamp() < now() + interval '15 s' loop begin perform pg_sleep(1); exception when query_canceled then null; end; end loop; return 1; end $$`)
  await makeFolder('tools-deaf', { 'deaf.yaml': sql('deaf', { statement: 'select public.deaf() as x' }) })
  const deaf = await startMcpServer(instance, stub, 'deaf', [[/^tools:.*$/m, 'tools: tools-deaf']])
  const mine = stub.mint(deaf.mcp, { scope: 'logs:read' })
  const leave = new AbortController()
  const answer = fetch(deaf.mcp, {
    method: 'POST', signal: leave.signal, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'deaf', arguments: {} } }),
    headers: { 'content-type': 'application/json', accept: 'application/json', 'mcp-protocol-version': '2025-06-18', authorization: `Bearer ${mine}` },
  }).catch(() => {})
  await until('the statement to run', async () => (await database.query("select 1 from pg_stat_activity where state = 'active' and query like '%public.deaf()%' and pid <> pg_backend_pid()")).rowCount === 1)
  leave.abort()
  await answer
  await database.end()
  await put('tools-deaf/two.yaml', sql('two'))
  await until('the new catalogue', async () => (await toolNames(deaf, mine)).join() === 'deaf,two')
  assert.equal((await deaf.daemon.stop()).code, 0)
  const all = (await readFile(/^audit_log: (.*)$/m.exec(await readFile(deaf.config, 'utf8'))[1], 'utf8')).trim().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(all.filter((r) => r.tool === 'deaf').map((r) => [r.outcome, r.reason]), [['cancelled', 'the client has left']])
})

test('it ends in order', async () => {
  const ended = await server.daemon.stop()
  assert.equal(ended.code, 0)
  assert.doesNotMatch(ended.stderr, /AddressSanitizer|runtime error|LeakSanitizer/)
})
