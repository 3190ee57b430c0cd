// SPDX-License-Identifier: Apache-2.0
// The audit log of a running server: what is in it, that it proves itself, and that it comes to PostgreSQL.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chown, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { getTokens, modern, REDIRECT_URI, refresh, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, freePort, home, must, startDaemon, until, verb, writeEtc } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const run = promisify(execFile)
const instance = await startInstance()
const stub = await startTokenServer()
const socket = /^database: .*host=(\S+)/m.exec(await readFile(etc(instance, 'authz.yaml'), 'utf8'))[1]
const admin = async (sql) => (await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', `host=${socket} port=5432 dbname=sallyport user=postgres`, '-c', sql])).stdout.trim()

const tool = (name, tier, properties, sql, columns) => JSON.stringify({
  name, title: name, description: `Test tool ${name}`, scope: tier === 'read' ? 'logs:read' : 'tools:admin', tier,
  input: { type: 'object', additionalProperties: false, properties, required: Object.keys(properties) },
  sql: { ...sql, ...(tier === 'read' ? {} : { write: true }), timeout: '20s' }, result: { columns },
})
const text = { type: 'string', minLength: 1, maxLength: 200 }
const seconds = { type: 'integer', minimum: 0, maximum: 20 }
await mkdir(etc(instance, 'audit-tools'), { mode: 0o755 })
await writeEtc(instance, 'audit-tools/say.yaml', tool('say', 'read', { text }, { statement: 'select $1::text as text', parameters: ['text'] }, ['text']))
await writeEtc(instance, 'audit-tools/change.yaml', tool('change', 'write', { seconds }, { statement: 'select pg_sleep($1::float8)::text as slept', parameters: ['seconds'] }, ['slept']))

const changes = [[/^tools: .*$/m, 'tools: audit-tools'], [/^initial_scopes.*$/m, ''], [/\n {2}write: .*/, (line) => line.replace('connections: 1', 'connections: 4')]].filter(([pattern]) => !pattern.source.includes('initial'))
const start = (name, more = []) => startMcpServer(instance, stub, name, [...changes, ...more])
const server = await start('audit')
const log = `${home(instance)}/logs/audit-audit.log`
const token = stub.mint(server.mcp, { scope: 'logs:read tools:admin', sub: 'alice' })
const call = (name, args, at = server, by = token, headers = {}) => modern({ ...instance, mcp: at.mcp }, by, 'tools/call', { name, arguments: args }, headers)
const lines = async (file = log) => (await readFile(file, 'utf8')).trimEnd().split('\n')
const records = async (file = log) => (await lines(file)).filter(Boolean).map((line) => JSON.parse(line))
const calls = async (file) => (await records(file)).filter((record) => record.event === 'tool_call')
const key = etc(instance, 'audit.key.pub')
const audit = (...args) => verb(instance, 'mcp', ['audit', ...args], { config: 'mcp-audit.yaml' })

test('E-1: every attempt is on record once; what changes something before it runs and after it', async () => {
  const other = stub.mint(server.mcp, { scope: 'logs:read', sub: 'bob' })
  await call('say', { text: 'hello' })
  await call('change', { seconds: 0 })
  await call('say', { words: 'x' })
  await call('change', { seconds: 0 }, server, other)
  await call('nothing', {})
  const all = await calls()
  assert.deepEqual(all.map(({ tool, outcome, username }) => [tool, outcome, username]), [
    ['say', 'allowed', 'alice'], ['change', 'started', 'alice'], ['change', 'allowed', 'alice'], ['say', 'invalid', 'alice'],
    ['change', 'denied', 'bob'], ['nothing', 'denied', 'alice']])
  assert.equal(all[1].request, all[2].request)
})

test('E-5: whose call it was, of which trace, and digests of what went in and out', async () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const answer = await call('say', { text: 'hi' }, server, token, { traceparent: `00-${trace}-b7ad6b7169203331-01` })
  const record = (await calls()).at(-1)
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
  assert.deepEqual([record.subject, record.client, record.grant, record.trace], ['alice', 'client', claims.grant_id, trace])
  assert.equal(record.token, createHash('sha256').update(token).digest('hex').slice(0, 32))
  assert.equal(record.arguments_digest, createHash('sha256').update('{"text":"hi"}').digest('hex'))
  assert.equal(record.result_digest, createHash('sha256').update(JSON.stringify(answer.json.result)).digest('hex'))
  assert.equal(record.result_bytes, Buffer.byteLength(JSON.stringify(answer.json.result)))
  assert.ok(record.duration_ms >= 0 && record.tool_digest && record.tier === 'read')
  await call('say', { text: 'hi' }, server, token, { traceparent: 'ff-nonsense' })
  assert.equal((await calls()).at(-1).trace, undefined)
})

