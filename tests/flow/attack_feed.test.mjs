// SPDX-License-Identifier: Apache-2.0
// An MCP server whose authorization server's revocation feed lies, stutters and storms, and whose calls are cancelled all at once: nobody is let in
// who should not be, nobody else's call ends, nothing is answered twice, and nothing spins.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import pg from 'pg'
import { legacy } from './lib/client.mjs'
import { makeKey, startFalseServer } from './lib/false_server.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, freePort, startDaemon, until } from './lib/programs.mjs'

const instance = await startInstance()
const authorization = await startFalseServer({ feed: true })

const tool = (name, statement) => `name: ${name}
title: ${name}
description: ${name}
scope: logs:read
tier: read
input: {type: object, additionalProperties: false, properties: {seconds: {type: number}, mark: {type: string}}}
sql: {statement: ${JSON.stringify(statement)}, parameters: [seconds, mark], timeout: 60s}
result: {columns: [mark], rows: 3}
`
await cp(etc(instance, 'tools'), etc(instance, 'tools-feed'), { recursive: true })
after(() => rm(etc(instance, 'tools-feed'), { recursive: true, force: true }))
await writeFile(etc(instance, 'tools-feed/wait.yaml'), tool('wait', 'select $2::text as mark, pg_sleep($1::float8)::text as slept'), { mode: 0o644 })
const port = await freePort()
const resource = `http://127.0.0.1:${port}/mcp`
authorization.resource = resource
await deriveConfig(instance, 'mcp.yaml', 'mcp-feed.yaml', [
  [/^resource:.*$/m, `resource: ${resource}`],
  [/^listen:.*$/m, `listen: 127.0.0.1:${port}`],
  [/^authorization_server:.*$/m, `authorization_server: ${authorization.issuer}`],
  [/^audit_log:.*$/m, (line) => line.replace('audit.log', 'audit-feed.log')],
  [/^tools:.*$/m, 'tools: tools-feed'],
  [/mcp-introspection.secret\}/, 'mcp-introspection.secret, cache: 1s}'],
  [/user=sallyport_tools_read"/, 'user=sallyport_tools_read", connections: 2'],
  'calls: {per_person: 1000}',
])
const audit = /^audit_log: (.*)$/m.exec(await readFile(etc(instance, 'mcp-feed.yaml'), 'utf8'))[1]
const conninfo = /^ *read: .*conninfo: "([^"]*)"/m.exec(await readFile(etc(instance, 'mcp-feed.yaml'), 'utf8'))[1]
const database = new pg.Client(Object.fromEntries([...conninfo.matchAll(/(host|port|dbname|user)=(\S+)/g)].map(([, name, value]) => [name === 'dbname' ? 'database' : name, name === 'user' ? 'postgres' : value])))
database.on('error', () => {}) // the cluster may be gone before it
await database.connect()
after(() => database.end())
const sleepers = async () => Number((await database.query("select count(*) from pg_stat_activity where usename = 'sallyport_tools_read' and state = 'active' and query like '%pg_sleep%'")).rows[0].count)

const daemon = await startDaemon(instance, 'mcp', 'mcp-feed.yaml')
const server = { mcp: resource }
const isLive = () => daemon.stderr.lastIndexOf('revocation feed live') > daemon.stderr.lastIndexOf('revocation feed not live')
const untilLive = () => until('the feed to be live', isLive)
const untilDead = () => until('the feed to be known as dead', () => !isLive())
/** An ordinary feed again. */
async function recover() {
  authorization.on = {}
  await untilLive()
}
const ping = async (token) => (await legacy(server, token, 'ping')).status
const wait = (token, seconds, mark = 'x') => legacy(server, token, 'tools/call', { name: 'wait', arguments: { seconds, mark } })
const dead = (grant) => authorization.event('tokens-revoked', { format: 'opaque', id: grant })
const records = async (mark) => (await readFile(audit, 'utf8')).split('\n').filter((line) => line.includes(`"${mark}"`)).map((line) => JSON.parse(line))
async function startWait(token, mark, running = 1) {
  const started = { answer: wait(token, 60, mark) }
  started.answer.then(({ status }) => (started.status = status))
  await until('the statement to run', async () => (await sleepers()) >= running)
  return started
}
await until('the server to be ready', async () => (await fetch(`http://127.0.0.1:${port}/health`)).status === 200)
await untilLive()

