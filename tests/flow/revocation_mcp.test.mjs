// SPDX-License-Identifier: Apache-2.0
// What authz revokes is dead at mcp at once: cached tokens, and calls that run. Without the feed, mcp asks again and again; a client that leaves
// stops its statement.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { test } from 'node:test'
import { getTokens, modern, postForm, redeem, getCode, register } from './lib/client.mjs'
import { Browser } from './lib/browser.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, isGone, must, startDaemon, until, writeEtc } from './lib/programs.mjs'

const instance = await startInstance()

const tool = (name, scope, tier, write, statement, parameters, columns) => `name: ${name}
title: ${name}
description: For this test.
scope: ${scope}
tier: ${tier}
input:
  type: object
  additionalProperties: false
  properties: ${JSON.stringify(Object.fromEntries(parameters.map((name) => [name, { type: name === 'seconds' ? 'number' : 'string' }])))}
sql:
  statement: ${JSON.stringify(statement)}
  parameters: ${JSON.stringify(parameters)}
  write: ${write}
  timeout: 60s
result:
  columns: ${JSON.stringify(columns)}
`
await writeEtc(instance, 'tools/take_long.yaml',
  tool('take_long', 'logs:read', 'read', false, 'select $2::text as mark, pg_sleep($1::float8)::text as slept', ['seconds', 'mark'], ['mark']))
// the role sees its own statements
await writeEtc(instance, 'tools/see_running.yaml',
  tool('see_running', 'deployments:read', 'read', false,
    "select count(*)::int as count from pg_stat_activity where state = 'active' and query like '%pg_sleep%' and pid <> pg_backend_pid()", [], ['count']))