test('E-4: secrets and personal data are redacted by what they are; X-12: nothing breaks a line', async () => {
  const card = ['4111', '1111', '1111', '1111'].join(' ')
  await call('say', { text: `pay ${card} to ida@mail.example.com\n\u2028{"time":"x"}\u007f` })
  const line = (await lines()).at(-1)
  assert.ok(!line.includes(card) && !line.includes('ida@mail') && !/[\u2028\u007f]/.test(line))
  assert.match(JSON.parse(line).arguments.text, /^pay \[redacted: card\] to \[redacted: email\]/)
  assert.ok(!line.includes(token))
})

test('E-2: verify, before and after an edit, by the public key', async () => {
  const fine = await audit('verify')
  assert.equal(fine.code, 0, fine.stdout)
  assert.match(fine.stdout, /note: chain [0-9a-f]{32} goes on: its process is alive\n.*: fine: \d+ lines of 1 chains are as they were written; \d+ of them are signed by key [0-9a-f]{16}\n$/)
  const copy = `${home(instance)}/logs/edited.log`
  const all = await lines()
  const at = all.findIndex((line) => line.includes('"outcome":"denied"'))
  const edited = all.with(at, all[at].replace('"outcome":"denied"', '"outcome":"allowed"'))
  await writeFile(copy, `${edited.join('\n')}\n`, { mode: 0o644 })
  const found = await audit('verify', '--key', key, '--json', copy)
  assert.equal(found.code, 1)
  assert.deepEqual(JSON.parse(found.stdout).problems[0].line, at + 1)
  assert.match((await audit('verify', '--key', key, copy)).stdout, new RegExp(`^.*edited\\.log:${at + 1}: this record is not what was written: .*\\(chain [0-9a-f]{8}, record ${at + 1}\\)\n`))
  for (const args of [['verify', '--nothing'], ['verify', '/nonexistent'], ['verify', '--key', log, log], ['export', log], ['nothing'], ['key', 'new'], ['search', '--since', 'noon', log]])
    assert.notEqual((await audit(...args)).code, 0, args.join(' '))
  assert.match((await audit('--help')).stdout, /audit verify/)
  assert.match((await verb(instance, 'authz', ['audit', 'verify'])).stdout, /: fine: |note: /)
})

test('search and export', async () => {
  const denied = (await audit('search', '--person', 'bob', '--outcome', 'denied', '--since', '1h')).stdout.trim().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(denied.map((record) => [record.username, record.tool]), [['bob', 'change']])
  assert.equal((await audit('search', '--until', '2020-01-01')).stdout, '')
  const cef = (await audit('export', '--format', 'cef', '--tool', 'change', '--outcome', 'allowed')).stdout
  assert.match(cef, /^CEF:0\|Sallyport\|sallyport-mcp\|[^|]+\|tool_call\|tool_call\|4\|rt=\d{13} suser=alice suid=alice requestClientApplication=client fname=change outcome=allowed externalId=\S+ cs1Label=tier cs1=write /)
  const ocsf = JSON.parse((await audit('export', '--format', 'ocsf', '--tool', 'change', '--outcome', 'denied')).stdout)
  assert.deepEqual([ocsf.class_uid, ocsf.category_uid, ocsf.type_uid, ocsf.status_id, ocsf.actor.user.name, ocsf.api.operation], [6003, 6, 600303, 2, 'bob', 'change'])
})

test('lines come to PostgreSQL, wait while it is away, and each comes once', async () => {
  const newest = async () => (await records()).at(-1)
  const has = async ({ chain, seq }) => (await admin(`select count(*) from mcp.audit where chain = '${chain}' and seq = ${seq}`)) === '1'
  await until('the lines so far', async () => has(await newest()))
  await admin("alter role sallyport_mcp nologin; select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sallyport_mcp'")
  for (let i = 0; i < 5; i++) assert.equal((await call('say', { text: `away ${i}` })).status, 200)
  const last = await newest()
  assert.equal(await has(last), false)
  await admin('alter role sallyport_mcp login')
  await until('the lines that waited', () => has(last))
  const kept = await admin(`select string_agg(line, E'\\n' order by seq) from mcp.audit where chain = '${last.chain}'`)
  assert.equal(kept, (await lines()).slice(0, last.seq).join('\n'))
  const heads = JSON.parse((await audit('heads')).stdout)
  assert.equal(heads.find((head) => head.chain === last.chain).seq, last.seq)
  // E-2: what was cut off at the end is known outside
  const copy = `${home(instance)}/logs/cut.log`
  await writeFile(copy, `${(await lines()).slice(0, -2).join('\n')}\n`, { mode: 0o644 })
  const cut = await verb(instance, 'mcp', ['audit', 'verify', '--key', key, '--heads', '-', copy], { input: JSON.stringify(heads) })
  assert.equal(cut.code, 1)
  assert.match(cut.stdout, new RegExp(`cut\\.log:${last.seq - 2}: the chain ends with record ${last.seq - 2}, and is known outside to have come to ${last.seq}`))
})