// ---- a feed that lies ----

const oneOf = (event) => (answer, poll) => (poll.ack ? answer(authorization.sets([event()])) : answer(authorization.sets([authorization.event('verification')])))
const lies = {
  'no JSON': (answer) => answer('<html>'),
  'half of it': (answer) => answer('{"sets":{'),
  'no sets': (answer) => answer({}),
  'sets as a list': (answer) => answer({ sets: [] }),
  'a set that is a number': (answer) => answer({ sets: { a: 1 } }),
  'a set without a name': (answer) => answer({ sets: { '': 'x' } }),
  'the same name twice': (answer) => answer('{"sets":{"a":"x","a":"y"}}'),
  'a name with NUL': (answer) => answer('{"sets":{"a\\u0000b":"x"}}'),
  'no JWS': (answer) => answer({ sets: { a: 'x' } }),
  'a name of 100 kB': (answer) => answer({ sets: { [`${'j'.repeat(100000)}`]: 'x' } }),
  'a million bytes and more': (answer) => answer(`{"sets":{"a":"${'x'.repeat(1 << 20)}"}}`),
  'depth': (answer) => answer(`{"sets":${'['.repeat(5000)}${']'.repeat(5000)}}`),
  'more events than asked for': (answer) => answer(authorization.sets(Array.from({ length: 65 }, () => dead('g')))),
  'a redirection': (answer) => answer({}, 307, { location: `${authorization.issuer}/feed` }),
  '401': (answer) => answer({}, 401),
  '403': (answer) => answer({}, 403),
  '400': (answer) => answer({ err: 'invalid_request' }, 400),
  '500': (answer) => answer({}, 500),
  '204': (answer) => answer('', 204),
  'more, but nothing': (answer) => answer({ sets: {}, moreAvailable: true }),
  'a closed connection': (answer, poll, response) => response.destroy(),
  'a body cut off': (answer, poll, response) => response.writeHead(200, { 'content-length': 100 }).write('{"sets"', () => response.destroy()),
  'another issuer': oneOf(() => authorization.event('tokens-revoked', undefined, { iss: 'https://other.example' })),
  'another audience': oneOf(() => authorization.event('tokens-revoked', undefined, { aud: 'https://other.example/mcp' })),
  'no audience': oneOf(() => authorization.event('tokens-revoked', undefined, { aud: undefined })),
  'another type': oneOf(() => authorization.event('tokens-revoked', undefined, {}, { typ: 'at+jwt' })),
  'no type': oneOf(() => authorization.event('tokens-revoked', undefined, {}, { typ: undefined })),
  'another jti': oneOf(() => ['j', authorization.event('tokens-revoked')[1]]),
  'an exp': oneOf(() => authorization.event('tokens-revoked', undefined, { exp: 99999999999 })),
  'of the future': oneOf(() => authorization.event('tokens-revoked', undefined, { iat: Math.floor(Date.now() / 1000) + 60 })),
  'no subject': oneOf(() => authorization.event('tokens-revoked', null)),
  'a subject of another kind': oneOf(() => authorization.event('tokens-revoked', { format: 'email', email: 'a@b.example' })),
  'a jti of another issuer': oneOf(() => authorization.event('token-revoked', { format: 'jwt_id', iss: 'https://other.example', jti: 'x' })),
  'a forged signature': oneOf(() => authorization.event('tokens-revoked', undefined, {}, {}, makeKey('k1'))),
  'an access token': oneOf(() => ['t', authorization.token()]),
}
for (const [what, lie] of Object.entries(lies))
  test(`a feed with ${what} is not believed, and all goes on`, async () => {
    const token = authorization.token()
    assert.equal(await ping(token), 200)
    authorization.on.poll = lie
    const before = authorization.polls.length
    authorization.poll(({ answer, poll, response }) => lie(answer, poll, response))
    await untilDead()
    assert.equal(await ping(token), 200)
    assert.ok(authorization.polls.length - before < 20, 'no storm')
    await recover()
    assert.equal(await ping(token), 200)
  })