// on an address of its own, with these tools and connections enough
const port = await freePort()
await deriveConfig(instance, 'mcp.yaml', 'mcp-slow.yaml', [
  [/^listen: .*$/m, `listen: 127.0.0.1:${port}`],
  [/^audit_log: (.*)audit\.log$/m, 'audit_log: $1audit-slow.log'],
  [/user=sallyport_tools_read"/, 'user=sallyport_tools_read", connections: 8'],
])
const daemon = await startDaemon(instance, 'mcp', 'mcp-slow.yaml')
const here = { ...instance, mcp: `http://127.0.0.1:${port}/mcp` } // the tokens are for the resource, which is a name
const auditLog = instance.logs.audit.replace(/audit\.log$/, 'audit-slow.log')
const live = (log) => log.lastIndexOf('revocation feed live') > log.lastIndexOf('revocation feed not live')
const untilLive = () => until('the feed to be live', () => live(daemon.stderr))

const call = (tokens, name, args = {}) => modern(here, tokens.access_token, 'tools/call', { name, arguments: args })
const list = (tokens) => modern(here, tokens.access_token, 'tools/list')
const revoke = (tokens, token = tokens.refresh_token) =>
  postForm(`${instance.issuer}/revoke`, { token, client_id: tokens.client.client_id }).then((answer) => assert.equal(answer.status, 200))
let clients = 0 // the same metadata again would be the same client
const newClient = () => register(instance.issuer, { client_name: `Test client ${++clients}` })
const tokensOf = async (name, client) => getTokens(instance, name, {}, client ?? (await newClient()))
const watcher = await tokensOf('bob')
const running = async () => (await call(watcher, 'see_running')).json.result.structuredContent.rows[0].count
const lastCancelled = async (mark) =>
  (await readFile(auditLog, 'utf8')).split('\n').filter((line) => line.includes(`"${mark}"`) && line.includes('"cancelled"')).map((line) => JSON.parse(line))

function isChallenge(answer) {
  assert.equal(answer.status, 401)
  assert.match(answer.headers.get('www-authenticate'), /^Bearer error="invalid_token"/)
}

/** Starts a call that would take a minute, and waits until its statement runs. */
async function startCall(tokens, mark) {
  const before = await running()
  const started = { answer: call(tokens, 'take_long', { seconds: 60, mark }) }
  started.answer.then((answer) => Object.assign(started, { ended: performance.now(), status: answer.status }))
  await until('the statement to run', async () => (await running()) > before)
  return started
}

const endings = {
  grant: { reason: 'the grant was revoked', end: (tokens) => revoke(tokens) },
  token: { reason: 'the token was revoked', end: (tokens) => revoke(tokens, tokens.access_token) },
  client: { reason: 'the client was disabled', end: (tokens) => must(instance, 'authz', ['client', 'disable', tokens.client.client_id]) },
  person: { reason: 'the grant was revoked', end: () => must(instance, 'authz', ['person', 'disable', 'alice']) },
}
for (const [what, { reason, end }] of Object.entries(endings))
  test(`P-8: a running call ends when its ${what} dies`, async (t) => {
    await untilLive()
    const tokens = await tokensOf('alice')
    assert.equal((await list(tokens)).status, 200)
    const started = await startCall(tokens, `mark-${what}`)
    await end(tokens)
    const revoked = performance.now()
    isChallenge(await started.answer)
    t.diagnostic(`${(started.ended - revoked).toFixed(1)} ms after the revocation was answered`)
    assert.ok(started.ended - revoked < 1000)
    assert.equal(await running(), 0)
    isChallenge(await list(tokens))
    const records = await lastCancelled(`mark-${what}`)
    assert.equal(records.length, 1)
    assert.equal(records[0].reason, reason)
    assert.equal(records[0].username, 'alice')
    assert.equal(records[0].effect, undefined)
    if (what === 'person') await must(instance, 'authz', ['person', 'enable', 'alice'])
  })

test('nobody else is touched', async () => {
  const client = await newClient()
  const one = await tokensOf('alice', client)
  const other = await tokensOf('carol', client)
  const started = await startCall(other, 'mark-other')
  await revoke(one)
  await until('the one to be refused', async () => (await list(one)).status === 401)
  assert.equal((await list(other)).status, 200)
  assert.equal(started.status, undefined)
  await revoke(other)
  isChallenge(await started.answer)
})

test('a call that waits for a connection ends too', async () => {
  await untilLive()
  const tokens = await tokensOf('alice')
  const calls = Array.from({ length: 12 }, (_, i) => call(tokens, 'take_long', { seconds: 60, mark: `mark-line-${i}` }))
  const records = async (text) => (await readFile(auditLog, 'utf8')).split('\n').filter((line) => line.includes('mark-line-') && line.includes(text)).length
  await new Promise((resolve) => setImmediate(resolve))
  await revoke(tokens)
  for (const answer of await Promise.all(calls)) isChallenge(answer)
  assert.equal(await running(), 0)
  assert.equal(await records('"allowed"'), 0)
})

test('a client that closes its connection stops its statement', async () => {
  const tokens = await tokensOf('alice')
  const before = await running()
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'take_long', arguments: { seconds: 60, mark: 'mark-left' } } })
  const socket = connect(port, '127.0.0.1')
  socket.write(`POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\naccept: application/json\r\n` +
    `authorization: Bearer ${tokens.access_token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  await until('the statement to run', async () => (await running()) > before)
  socket.destroy()
  const closed = performance.now()
  await until('the statement to be stopped', async () => (await running()) === before)
  assert.ok(performance.now() - closed < 1000)
  const records = await until('the record', async () => {
    const found = await lastCancelled('mark-left')
    return found.length > 0 ? found : undefined
  })
  assert.equal(records.length, 1)
  assert.equal(records[0].reason, 'the client has left')
  assert.equal((await list(tokens)).status, 200)
})

test('200 revocations, each known within a second', async (t) => {
  await untilLive()
  const client = await newClient()
  const took = []
  const lane = async (from) => { // most of the time goes to the ways to the tokens
    const browser = new Browser()
    for (let i = from; i < 200; i += 4) {
      const tokens = { client, ...(await redeem(instance, client, await getCode(instance, client, 'alice', {}, browser))).json }
      assert.equal((await list(tokens)).status, 200)
      await revoke(tokens, i % 8 < 4 ? tokens.refresh_token : tokens.access_token)
      const revoked = performance.now()
      while ((await list(tokens)).status !== 401) assert.ok(performance.now() - revoked < 1000, `revocation ${i} is not known after a second`)
      took.push(performance.now() - revoked)
    }
  }
  await Promise.all([0, 1, 2, 3].map(lane))
  took.sort((a, b) => a - b)
  t.diagnostic(`from the answer of /revoke to the refusal: p50 ${took[99].toFixed(1)} ms, p99 ${took[197].toFixed(1)} ms, max ${took[199].toFixed(1)} ms`)
  assert.ok(took[199] < 1000)
})

test('without the feed mcp asks again, and with it again believes', async () => {
  await untilLive()
  const tokens = await tokensOf('alice')
  assert.equal((await list(tokens)).status, 200)
  const pid = instance.pids.authz
  process.kill(pid, 'SIGKILL')
  await until('authz to be gone', () => isGone(pid))
  await until('the feed to be known as dead', () => !live(daemon.stderr))
  // an answer younger than introspection.cache is believed during an outage
  assert.equal((await list(tokens)).status, 200)
  await instance.startAgain()
  await untilLive()
  assert.equal((await list(tokens)).status, 200)
  await revoke(tokens)
  const revoked = performance.now()
  await until('the refusal', async () => (await list(tokens)).status === 401)
  assert.ok(performance.now() - revoked < 1000)
})

test('what was revoked while the feed was away is told afterwards', async () => {
  await untilLive()
  const tokens = await tokensOf('alice')
  const started = await startCall(tokens, 'mark-missed')
  const pid = instance.pids.authz
  process.kill(pid, 'SIGKILL')
  await until('authz to be gone', () => isGone(pid))
  await must(instance, 'authz', ['person', 'disable', 'alice']) // the operator's verbs need the database only
  assert.equal(started.status, undefined)
  await instance.startAgain()
  isChallenge(await started.answer)
  assert.equal((await lastCancelled('mark-missed')).length, 1)
  await must(instance, 'authz', ['person', 'enable', 'alice'])
})

test('with an answer older than introspection.cache and no feed, mcp asks', async () => {
  const other = await freePort()
  await deriveConfig(instance, 'mcp-slow.yaml', 'mcp-short.yaml', [
    [/^listen: .*$/m, `listen: 127.0.0.1:${other}`],
    [/mcp-introspection.secret\}/, 'mcp-introspection.secret, cache: 1s}'],
  ])
  const second = await startDaemon(instance, 'mcp', 'mcp-short.yaml')
  await until('the feed to be live', () => live(second.stderr))
  const tokens = await tokensOf('alice')
  const ask = () => modern({ ...instance, mcp: `http://127.0.0.1:${other}/mcp` }, tokens.access_token, 'tools/list')
  assert.equal((await ask()).status, 200)
  const asked = performance.now()
  await until('a second to pass', () => performance.now() - asked > 1100)
  const pid = instance.pids.authz
  assert.equal((await ask()).status, 200)
  process.kill(pid, 'SIGKILL')
  await until('authz to be gone', () => isGone(pid))
  await until('the feed to be known as dead', () => !live(second.stderr))
  assert.equal((await ask()).status, 503) // it is older than that, and nobody can be asked
  await instance.startAgain()
  await until('an answer', async () => (await ask()).status === 200)
  await second.stop()
})
