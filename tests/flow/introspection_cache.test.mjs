// SPDX-License-Identifier: Apache-2.0
// What authz remembers is never older than the last acknowledged change: of this process at once, of others within a second. And the signed
// form of an introspection's answer (RFC 9701).
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { after, test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import pg from 'pg'
import { getTokens, postForm, postJson, refresh, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, freePort, must, startDaemon, until } from './lib/programs.mjs'

const instance = await startInstance()
const { issuer, mcp } = instance
const server = instance.resource_server
const basic = (client) => ({ authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}` })
const introspect = (token, { as = server, accept } = {}) =>
  postForm(`${issuer}/introspect`, { token }, { ...basic(as), ...(accept ? { accept } : {}) })
const active = async (token, options) => (await introspect(token, options)).json?.active
const revoke = (client, token) => postForm(`${issuer}/revoke`, { token, client_id: client.client_id })

const key = (await must(instance, 'authz', ['admin-key', 'add', 'cache', '--scope', 'admin:clients'])).trim()
const admin = { authorization: `Bearer ${key}` }
const patch = (id, change) =>
  fetch(`${issuer}/admin/clients/${id}`, { method: 'PATCH', headers: { ...admin, 'content-type': 'application/json' }, body: JSON.stringify(change) })

async function service() {
  const answer = await postJson(`${issuer}/admin/clients`, { client_name: 'Robot', grant_types: ['client_credentials'], scope: 'logs:read deployments:read' }, admin)
  assert.equal(answer.status, 201, answer.text)
  return answer.json
}
const own = (client) => postForm(`${issuer}/token`, { grant_type: 'client_credentials' }, basic(client))

/** The database's administrator, in the instance's cluster. */
const database = new pg.Client(Object.fromEntries(
  [.../^database: "(.*)"$/m.exec(await readFile(etc(instance, 'authz.yaml'), 'utf8'))[1].replace('dbname=', 'database=').matchAll(/(\w+)=(\S+)/g)]
    .map(([, name, value]) => [name, name === 'user' ? 'postgres' : value])))
database.on('error', () => {}) // the cluster may be gone before it
await database.connect()
after(() => database.end())
const sql = async (text, ...values) => (await database.query(text, values)).rows

/** Asked often enough to be remembered. */
async function warm(token, options) {
  for (let i = 0; i < 3; i++) assert.equal(await active(token, options), true)
}

test('an answer is remembered: PostgreSQL is not asked again', async () => {
  const { access_token: token } = await getTokens(instance, 'alice')
  const client = await service()
  await warm(token)
  assert.equal((await own(client)).status, 200)
  await sql('begin')
  await sql('lock table authz.clients, authz.grants in access exclusive mode') // who asks now waits
  try {
    for (let i = 0; i < 20; i++) assert.equal(await active(token), true)
    assert.equal((await own(client)).status, 200)
  } finally {
    await sql('rollback')
  }
  assert.equal((await introspect(token, { as: { ...server, client_secret: 'wrong' } })).status, 401)
})

test('what this server changes is felt by the very next question', async () => {
  for (let round = 0; round < 20; round++) {
    const tokens = await getTokens(instance, 'alice')
    const again = (await refresh(instance, tokens.client, tokens.refresh_token)).json
    await warm(tokens.access_token)
    await warm(again.access_token)
    assert.equal((await revoke(tokens.client, tokens.access_token)).status, 200)
    assert.equal(await active(tokens.access_token), false)
    assert.equal(await active(again.access_token), true)
    assert.equal((await revoke(tokens.client, again.refresh_token)).status, 200)
    assert.equal(await active(again.access_token), false)
  }
})

test('a revocation between question and answer is not lost', async () => {
  for (let round = 0; round < 20; round++) {
    const { client, access_token: token, refresh_token: refreshToken } = await getTokens(instance, 'alice')
    let done = false
    const asking = Array.from({ length: 8 }, async () => {
      while (!done) await introspect(token)
    })
    await revoke(client, refreshToken)
    assert.equal(await active(token), false)
    done = true
    await Promise.all(asking)
    assert.equal(await active(token), false)
  }
})

test('the administrator narrows, switches off, switches on, deletes', async () => {
  const client = await service()
  const { access_token: token } = (await own(client)).json
  await warm(token)
  assert.equal((await own(client)).status, 200)
  assert.equal((await patch(client.client_id, { scope: 'logs:read' })).status, 200)
  assert.equal((await introspect(token)).json.scope, 'logs:read')
  assert.equal((await own(client)).json.scope, 'logs:read')
  assert.equal((await patch(client.client_id, { enabled: false })).status, 200)
  assert.equal(await active(token), false)
  assert.equal((await own(client)).json.error, 'invalid_client')
  assert.equal((await patch(client.client_id, { enabled: true })).status, 200)
  await warm(token)
  assert.equal((await fetch(`${issuer}/admin/clients/${client.client_id}`, { method: 'DELETE', headers: admin })).status, 204)
  assert.equal(await active(token), false)
  assert.equal((await own(client)).json.error, 'invalid_client')
})

/** Milliseconds from an acknowledged change of somebody else until it is felt. */
async function lag(felt) {
  const start = Date.now()
  await until('the change to be felt', felt, 10)
  return Date.now() - start
}

test('what others change is felt within a second', async () => {
  await must(instance, 'authz', ['person', 'add', 'dora', '--scope', 'logs:read deployments:read'], { input: 'correct horse battery\n' })
  instance.people.push({ username: 'dora', password: 'correct horse battery' })
  const { access_token: token } = await getTokens(instance, 'dora', { scope: 'logs:read deployments:read' })
  await warm(token)
  await must(instance, 'authz', ['person', 'scope', 'dora', 'logs:read'])
  assert.ok((await lag(async () => (await introspect(token)).json.scope === 'logs:read')) < 1000)
  await warm(token)
  await must(instance, 'authz', ['person', 'disable', 'dora'])
  assert.ok((await lag(async () => (await active(token)) === false)) < 1000)

  const client = await service()
  const { access_token: ownToken } = (await own(client)).json
  await warm(ownToken)
  await sql("update authz.grants set revoked_at = now(), revoked_for = 'operator' where client_id = $1", client.client_id)
  assert.ok((await lag(async () => (await active(ownToken)) === false)) < 1000)
  const next = (await own(client)).json.access_token // from another grant
  assert.equal(await active(next), true)

  // another secret: who proves himself with the older one is refused, though he was remembered
  const [{ secret_digest: digest }] = await sql('select secret_digest from authz.clients where client_id = $1', server.client_id)
  await warm(next)
  await sql("update authz.clients set secret_digest = sha256('another') where client_id in ($1, $2)", server.client_id, client.client_id)
  assert.ok((await lag(async () => (await introspect(next)).status === 401)) < 1000)
  assert.ok((await lag(async () => (await own(client)).status === 401)) < 1000)
  assert.equal((await own({ ...client, client_secret: 'another' })).status, 200)
  await sql('update authz.clients set secret_digest = $1 where client_id = $2', digest, server.client_id)
  await until('the older secret to be right again', () => active(next))
})

test('two servers: a revocation at one is felt at the other within a second', async () => {
  const port = await freePort()
  await deriveConfig(instance, 'authz.yaml', 'second.yaml', [[/^listen: .*$/m, `listen: 127.0.0.1:${port}`]])
  await startDaemon(instance, 'authz', 'second.yaml')
  /** fetch does not let a request name another Host than its URL. */
  const second = (token) => new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', method: 'POST', path: '/introspect', headers: {
      host: new URL(issuer).host, 'content-type': 'application/x-www-form-urlencoded', ...basic(server) } }, (answer) => {
      let body = ''
      answer.on('data', (part) => (body += part)).on('end', () => resolve(JSON.parse(body)))
    })
    asked.on('error', reject).end(`${new URLSearchParams({ token })}`)
  })
  const lags = []
  for (let round = 0; round < 20; round++) {
    const tokens = await getTokens(instance, 'alice')
    for (let i = 0; i < 3; i++) assert.equal((await second(tokens.access_token)).active, true)
    await revoke(tokens.client, tokens.refresh_token)
    lags.push(await lag(async () => (await second(tokens.access_token)).active === false))
  }
  assert.ok(Math.max(...lags) < 1000, `${lags}`)
})

test('the database comes back, and nothing older than it is told', async () => {
  const tokens = await getTokens(instance, 'alice')
  const client = await service()
  const { access_token: ownToken } = (await own(client)).json
  await warm(tokens.access_token)
  await warm(ownToken)
  // every connection is cut, and before the daemon is back, the grant dies
  const { grant_id: grant } = JSON.parse(Buffer.from(tokens.access_token.split('.')[1], 'base64url'))
  await sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sallyport_authz'")
  await sql("update authz.grants set revoked_at = now(), revoked_for = 'operator' where grant_id = $1", grant)
  // what was remembered may be told until the process has seen that its connections are gone, and no longer
  const said = await until('the death to be known', async () => {
    const answer = await introspect(tokens.access_token)
    return answer.status === 200 && !answer.json.active && answer.json
  }, 5)
  assert.deepEqual(said, { active: false })
  await until('the service to be served', async () => (await own(client)).status === 200)
  await warm(ownToken)
})

// ---- RFC 9701 ----

const SIGNED = 'application/token-introspection+jwt'

test('a signed answer says the same, to the caller only', async () => {
  const { access_token: token } = await getTokens(instance, 'alice')
  const plain = (await introspect(token)).json
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  for (let i = 0; i < 2; i++) { // asked, and remembered
    const answer = await introspect(token, { accept: SIGNED })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), SIGNED)
    const { payload, protectedHeader } = await jwtVerify(answer.text, keys, { issuer, audience: server.client_id, typ: 'token-introspection+jwt' })
    assert.equal(protectedHeader.alg, 'ES256')
    assert.deepEqual(payload.token_introspection, plain)
    assert.ok(Number.isInteger(payload.iat))
    assert.equal(payload.exp, undefined)
    assert.equal(payload.sub, undefined)
  }
  for (const bad of ['garbage', `${token}x`]) {
    const { payload } = await jwtVerify((await introspect(bad, { accept: SIGNED })).text, keys, { issuer, audience: server.client_id })
    assert.deepEqual(payload.token_introspection, { active: false })
  }
  const client = await register(issuer, { token_endpoint_auth_method: 'client_secret_basic' })
  const refused = await introspect(token, { accept: SIGNED, as: client })
  assert.equal(refused.status, 401)
  assert.equal(refused.json.error, 'invalid_client')
})

test('oauth4webapi reads the signed answer', async () => {
  const { access_token: token } = await getTokens(instance, 'alice')
  const insecure = { [oauth.allowInsecureRequests]: true }
  const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...insecure }))
  assert.ok(as.introspection_signing_alg_values_supported.includes('ES256'))
  const client = { client_id: server.client_id, introspection_signed_response_alg: 'ES256' }
  const response = await oauth.introspectionRequest(as, client, oauth.ClientSecretBasic(server.client_secret), token, { requestJwtResponse: true, ...insecure })
  const said = await oauth.processIntrospectionResponse(as, client, response)
  assert.equal(said.active, true)
  assert.equal(said.username, 'alice')
  assert.equal(said.aud, mcp)
})