test('a feed that sends again what was acknowledged, or more and more without end, is paced or moves on', async () => {
  const same = dead('g')
  authorization.on.poll = (answer, poll) => answer(authorization.sets(poll.ack ? [same] : [authorization.event('verification')]))
  authorization.tell(same)
  await untilDead()
  const from = authorization.polls.length
  const began = performance.now()
  await until('some polls', () => authorization.polls.length >= from + 5)
  assert.ok(performance.now() - began > 300, `${performance.now() - began} ms`)
  await recover()
  // a server that always has more: each answer is new, so it is read on, and the server answers meanwhile
  let count = 0
  authorization.on.poll = (answer) => (++count < 500 ? answer(authorization.sets([dead(`g${count}`)], { moreAvailable: true })) : (answer(authorization.sets([dead('last')])), (authorization.on = {})))
  authorization.tell(dead('first'))
  const token = authorization.token()
  while (authorization.on.poll) assert.equal(await ping(token), 200)
  await untilLive()
})

// ---- events and introspection at the same time ----

test('an event of a grant whose introspection is under way', async () => {
  await untilLive()
  for (const second of [true, false]) {
    const grant = randomUUID()
    const token = authorization.token({ grant_id: grant })
    const asked = []
    authorization.on.introspect = (answer, claims) => asked.push((active) => answer(active ? { active: true, ...claims } : { active: false }))
    const pinged = [ping(token), ping(token)]
    await until('the question', () => asked.length === 1)
    authorization.tell(dead(grant))
    await until('the event to be taken', () => authorization.waiting.size > 0)
    asked[0](true) // of before the event
    await until('the second question', () => asked.length === 2)
    asked[1](second)
    assert.deepEqual(await Promise.all(pinged), Array(2).fill(second ? 200 : 401))
    authorization.on.introspect = undefined
  }
})

test('an answer of a process that has not heard of the death yet is believed for a moment only', async () => {
  await untilLive()
  const grant = randomUUID()
  const token = authorization.token({ grant_id: grant })
  assert.equal(await ping(token), 200)
  authorization.tell(dead(grant))
  await until('the event to be taken', () => authorization.waiting.size > 0)
  assert.equal(await ping(token), 200) // says the other process
  authorization.on.introspect = (answer) => answer({ active: false })
  const began = performance.now()
  await until('the refusal', async () => (await ping(token)) === 401)
  assert.ok(performance.now() - began < 3000)
  authorization.on.introspect = undefined
})

test('what no event can name is asked for again as if there were no feed', async () => {
  await untilLive()
  for (const without of [{ jti: undefined }, { grant_id: undefined }]) {
    const token = authorization.token(without)
    assert.equal(await ping(token), 200)
    const { asked } = authorization
    await until('another question', async () => (await ping(token)) === 200 && authorization.asked > asked, 5)
  }
})

test('a token that lives longer than its grant ends with the grant', async () => {
  await untilLive()
  const ends = Math.floor(Date.now() / 1000) + 2
  const token = authorization.token()
  authorization.on.introspect = (answer, claims) => answer({ active: true, ...claims, exp: ends })
  assert.equal(await ping(token), 200)
  authorization.on.introspect = (answer) => answer({ active: false })
  assert.equal(await ping(token), 200)
  await until('the refusal', async () => (await ping(token)) === 401, 5)
  authorization.on.introspect = (answer, claims) => answer({ active: true, ...claims, grant_id: randomUUID() })
  assert.equal(await ping(authorization.token()), 503, 'a grant of its own')
  authorization.on.introspect = undefined
})