test('lines that come to an exchanged log, by who was not told yet, come to PostgreSQL, too', async () => {
  await rename(log, `${log}.0`)
  await writeFile(log, '', { mode: 0o600 })
  await chown(log, ...(({ uid, gid }) => [uid, gid])(await stat(`${log}.0`)))
  const delivered = async () => BigInt((await readFile(`${log}.delivered`, 'utf8')).trim().split(/ +/)[1])
  const size = async () => BigInt((await stat(`${log}.0`)).size)
  await until('all to be delivered', async () => (await delivered()) === (await size()))
  for (let i = 0; i < 3; i++) assert.equal((await call('say', { text: `late ${i}` })).status, 200)
  const last = (await records(`${log}.0`)).at(-1)
  assert.equal(last.arguments.text, 'late 2')
  await until('the late lines', async () => (await admin(`select count(*) from mcp.audit where chain = '${last.chain}' and seq = ${last.seq}`)) === '1')
  server.daemon.child.kill('SIGHUP')
  await until('the new chain', async () => (await lines()).length > 0 && (await records())[0]?.continues?.chain === last.chain)
  const first = (await records())[0]
  await until('it to come to PostgreSQL', async () => (await admin(`select count(*) from mcp.audit where chain = '${first.chain}'`)) !== '0')
})

test('E-1: a call whose process was killed is unknown, and so is its chain found', async () => {
  const waiting = call('change', { seconds: 20 }).catch(() => undefined)
  await until('the intent', async () => (await calls()).at(-1).outcome === 'started')
  const intent = (await calls()).at(-1)
  server.daemon.child.kill('SIGKILL')
  await server.daemon.ended
  await waiting
  assert.match((await audit('verify')).stdout, /the chain has no end/)
  const daemon = await startDaemon(instance, 'mcp', 'mcp-audit.yaml')
  await until('the unknown outcome', async () => (await calls()).some((record) => record.outcome === 'unknown'))
  const unknown = (await calls()).filter((record) => record.outcome === 'unknown')
  assert.deepEqual(unknown.map((record) => [record.request, record.tool, record.username, record.effect, record.intent]),
    [[intent.request, 'change', 'alice', 'unknown', { chain: intent.chain, seq: intent.seq }]])
  await daemon.stop()
  const fine = await audit('verify')
  assert.equal(fine.code, 0, fine.stdout)
  // once: the next start has nothing to find
  const again = await startDaemon(instance, 'mcp', 'mcp-audit.yaml')
  await until('to be started', async () => (await records()).at(-1).event === 'chain_start')
  await again.stop()
  assert.equal((await calls()).filter((record) => record.outcome === 'unknown').length, 1)
  assert.equal((await audit('verify')).code, 0)
})

test('E-1: what a killed process left in a log that was rotated since is found, too', async () => {
  const daemon = await startDaemon(instance, 'mcp', 'mcp-audit.yaml')
  const waiting = call('change', { seconds: 20 }).catch(() => undefined)
  await until('the intent', async () => (await calls()).at(-1).outcome === 'started')
  const intent = (await calls()).at(-1)
  daemon.child.kill('SIGKILL')
  await daemon.ended
  await waiting
  await rename(log, `${log}.1`)
  const next = await startDaemon(instance, 'mcp', 'mcp-audit.yaml')
  await until('the chain to be found', async () => (await records()).some((record) => record.event === 'chain_found'))
  const all = await records()
  const found = all.findIndex((record) => record.event === 'chain_found')
  const unknown = all.findIndex((record) => record.outcome === 'unknown')
  assert.ok(unknown > 0 && unknown < found, 'the chain is told of when all of its calls are')
  assert.deepEqual([all[unknown].request, all[unknown].intent, all[found].of.chain, all[found].in], [intent.request, { chain: intent.chain, seq: intent.seq }, intent.chain, 'audit-audit.log.1'])
  await next.stop()
  const fine = await audit('verify', `${log}.1`, log)
  assert.equal(fine.code, 0, fine.stdout)
  const alone = await audit('verify', log)
  assert.equal(alone.code, 0, alone.stdout)
  assert.match(alone.stdout, /note: .*of a file that was not given/)
})

