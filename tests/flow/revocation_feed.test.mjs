// SPDX-License-Identifier: Apache-2.0
// The feed of security events (RFC 8936, RFC 8417) as its receivers see it: every way of dying is told, nothing is lost, and nobody else is told.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { getCode, getTokens, postForm, postJson, redeem, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, freePort, isGone, must, startDaemon, until } from './lib/programs.mjs'

const instance = await startInstance()
const { issuer } = instance
const server = instance.resource_server
const basic = (id, secret) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` })
const OAUTH = 'https://schemas.openid.net/secevent/oauth/event-type/'
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
const VERIFICATION = 'https://schemas.openid.net/secevent/ssf/event-type/verification'

const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()
const jwks = () => createRemoteJWKSet(new URL(metadata.jwks_uri))

/** A receiver as RFC 8936 describes it: acknowledges what it was told with the next poll. */
class Receiver {
  constructor(endpoint = metadata.revocation_feed_endpoint, credentials = server) {
    Object.assign(this, { endpoint, credentials, acks: [], keys: jwks() })
  }

  request(body = {}, signal = undefined) {
    return fetch(this.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...basic(this.credentials.client_id, this.credentials.client_secret) },
      body: JSON.stringify({ ack: this.acks, ...body }),
      signal,
    })
  }

  /** The claims of the next events. */
  async poll(body = {}, signal = undefined) {
    const response = await this.request(body, signal)
    assert.equal(response.status, 200, await response.clone().text())
    const answer = await response.json()
    const events = []
    for (const [jti, set] of Object.entries(answer.sets)) {
      const { payload } = await jwtVerify(set, this.keys, { issuer, audience: instance.mcp, typ: 'secevent+jwt', algorithms: ['ES256'] })
      assert.equal(payload.jti, jti)
      assert.equal(Object.keys(payload.events).length, 1)
      for (const absent of ['sub', 'exp', 'nbf', 'scope', 'client_id']) assert.equal(payload[absent], undefined) // RFC 8417, 2.2 and 4
      events.push({ uri: Object.keys(payload.events)[0], event: Object.values(payload.events)[0], sub_id: payload.sub_id })
    }
    if (events.length > 0) this.acks = Object.keys(answer.sets)
    this.more = answer.moreAvailable
    return events
  }

  /** From here on it is told everything. */
  async begin() {
    this.acks = []
    const [first, ...others] = await this.poll()
    assert.equal(first.uri, VERIFICATION)
    assert.equal(others.length, 0)
    return this
  }

  /** Polls until an event of the kind has come; gives all events up to it. */
  async until(uri, id = undefined) {
    const events = []
    await until(uri, async () => {
      events.push(...(await this.poll()))
      return events.some((e) => e.uri === uri && (id === undefined || e.sub_id.id === id || e.sub_id.jti === id))
    })
    return events
  }
}

const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
const grantOf = (tokens) => claimsOf(tokens.access_token).grant_id
const revoke = (tokens, token) => postForm(`${issuer}/revoke`, { token, client_id: tokens.client.client_id })
const introspect = (token) => postForm(`${issuer}/introspect`, { token }, basic(server.client_id, server.client_secret))

const config = await readFile(etc(instance, 'authz.yaml'), 'utf8')
const socket = config.match(/^database: .*host=(\S+)/m)[1]

/** The database's administrator, statement by statement. */
class Psql {
  constructor() {
    this.child = spawn('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', `host=${socket} port=5432 dbname=sallyport user=postgres`], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.out = ''
    this.marks = 0
    this.child.stdout.setEncoding('utf8').on('data', (text) => (this.out += text))
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.out += text))
  }

  async run(sql) {
    const mark = `mark-${++this.marks}`
    const from = this.out.length
    this.child.stdin.write(`${sql};\n\\echo ${mark}\n`)
    await until(`psql: ${sql}\n${this.out}`, () => this.out.includes(`${mark}\n`, from))
    return this.out.slice(from, this.out.indexOf(mark, from)).trim()
  }

  end() {
    this.child.stdin.end()
    return new Promise((resolve) => this.child.on('close', resolve))
  }
}

const isToldOf = (events, uri, sub_id, event = {}) => {
  const found = events.find((e) => e.uri === uri && Object.entries(sub_id).every(([name, value]) => e.sub_id[name] === value))
  assert.ok(found, `${uri} ${JSON.stringify(sub_id)} in ${JSON.stringify(events)}`)
  for (const [name, value] of Object.entries(event)) assert.deepEqual(found.event[name], value)
  assert.ok(Math.abs(found.event.event_timestamp - Date.now() / 1000) < 120)
}

test('the endpoint stands in the metadata', () => {
  assert.equal(metadata.revocation_feed_endpoint, `${issuer}/revocations`)
})

test('nobody but a resource server is told', async () => {
  const ask = (headers, body = {}) => postJson(metadata.revocation_feed_endpoint, body, headers)
  assert.equal((await ask({})).status, 401)
  const wrong = await ask(basic(server.client_id, 'wrong'))
  assert.equal(wrong.status, 401)
  assert.equal(wrong.json.error, 'invalid_client')
  assert.match(wrong.headers.get('www-authenticate'), /^Basic /)
  assert.equal((await ask(basic(server.client_id, 'wrong'), { maxEvents: 0 })).status, 401)
  const client = await register(issuer, { token_endpoint_auth_method: 'client_secret_basic' })
  assert.equal((await ask(basic(client.client_id, client.client_secret))).status, 401)
  assert.equal((await ask(basic(client.client_id, client.client_secret), { maxEvents: 0 })).status, 401)
  const good = basic(server.client_id, server.client_secret)
  for (const body of ['', '[]', '{"ack":"x"}', '{"ack":[1]}', '{"maxEvents":-1}', '{"maxEvents":"1"}', '{"returnImmediately":"yes"}', '{"setErrs":[]}'])
    assert.equal((await ask(good, body)).status, 400, body)
  assert.equal((await fetch(metadata.revocation_feed_endpoint)).status, 405)
})

test('who begins gets a verification event, and what it knew before counts no more', async () => {
  const receiver = await new Receiver().begin()
  assert.deepEqual(await receiver.poll({ returnImmediately: true }), [])
  for (const ack of [['nonsense'], ['00000009~1:1:~~1'], ['00000001~999999999999:999999999999:~~1']]) {
    receiver.acks = ack
    assert.equal((await receiver.poll())[0].uri, VERIFICATION)
  }
  assert.deepEqual((await (await receiver.request({ maxEvents: 0 })).json()), { sets: {} })
})

test('every way of dying is told', async () => {
  const receiver = await new Receiver().begin()

  const asked = await getTokens(instance, 'alice')
  await revoke(asked, asked.refresh_token)
  isToldOf(await receiver.until(`${OAUTH}tokens-revoked`), `${OAUTH}tokens-revoked`, { format: 'opaque', id: grantOf(asked) }, { reason: 'client_asked' })

  const one = await getTokens(instance, 'alice')
  await revoke(one, one.access_token)
  isToldOf(await receiver.until(`${OAUTH}token-revoked`), `${OAUTH}token-revoked`,
    { format: 'jwt_id', iss: issuer, jti: claimsOf(one.access_token).jti })

  const client = await register(issuer)
  const got = await getCode(instance, client, 'alice')
  const first = (await redeem(instance, client, got)).json
  assert.equal((await redeem(instance, client, got)).status, 400)
  isToldOf(await receiver.until(`${OAUTH}tokens-revoked`), `${OAUTH}tokens-revoked`, { id: grantOf(first) }, { reason: 'code_replayed' })

  const bob = await getTokens(instance, 'bob')
  await must(instance, 'authz', ['person', 'scope', 'bob', 'logs:read'])
  isToldOf(await receiver.until(`${CAEP}token-claims-change`, grantOf(bob)), `${CAEP}token-claims-change`,
    { format: 'opaque', id: grantOf(bob) }, { claims: { scope: 'logs:read' } })
  await must(instance, 'authz', ['person', 'disable', 'bob'])
  const events = await receiver.until(`${OAUTH}tokens-revoked`, grantOf(bob))
  isToldOf(events, `${OAUTH}tokens-revoked`, { id: grantOf(bob) }, { reason: 'person_disabled' })
  await must(instance, 'authz', ['person', 'enable', 'bob'])

  const session = await new Receiver().begin()
  const signedIn = await getCode(instance, client, 'alice')
  const again = (await redeem(instance, client, signedIn)).json
  await must(instance, 'authz', ['person', 'password', 'alice'], { input: `${instance.person('alice').password}\n` }) // ends the sessions
  isToldOf(await session.until(`${CAEP}session-revoked`), `${CAEP}session-revoked`, { format: 'iss_sub', iss: issuer, sub: claimsOf(again.access_token).sub })

  const gone = await getTokens(instance, 'alice', {}, await register(issuer, { client_name: 'To be deleted' }))
  const disabled = await getTokens(instance, 'alice')
  await must(instance, 'authz', ['client', 'disable', disabled.client.client_id])
  isToldOf(await receiver.until(`${OAUTH}client-disabled`), `${OAUTH}client-disabled`, { format: 'opaque', id: disabled.client.client_id })
  await must(instance, 'authz', ['client', 'delete', gone.client.client_id])
  isToldOf(await receiver.until(`${OAUTH}client-disabled`, gone.client.client_id), `${OAUTH}client-disabled`, { format: 'opaque', id: gone.client.client_id })
})

test('a poll that waits is answered when something happens, at once', async () => {
  const receiver = await new Receiver().begin()
  const tokens = await getTokens(instance, 'alice')
  await receiver.poll({ returnImmediately: true }) // of the session
  for (let i = 0; i < 3; i++) {
    const next = await getTokens(instance, 'alice', {}, tokens.client)
    await receiver.poll({ returnImmediately: true })
    const waiting = receiver.poll()
    const started = Date.now()
    await revoke(next, next.refresh_token)
    const events = await waiting
    assert.ok(Date.now() - started < 1000, `${Date.now() - started} ms`)
    isToldOf(events, `${OAUTH}tokens-revoked`, { id: grantOf(next) })
  }
})

test('two receivers of one client each hear everything', async () => {
  const [a, b] = [await new Receiver().begin(), await new Receiver().begin()]
  const tokens = await getTokens(instance, 'alice')
  await revoke(tokens, tokens.refresh_token)
  for (const receiver of [a, b]) isToldOf(await receiver.until(`${OAUTH}tokens-revoked`), `${OAUTH}tokens-revoked`, { id: grantOf(tokens) })
})

test('many events come in pages; what was not acknowledged comes again', async () => {
  const receiver = await new Receiver().begin()
  const psql = new Psql()
  await psql.run(`INSERT INTO authz.feed_events (resource, kind, id) SELECT '${instance.mcp}', 'grant', 'page-' || i FROM generate_series(1, 150) AS i`)
  const start = receiver.acks
  const seen = []
  do {
    const events = await receiver.poll({ returnImmediately: true, maxEvents: 40 })
    assert.ok(events.length <= 40)
    seen.push(...events.map((e) => e.sub_id.id))
  } while (receiver.more)
  assert.deepEqual(seen.filter((id) => id.startsWith('page-')), Array.from({ length: 150 }, (_, i) => `page-${i + 1}`))
  receiver.acks = start
  assert.equal((await receiver.poll({ maxEvents: 1 }))[0].sub_id.id, seen[0])
  const [jti] = receiver.acks
  receiver.acks = []
  const answer = await (await receiver.request({ setErrs: { [jti]: { err: 'invalid_key', description: 'not readable' } }, maxEvents: 1 })).json()
  assert.equal(claimsOf(Object.values(answer.sets)[0]).sub_id.id, seen[1], 'who says that it cannot read an event gets the next one')
  await psql.run('DELETE FROM authz.feed_events')
  await psql.end()
})

test('what is committed late is told, though others were committed before', async () => {
  const receiver = await new Receiver().begin()
  const [late, early] = [await getTokens(instance, 'alice'), await getTokens(instance, 'alice')]
  const psql = new Psql()
  await psql.run('BEGIN')
  await psql.run(`UPDATE authz.grants SET revoked_at = now(), revoked_for = 'operator' WHERE grant_id = '${grantOf(late)}'`)
  await revoke(early, early.refresh_token)
  const events = await receiver.until(`${OAUTH}tokens-revoked`, grantOf(early))
  assert.ok(!events.some((e) => e.sub_id.id === grantOf(late)))
  const begun = await new Receiver().begin() // in between
  const waiting = receiver.poll()
  await psql.run('COMMIT')
  isToldOf(await waiting, `${OAUTH}tokens-revoked`, { id: grantOf(late) }, { reason: 'operator' })
  isToldOf(await begun.poll(), `${OAUTH}tokens-revoked`, { id: grantOf(late) })
  await psql.end()
})

test('another process hears of it as well, and a draining one answers at once', async () => {
  const port = await freePort()
  await deriveConfig(instance, 'authz.yaml', 'authz-two.yaml', [
    [/^listen: .*$/m, `listen: 127.0.0.1:${port}`],
    [/^audit_log: .*\n/m, ''],
  ])
  const daemon = await startDaemon(instance, 'authz', 'authz-two.yaml')
  const { request: ask } = await import('node:http')
  const other = new Receiver()
  other.request = (body = {}) => // its own address, the issuer's name
    new Promise((resolve, reject) => {
      const text = JSON.stringify({ ack: other.acks, ...body })
      const headers = { host: new URL(issuer).host, 'content-type': 'application/json', 'content-length': text.length, ...basic(server.client_id, server.client_secret) }
      const req = ask({ host: '127.0.0.1', port, path: new URL(metadata.revocation_feed_endpoint).pathname, method: 'POST', headers }, (res) => {
        const parts = []
        res.on('data', (part) => parts.push(part)).on('end', () => resolve(new Response(Buffer.concat(parts), { status: res.statusCode })))
      })
      req.on('error', reject)
      req.end(text)
    })
  await other.begin()
  const tokens = await getTokens(instance, 'alice')
  await other.poll({ returnImmediately: true })
  const waiting = other.poll()
  await revoke(tokens, tokens.refresh_token)
  isToldOf(await waiting, `${OAUTH}tokens-revoked`, { id: grantOf(tokens) })
  const last = other.poll()
  await until('the poll to wait', () => other.poll({ returnImmediately: true }).then(() => true))
  const started = Date.now()
  const stopped = daemon.stop()
  assert.deepEqual(await last, [])
  await stopped
  assert.ok(Date.now() - started < 8000)
  assert.equal(daemon.code, 0)
})

test('restarts of authz and of the database lose nothing', async () => {
  const receiver = await new Receiver().begin()
  const [a, b, c] = [await getTokens(instance, 'alice'), await getTokens(instance, 'alice'), await getTokens(instance, 'alice')]
  await revoke(a, a.refresh_token)
  process.kill(instance.pids.authz, 'SIGKILL')
  await until('authz to be gone', () => isGone(instance.pids.authz))
  const psql = new Psql()
  await psql.run(`UPDATE authz.grants SET revoked_at = now(), revoked_for = 'operator' WHERE grant_id = '${grantOf(b)}'`)
  await psql.end()
  await instance.startAgain()
  const events = await receiver.until(`${OAUTH}tokens-revoked`, grantOf(b))
  for (const tokens of [a, b]) isToldOf(events, `${OAUTH}tokens-revoked`, { id: grantOf(tokens) })

  await revoke(c, c.refresh_token)
  process.kill(instance.pids.postgres, 'SIGQUIT')
  await until('postgres to be gone', () => isGone(instance.pids.postgres))
  assert.equal((await receiver.request()).status, 503)
  await instance.startAgain()
  await until('authz to reconnect', async () => (await receiver.request({ maxEvents: 0 })).status === 200)
  isToldOf(await receiver.until(`${OAUTH}tokens-revoked`, grantOf(c)), `${OAUTH}tokens-revoked`, { id: grantOf(c) })

  // the notices have come back too: a waiting poll is answered at once
  const d = await getTokens(instance, 'alice')
  await until('the notices to be back', async () => (await readFile(instance.logs.authz, 'utf8')).lastIndexOf('tells news again') > 0)
  await receiver.poll({ returnImmediately: true })
  const waiting = receiver.poll()
  await revoke(d, d.refresh_token)
  isToldOf(await waiting, `${OAUTH}tokens-revoked`, { id: grantOf(d) })
})

test('a bounded number of polls wait, and a place is free again when its client has left', async () => {
  const receiver = await new Receiver().begin()
  const polls = Array.from({ length: 256 }, () => new AbortController())
  const answers = polls.map((p) => receiver.request({}, p.signal).catch(() => undefined))
  const full = await until('all places to be taken', async () => {
    const asking = new AbortController()
    const timer = setTimeout(() => asking.abort(), 1000)
    const response = await receiver.request({}, asking.signal)
    clearTimeout(timer)
    return response.status === 503 && response
  })
  assert.ok(full.headers.get('retry-after'))
  assert.equal((await receiver.request({ returnImmediately: true })).status, 200)
  for (const p of polls) p.abort()
  await Promise.all(answers)
  await until('a place to be free', async () => {
    const asking = new AbortController()
    const response = receiver.request({}, asking.signal).then((r) => r.status, () => 'waits')
    const status = await Promise.race([response, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))])
    asking.abort()
    return status === 'waits'
  }, 10)
})

test('keys: a withdrawn one is gone at once, everywhere, and there is another one', async () => {
  const receiver = await new Receiver().begin()
  const tokens = await getTokens(instance, 'alice')
  const keys = () => must(instance, 'authz', ['key', 'list', '--json']).then(JSON.parse)
  const before = (await keys()).find((k) => k.signs)
  assert.equal((await introspect(tokens.access_token)).json.active, true)
  await receiver.poll({ returnImmediately: true })
  receiver.keys = { withdrawn: true }
  const waiting = receiver.request()
  const said = await must(instance, 'authz', ['key', 'withdraw', before.kid])
  assert.match(said, new RegExp(`^${before.kid} is withdrawn, with all tokens that it signed\n\\S+ signs\n$`))
  const sets = (await (await waiting).json()).sets
  receiver.keys = jwks() // read anew
  assert.equal(Object.values(sets).length, 1)
  const { payload } = await jwtVerify(Object.values(sets)[0], receiver.keys, { issuer, audience: instance.mcp })
  assert.deepEqual(Object.keys(payload.events), [VERIFICATION])
  assert.deepEqual((await introspect(tokens.access_token)).json, { active: false })
  const published = (await (await fetch(metadata.jwks_uri)).json()).keys.map((k) => k.kid)
  assert.ok(!published.includes(before.kid))
  assert.deepEqual(published, (await keys()).map((k) => k.kid))
  const fresh = await getTokens(instance, 'alice')
  assert.equal((await introspect(fresh.access_token)).json.active, true)
  const refused = await must(instance, 'authz', ['key', 'withdraw', before.kid]).catch((error) => error.message)
  assert.match(refused, /there is no such key/)
})

test('keys: one that is too old gets a successor, which is published before it signs', async () => {
  const psql = new Psql()
  await psql.run(`UPDATE authz.signing_keys SET created_at = created_at - interval '90 days', signs_from = signs_from - interval '90 days'`)
  const count = () => psql.run('SELECT count(*) FROM authz.signing_keys')
  await until('a successor', async () => (await count()) === '2')
  const published = await until('it to be published', async () => {
    const { keys } = await (await fetch(metadata.jwks_uri)).json()
    return keys.length === 2 && keys.map((k) => k.kid)
  })
  const tokens = await getTokens(instance, 'alice')
  const kid = JSON.parse(Buffer.from(tokens.access_token.split('.')[0], 'base64url')).kid
  assert.equal(kid, published[1], 'the old one signs, the newest is first')
  await psql.run(`UPDATE authz.signing_keys SET created_at = created_at - interval '1 day', signs_from = signs_from - interval '1 day'`)
  await until('the new one to sign', async () => {
    const next = await getTokens(instance, 'alice', {}, tokens.client)
    return JSON.parse(Buffer.from(next.access_token.split('.')[0], 'base64url')).kid === published[0]
  })
  assert.equal((await introspect(tokens.access_token)).json.active, true)
  assert.equal(await count(), '2')
  await psql.end()
})

test('keys: two processes agree at once, and a token of a key that one has not heard of is not called inactive', async () => {
  const before = new Set((await (await fetch(metadata.jwks_uri)).json()).keys.map((k) => k.kid))
  await must(instance, 'authz', ['key', 'rotate', '--now'])
  const tokens = await getTokens(instance, 'alice')
  const kid = JSON.parse(Buffer.from(tokens.access_token.split('.')[0], 'base64url')).kid
  assert.ok(!before.has(kid), 'the daemon has heard of it')
  assert.equal((await introspect(tokens.access_token)).json.active, true)
  // of a key that nobody has: asked for once more, then inactive
  const [head, body, signature] = tokens.access_token.split('.')
  const header = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(head, 'base64url')), kid: 'A'.repeat(43) })).toString('base64url')
  const answers = await Promise.all(Array.from({ length: 20 }, () => introspect(`${header}.${body}.${signature}`)))
  for (const answer of answers) assert.deepEqual(answer.json, { active: false })
})

test('master secrets from the environment are wiped, and open what the file opened', async () => {
  const secrets = (await readFile(etc(instance, 'authz.secrets'), 'utf8')).trim()
  await deriveConfig(instance, 'authz.yaml', 'authz-environment.yaml', [[/^secrets: .*$/m, 'secrets: {environment: SALLYPORT_SECRETS}']])
  const run = (environment) => {
    const child = spawn(instance.program('sallyport-authz'), ['-c', etc(instance, 'authz-environment.yaml'), 'check'], { env: { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', ...environment } })
    let text = ''
    child.stdout.on('data', (part) => (text += part))
    child.stderr.on('data', (part) => (text += part))
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, text })))
  }
  assert.match((await run({})).text, /SALLYPORT_SECRETS is not set/)
  assert.match((await run({ SALLYPORT_SECRETS: 'nonsense' })).text, /SALLYPORT_SECRETS:1: /)
  assert.equal((await run({ SALLYPORT_SECRETS: secrets.split('\n').join(',') })).code, 0)
  await deriveConfig(instance, 'authz.yaml', 'authz-environment.yaml', [[/^secrets: .*$/m, 'secrets: {credential: authz.secrets}']])
  assert.match((await run({})).text, /CREDENTIALS_DIRECTORY is not set/)
  assert.equal((await run({ CREDENTIALS_DIRECTORY: etc(instance, '.') })).code, 0)
})
