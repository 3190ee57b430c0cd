// SPDX-License-Identifier: Apache-2.0
// Attacks on what one process does not know yet: another one has a newer secrets file, a key is withdrawn, the process was stopped, the grant
// ends before its tokens. None of them may fail open, nor blame a client for it.
import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { after, test } from 'node:test'
import pg from 'pg'
import { getTokens, postJson } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, freePort, must, startDaemon, until, writeEtc } from './lib/programs.mjs'

const instance = await startInstance()
const { issuer, mcp } = instance
const host = new URL(issuer).host

// ---- two processes: the second has the secrets of before ----

const ports = [await freePort(), await freePort()]
const old = await readFile(etc(instance, 'authz.secrets'), 'utf8')
const used = new Set(old.split('\n').map((line) => line.split(' ')[0]))
const id = Array.from({ length: 255 }, (_, i) => `${i + 1}`).find((n) => !used.has(n))
const fresh = (await must(instance, 'authz', ['secret', 'new'])).replace(/^\S+/, id)
await writeEtc(instance, 'newer.secrets', fresh + old)
await deriveConfig(instance, 'authz.yaml', 'newer.yaml', [[/^listen: .*$/m, `listen: 127.0.0.1:${ports[0]}`], [/^secrets: .*$/m, 'secrets: newer.secrets']])
await deriveConfig(instance, 'authz.yaml', 'older.yaml', [[/^listen: .*$/m, `listen: 127.0.0.1:${ports[1]}`]])
await startDaemon(instance, 'authz', 'newer.yaml')
const older = await startDaemon(instance, 'authz', 'older.yaml')
const [NEWER, OLDER] = [0, 1]

/** To one of the two, as if it were the issuer. */
function send(process, method, path, fields, headers = {}) {
  const body = fields === undefined ? '' : new URLSearchParams(fields).toString()
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: ports[process], method, path, agent: false, headers: { host, 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length, ...headers } }
    const request = http.request(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode, text, json: text ? JSON.parse(text) : undefined }))
    })
    request.on('error', reject).end(body)
  })
}

const basic = (client) => ({ authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}` })
const server = basic(instance.resource_server)
const introspect = async (process, token) => {
  const { status, json } = await send(process, 'POST', '/introspect', { token }, server)
  return status === 200 ? json.active : status
}
const admin = { authorization: `Bearer ${(await must(instance, 'authz', ['admin-key', 'add', 'attack', '--scope', 'admin:clients'])).trim()}` }
const made = await postJson(`${issuer}/admin/clients`, { client_name: 'Robot', grant_types: ['client_credentials'], scope: 'logs:read' }, admin)
assert.equal(made.status, 201, made.text)
const robot = made.json
const own = (process) => send(process, 'POST', '/token', { grant_type: 'client_credentials', resource: mcp }, basic(robot))
const kidOf = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid

const database = new pg.Client(Object.fromEntries(
  [.../^database: "(.*)"$/m.exec(await readFile(etc(instance, 'authz.yaml'), 'utf8'))[1].replace('dbname=', 'database=').matchAll(/(\w+)=(\S+)/g)]
    .map(([, name, value]) => [name, name === 'user' ? 'postgres' : value])))
database.on('error', () => {})
await database.connect()
after(() => database.end())

test('attack: a process that was stopped answers nothing from before', async () => {
  const token = (await own(NEWER)).json.access_token
  for (let i = 0; i < 2; i++) assert.equal(await introspect(OLDER, token), true)
  const body = new URLSearchParams({ token }).toString()
  const question = `POST /introspect HTTP/1.1\r\nhost: ${host}\r\nauthorization: ${server.authorization}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  const socket = net.connect(ports[OLDER], '127.0.0.1')
  let got = ''
  socket.setEncoding('utf8').on('data', (text) => (got += text))
  socket.write(question)
  await until('an answer', () => got.endsWith('}'))
  assert.match(got, /"active":true/)
  got = ''
  process.kill(older.pid, 'SIGSTOP')
  try {
    // more notices than one read takes, the one that counts behind them
    await database.query("SELECT count(pg_notify('sallyport_authz', 'grant ' || gen_random_uuid())) FROM generate_series(1, 5000)")
    assert.equal((await send(NEWER, 'POST', '/revoke', { token }, basic(robot))).status, 200)
    assert.equal(await introspect(NEWER, token), false)
    const since = Date.now()
    await until('it to be stopped for a while', () => Date.now() > since + 1000)
    socket.write(question)
  } finally {
    process.kill(older.pid, 'SIGCONT')
  }
  await until('an answer', () => got.endsWith('}'))
  socket.destroy()
  assert.match(got, /\{"active":false\}$/)
})