// ---- calls that run ----

test('after a reset it is asked whether the tokens of running calls are alive', async () => {
  await untilLive()
  const token = authorization.token()
  const started = await startWait(token, 'reset')
  authorization.on.introspect = (answer) => answer({}, 500) // at first nobody can say
  authorization.tell(authorization.event('verification'))
  const { asked } = authorization
  await until('the question', () => authorization.asked > asked)
  authorization.on.introspect = undefined
  await until('the next question', () => authorization.asked > asked + 1)
  assert.equal(started.status, undefined, 'an alive one goes on')
  authorization.on.introspect = (answer) => answer({ active: false })
  await untilLive()
  const began = performance.now()
  authorization.tell(authorization.event('verification'))
  assert.equal((await started.answer).status, 401)
  assert.ok(performance.now() - began < 1500)
  authorization.on.introspect = undefined
  assert.deepEqual((await records('reset')).map((r) => [r.outcome, r.reason]), [['cancelled', 'the token is not active any more']])
  await recover()
})

test('after a reset a call whose token has merely expired goes on, and ends with its grant', async () => {
  await untilLive()
  const grant = randomUUID()
  const exp = Math.floor(Date.now() / 1000) + 2
  const started = await startWait(authorization.token({ grant_id: grant, exp }), 'expired')
  const other = await startWait(authorization.token({ sub: 'another' }), 'other', 2)
  await until('the token to expire', () => Date.now() / 1000 > exp + 1)
  authorization.on.introspect = (answer, claims) => answer(claims.grant_id === grant && claims.exp > Date.now() / 1000 ? { active: true, ...claims } : { active: false })
  authorization.tell(authorization.event('verification'))
  assert.equal((await other.answer).status, 401)
  assert.equal(await ping(authorization.token({ grant_id: grant })), 200)
  assert.equal(started.status, undefined)
  await until('the feed to wait', () => authorization.waiting.size > 0)
  authorization.tell(dead(grant))
  assert.equal((await started.answer).status, 401)
  assert.deepEqual((await records('expired')).map((r) => [r.outcome, r.reason]), [['cancelled', 'the grant was revoked']])
  authorization.on.introspect = undefined
  await recover()
})

test('a key that is withdrawn ends the tokens that it signed, also those of running calls', async () => {
  await untilLive()
  const token = authorization.token()
  const started = await startWait(token, 'withdrawn')
  authorization.keys = [makeKey('k2')]
  authorization.on.introspect = (answer) => answer({ active: false })
  authorization.tell(authorization.event('verification')) // which the new key signed
  assert.equal((await started.answer).status, 401)
  assert.equal(await ping(token), 401)
  authorization.on.introspect = undefined
  await recover()
  await until('tokens of the new key to be taken', async () => (await ping(authorization.token())) === 200)
  assert.equal(await ping(token), 401)
})

test('hundreds of calls of one grant end at once, each with one answer and one record', async () => {
  await untilLive()
  const grant = randomUUID()
  const token = authorization.token({ grant_id: grant })
  assert.equal(await ping(token), 200)
  const calls = Array.from({ length: 200 }, () => wait(token, 60, 'crowd'))
  await until('a statement to run', async () => (await sleepers()) === 1) // the last free connection is not for the same person
  authorization.on.introspect = (answer) => answer({ active: false }) // a call that comes later is refused at the door
  authorization.tell(dead(grant))
  const answers = await Promise.all(calls)
  authorization.on.introspect = undefined
  assert.ok(answers.every(({ status }) => status === 401 || status === 503), 'no result, and 503 only where no connection came free for a second')
  const idOf = ({ headers }) => headers.get('x-request-id')
  const all = await records('crowd')
  const recorded = all.map((r) => r.request)
  assert.ok(all.some((r) => r.outcome === 'cancelled' && r.reason === 'the grant was revoked'))
  assert.equal(new Set(recorded).size, recorded.length, 'no call has two records')
  assert.deepEqual(recorded.filter((id) => !answers.map(idOf).includes(id)), [], 'each has its answer')
  await until('no statement to run', async () => (await sleepers()) === 0)
})

