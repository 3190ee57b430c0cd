// SPDX-License-Identifier: Apache-2.0
// A start on a database that is not what the tool files expect: what is wrong fails alone, and the log says where.
import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import pg from 'pg'
import { modern } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { etc, until, verb } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const instance = await startInstance()
const stub = await startTokenServer()

const sql = (name, statement, { column = 'x', tier = 'read' } = {}) => `name: ${name}
title: ${name}
description: ${name}
scope: logs:read
tier: ${tier}
input: {type: object, additionalProperties: false}
sql: {statement: ${JSON.stringify(statement)}, parameters: []${tier === 'read' ? '' : ', write: true'}}
result: {columns: [${column}]}
`
const FILES = {
  fine: sql('fine', 'select 1 as x'),
  table: sql('table', 'select x from sample.come_later'),
  column: sql('column', 'select 1 as x', { column: 'y' }),
  syntax: sql('syntax', 'selec 1 as x'),
  change: sql('change', 'update sample.nowhere set x = 1 returning x', { tier: 'write' }),
  changed: sql('changed', 'select 2 as x', { tier: 'write' }),
}
await mkdir(etc(instance, 'tools-start'), { mode: 0o755 })
after(() => rm(etc(instance, 'tools-start'), { recursive: true, force: true }))
for (const [name, text] of Object.entries(FILES)) await writeFile(etc(instance, `tools-start/${name}.yaml`), text, { mode: 0o644 })
const server = await startMcpServer(instance, stub, 'start', [[/^tools:.*$/m, 'tools: tools-start'], [/^(resources|prompts):.*\n/gm, '']])
const token = stub.mint(server.mcp, { scope: 'logs:read' })
const call = async (name) => (await modern(server, token, 'tools/call', { name, arguments: {} })).json.result
const log = (pattern) => (server.daemon.stderr.match(pattern) ?? []).length

test('one tool that the database does not take answers in words, and all others serve', async () => {
  for (const [name, x] of [['fine', 1], ['changed', 2]]) assert.deepEqual((await call(name)).structuredContent.rows, [{ x }], name)
  for (const [name, words] of [['table', 'The tool is not available now.'], ['change', 'The tool is not available now.'], ['syntax', 'The tool failed.'], ['column', 'The tool failed.']]) {
    for (let turn = 0; turn < 3; turn++) {
      const result = await call(name)
      assert.equal(result.isError, true, name)
      assert.ok(result.content[0].text.startsWith(words), `${name}: ${result.content[0].text}`)
    }
    assert.deepEqual((await call('fine')).structuredContent.rows, [{ x: 1 }])
  }
})

test('the log says which file is wrong, and where; so does the verb check', async () => {
  const problems = [
    /table\.yaml: \/sql\/statement: relation \\?"sample\.come_later\\?" does not exist/,
    /change\.yaml: \/sql\/statement: relation \\?"sample\.nowhere\\?" does not exist/,
    /syntax\.yaml: \/sql\/statement: syntax error at or near/,
    /column\.yaml: \/result\/columns\/0: the statement gives no column y/,
  ]
  await until('the trial', () => log(/a statement cannot be used, what calls it fails/g) === problems.length)
  for (const problem of problems) assert.match(server.daemon.stderr, problem)
  assert.doesNotMatch(server.daemon.stderr, /\/(fine|changed)\.yaml/)
  const checked = await verb(instance, 'mcp', ['check'], { config: server.config })
  assert.equal(checked.code, 1)
  for (const problem of problems) assert.match(checked.stderr, problem)
})

test('at a reload such a catalogue is refused, with the first place and how many more there are', async () => {
  const before = log(/the old one serves on/g)
  await writeFile(etc(instance, 'tools-start/fine.yaml'), sql('fine', 'select 3 as x'))
  await until('the refusal', () => log(/the old one serves on/g) === before + 1)
  assert.match(server.daemon.stderr, /change\.yaml: \/sql\/statement: relation [^;]* does not exist; and 3 more/)
  assert.deepEqual((await call('fine')).structuredContent.rows, [{ x: 1 }])
})

test('what comes into the database later is there without a restart', async () => {
  const conninfo = /^ *read:.*conninfo: *"([^"]*)"/m.exec(await readFile(server.config, 'utf8'))[1]
  const owner = new pg.Client(Object.fromEntries([...conninfo.matchAll(/(host|port|dbname|user)=(\S+)/g)].map(([, name, value]) => [name === 'dbname' ? 'database' : name, name === 'user' ? 'postgres' : value])))
  await owner.connect()
  await owner.query('create table sample.come_later (x int); insert into sample.come_later values (7); grant select on sample.come_later to sallyport_tools_read')
  await owner.end()
  assert.deepEqual((await call('table')).structuredContent.rows, [{ x: 7 }])
  assert.equal((await call('change')).isError, true)
})