test('attack: a secret that one process cannot open is no wrong proof', async () => {
  const client = await new Promise((resolve, reject) => {
    const body = JSON.stringify({ client_name: 'J', grant_types: ['client_credentials'], scope: 'logs:read', token_endpoint_auth_method: 'client_secret_jwt' })
    const request = http.request({ host: '127.0.0.1', port: ports[NEWER], method: 'POST', path: '/admin/clients', agent: false, headers: { host, ...admin, 'content-type': 'application/json', 'content-length': body.length } }, (response) => {
      let text = ''
      response.on('data', (part) => (text += part)).on('end', () => resolve(JSON.parse(text)))
    })
    request.on('error', reject).end(body)
  })
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const ask = (process, secret) => {
    const now = Math.floor(Date.now() / 1000)
    const input = `${part({ alg: 'HS256' })}.${part({ iss: client.client_id, sub: client.client_id, aud: issuer, jti: randomUUID(), iat: now, exp: now + 60 })}`
    const assertion = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
    return send(process, 'POST', '/token', { grant_type: 'client_credentials', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion })
  }
  assert.equal((await ask(NEWER, client.client_secret)).status, 200)
  assert.equal((await ask(NEWER, `${client.client_secret}x`)).status, 401)
  const away = await ask(OLDER, client.client_secret)
  assert.deepEqual([away.status, away.json.error], [503, 'temporarily_unavailable'])
})

test('attack: a key that was withdrawn is gone everywhere, also where its successor cannot be opened', async () => {
  const stolen = (await own(OLDER)).json.access_token
  assert.equal(await introspect(OLDER, stolen), true)
  await must(instance, 'authz', ['key', 'withdraw', kidOf(stolen)], { config: 'newer.yaml' })
  await until('the newer to sign with another key', async () => kidOf((await own(NEWER)).json.access_token) !== kidOf(stolen))
  assert.equal(await introspect(NEWER, stolen), false)
  await until('the older to believe it no more', async () => (await introspect(OLDER, stolen)) === false)
  assert.equal((await own(OLDER)).status, 503)
  assert.equal((await send(OLDER, 'GET', '/health')).status, 503)
  assert.ok(!(await send(OLDER, 'GET', '/jwks')).text.includes(kidOf(stolen)))
})

test('attack: of a token whose key it cannot open, a process says neither yes nor no', async () => {
  const token = (await own(NEWER)).json.access_token
  assert.equal(await introspect(NEWER, token), true)
  assert.equal(await introspect(OLDER, token), 503)
  assert.equal((await send(OLDER, 'POST', '/revoke', { token }, basic(robot))).status, 503)
  // with a key of the old secrets it can sign again, and still says nothing about the other one's
  await must(instance, 'authz', ['key', 'rotate', '--now'], { config: 'older.yaml' })
  await until('the older to sign again', async () => (await own(OLDER)).status === 200)
  assert.equal(await introspect(OLDER, token), 503)
  assert.equal(await introspect(NEWER, token), true)
  assert.equal(await introspect(OLDER, `${token.slice(0, -8)}AAAAAAAA`), 503, 'nobody here can tell')
})

test('attack: a token ends with its grant, whoever remembers it', async () => {
  const tokens = await getTokens(instance, 'alice')
  const { grant_id } = JSON.parse(Buffer.from(tokens.access_token.split('.')[1], 'base64url'))
  const { rows } = await database.query("UPDATE authz.grants SET expires_at = now() + interval '3 seconds' WHERE grant_id = $1 RETURNING ceil(extract(epoch FROM expires_at))::integer AS ends", [grant_id])
  const { json } = await send(NEWER, 'POST', '/introspect', { token: tokens.access_token }, server)
  assert.equal(json.active, true)
  assert.ok(json.exp <= rows[0].ends, `${json.exp} ${rows[0].ends}`)
  const call = () => fetch(mcp, { method: 'POST', headers: { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }) })
  assert.equal((await call()).status, 200)
  await until('the grant to end', () => Date.now() / 1000 > rows[0].ends)
  await until('the resource server to refuse it', async () => (await call()).status === 401, 5)
})