/** Calls and leaves; how long it stays is up to chance. */
function callAndLeave(token, mark, stay) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'wait', arguments: { seconds: 0.01 * Math.random(), mark } } })
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {}).on('close', resolve)
    socket.write(`POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\naccept: application/json\r\nmcp-protocol-version: 2025-11-25\r\n` +
      `authorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    setTimeout(() => (Math.random() < 0.5 ? socket.resetAndDestroy() : socket.destroy()), stay)
  })
}

test('cancellations that race with the end of their statement never meet the next one', async () => {
  await untilLive()
  const token = authorization.token()
  let stop = false
  const leavers = Array.from({ length: 12 }, async () => {
    while (!stop) await callAndLeave(token, 'storm', 5 + Math.random() * 15)
  })
  const revoked = (async () => {
    while (!stop) {
      const grant = randomUUID()
      const own = authorization.token({ grant_id: grant })
      const call = wait(own, 0.01 * Math.random(), 'revoked')
      await until('a poll', () => stop || authorization.waiting.size > 0)
      authorization.tell(dead(grant))
      assert.ok([200, 401].includes((await call).status))
    }
  })()
  const statuses = {}
  for (let i = 0; i < 120; i++) {
    const answer = await wait(authorization.token(), 0.005, 'innocent')
    const what = answer.status === 200 && answer.json.result.isError ? answer.json.result.content[0].text.replace(/\(request.*/, '') : String(answer.status)
    statuses[what] = (statuses[what] ?? 0) + 1
  }
  stop = true
  await Promise.all([...leavers, revoked])
  assert.deepEqual(Object.keys(statuses).filter((status) => status !== '200' && status !== '503'), [], JSON.stringify(statuses))
  assert.ok(statuses[200] > 100, JSON.stringify(statuses))
  const perRequest = new Map()
  for (const mark of ['storm', 'revoked', 'innocent']) for (const r of await records(mark)) perRequest.set(r.request, (perRequest.get(r.request) ?? 0) + 1)
  assert.ok([...perRequest.values()].every((n) => n === 1))
  await until('no statement to run', async () => (await sleepers()) === 0)
})

test('a database that goes away amid cancellations', async () => {
  await untilLive()
  for (let round = 0; round < 5; round++) {
    const grant = randomUUID()
    const token = authorization.token({ grant_id: grant })
    await until('an answer', async () => !(await wait(token, 0)).json.error)
    const calls = Array.from({ length: 20 }, () => wait(token, 60, `away-${round}`))
    await until('statements to run', async () => (await sleepers()) > 0)
    authorization.tell(dead(grant))
    await database.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sallyport_tools_read'")
    for (const { status } of await Promise.all(calls)) assert.ok(status === 401 || status === 503, String(status))
    assert.equal((await records(`away-${round}`)).length, 20)
  }
  const token = authorization.token()
  await until('the database to be back', async () => (await wait(token, 0)).json?.result?.isError !== true && (await wait(token, 0)).status === 200)
})

test('it ends with calls that run and a poll that is open, and nothing was misused or left', async () => {
  await recover()
  const token = authorization.token()
  const calls = Array.from({ length: 6 }, (_, i) => wait(i < 3 ? token : authorization.token({ sub: 'another' }), 60, 'drain'))
  await until('statements to run', async () => (await sleepers()) === 2)
  const began = performance.now()
  const ended = await daemon.stop()
  assert.ok(performance.now() - began < 15000)
  assert.equal(ended.code, 0)
  for (const answer of await Promise.all(calls)) assert.equal(answer.status, 503)
  assert.equal((await records('drain')).length, 6)
  assert.equal(await sleepers(), 0)
  assert.doesNotMatch(ended.stderr, /Sanitizer|runtime error/)
})