test('E-3: a log that cannot be written stops what changes something, and the rest as the operator says', async () => {
  const full = [/^audit_log:.*$/m, 'audit_log: /dev/full']
  const strict = await start('full', [full])
  const strictToken = stub.mint(strict.mcp, { scope: 'logs:read tools:admin', sub: 'alice' })
  assert.equal((await call('say', { text: 'x' }, strict, strictToken)).status, 503)
  const refused = (await call('change', { seconds: 0 }, strict, strictToken)).json.result
  assert.equal(refused.isError, true)
  assert.match(refused.content[0].text, /audit log cannot be written.*Nothing was changed/)
  assert.equal((await fetch(new URL('/health', strict.mcp))).status, 503)
  await strict.daemon.stop()
  const lenient = await start('lenient', [full, [/^audit: .*$/m, 'audit: {when_full: stop_writes}']])
  const lenientToken = stub.mint(lenient.mcp, { scope: 'logs:read tools:admin', sub: 'alice' })
  assert.equal((await call('say', { text: 'x' }, lenient, lenientToken)).json.result.isError, undefined)
  assert.equal((await call('change', { seconds: 0 }, lenient, lenientToken)).json.result.isError, true)
  await lenient.daemon.stop()
})

test('E-3: authz gives nothing that is not on record, and takes all the same', async () => {
  const port = await freePort()
  const { host } = new URL(instance.issuer)
  const post = (path, body, type = 'application/x-www-form-urlencoded') => new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method: body === undefined ? 'GET' : 'POST', agent: false, headers: { host, 'content-type': type } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    })
    request.on('error', reject).end(body)
  })
  const form = (fields) => new URLSearchParams(fields).toString()
  const client = await register(instance.issuer)
  let { refresh_token } = await getTokens(instance, 'alice', {}, client)
  const renew = () => post('/token', form({ grant_type: 'refresh_token', refresh_token, client_id: client.client_id, resource: instance.mcp }))
  const metadata = JSON.stringify({ client_name: 'late and lost', redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: 'none' })
  const at = [[/^listen: .*$/m, `listen: 127.0.0.1:${port}`], [/^audit_log:.*$/m, 'audit_log: /dev/full']]
  await deriveConfig(instance, 'authz.yaml', 'authz-full.yaml', at)
  const strict = await startDaemon(instance, 'authz', 'authz-full.yaml')
  assert.equal(await renew(), 503)
  assert.equal(await post('/register', metadata, 'application/json'), 503)
  assert.equal(await post('/health'), 503)
  assert.doesNotMatch(await must(instance, 'authz', ['client', 'list', '--json']), /late and lost/, 'what is refused was not done')
  // nothing is lost by it: the token that was refused renews where the log can be written
  const renewed = await refresh(instance, client, refresh_token)
  assert.equal(renewed.status, 200)
  refresh_token = renewed.json.refresh_token
  assert.equal(await post('/revoke', form({ token: refresh_token, client_id: client.client_id })), 200)
  await strict.stop()
  ;({ refresh_token } = await getTokens(instance, 'alice', {}, client))
  await deriveConfig(instance, 'authz.yaml', 'authz-full.yaml', [...at, [/^audit: .*$/m, 'audit: {when_full: stop_writes}']])
  const lenient = await startDaemon(instance, 'authz', 'authz-full.yaml')
  assert.deepEqual([await renew(), await post('/health')], [200, 200])
  await lenient.stop()
})

test('the operator says how long PostgreSQL keeps lines', async () => {
  assert.match(await must(instance, 'authz', ['audit', 'retention']), /for 90 days/)
  assert.match(await must(instance, 'authz', ['audit', 'retention', '365']), /for 365 days/)
  assert.equal((await verb(instance, 'authz', ['audit', 'retention', '0'])).code, 2)
})

test('both daemons of an instance write to one file, and both chains are whole', async () => {
  const alice = await getTokens(instance, 'alice')
  await modern(instance, alice.access_token, 'tools/call', { name: 'query_logs', arguments: { service: 'checkout', level: 'error', limit: 1 } })
  const whole = await verb(instance, 'mcp', ['audit', 'verify'])
  assert.equal(whole.code, 0, whole.stdout)
  assert.match(whole.stdout, /lines of 2 chains/)
  assert.deepEqual(new Set((await records(instance.logs.audit)).map((record) => record.program)), new Set(['sallyport-authz', 'sallyport-mcp']))
})
