// SPDX-License-Identifier: Apache-2.0
// Tokens that are not of our own authorization server: of other issuers that are asked about them (RFC 7662), and service tokens under a shared key.
import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { getTokens, postJson } from './lib/client.mjs'
import { signJwt, makeKey } from './lib/false_server.mjs'
import { startInstance } from './lib/instance.mjs'
import { makeKey as makeProofKey } from './lib/proof_key.mjs'
import { deriveConfig, etc, freePort, must, startDaemon, until, verb, writeEtc } from './lib/programs.mjs'

const instance = await startInstance()
const now = () => Math.floor(Date.now() / 1000)
const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** An authorization server like Keycloak or Hydra: metadata, and introspection that `answers` decides by the token. */
async function startIssuer(path = '') {
  const server = { asked: 0, tokens: new Map(), on: undefined, path, key: makeKey('f1'), credentials: { id: `mcp-at-${randomUUID()}`, secret: randomBytes(16).toString('hex') } }
  const http = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const answer = (value, status = 200) => response.writeHead(status, { 'content-type': 'application/json' }).end(typeof value === 'string' ? value : JSON.stringify(value))
    const { issuer } = server
    if (server.hangs) return server.hangs.push(response)
    if (request.url === `/.well-known/oauth-authorization-server${path}`) return answer({ issuer, jwks_uri: `${issuer}/jwks`, introspection_endpoint: server.endpoint ?? `${issuer}/introspect` })
    if (request.url === `${path}/jwks`) return answer({ keys: [{ ...server.key.publicKey.export({ format: 'jwk' }), kid: 'f1', alg: 'ES256', use: 'sig' }] })
    if (request.url !== `${path}/introspect` || request.method !== 'POST') return answer({}, 404)
    server.asked++
    if (request.headers.authorization !== `Basic ${Buffer.from(`${server.credentials.id}:${server.credentials.secret}`).toString('base64')}`) return answer({ error: 'invalid_client' }, 401)
    const token = new URLSearchParams(Buffer.concat(chunks).toString()).get('token')
    if (server.on) return server.on(answer, token)
    answer(server.tokens.get(token) ?? { active: false })
  })
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve))
  after(() => {
    http.closeAllConnections()
    http.close()
  })
  server.issuer = `http://127.0.0.1:${http.address().port}${path}`
  const living = (more) => ({ active: true, iss: server.issuer, sub: 'u-1', username: 'zoe', client_id: 'agent', aud: server.audience, scope: 'logs:read', exp: now() + 600, ...more })
  /** A token that says nothing of itself. */
  server.opaque = (more = {}, text = `ory_at_${randomBytes(24).toString('base64url')}.${randomBytes(24).toString('base64url')}`) => {
    server.tokens.set(text, living(more))
    return text
  }
  /** A JWT; `claims` are its own, `more` what is said of it. */
  server.jwt = (more = {}, claims = {}) => server.opaque(more, signJwt(server.key, { typ: 'JWT' }, { iss: server.issuer, sub: 'u-1', jti: randomUUID(), exp: now() + 600, ...claims }))
  return server
}

const keycloak = await startIssuer('/realms/demo')
const hydra = await startIssuer()
const lenient = await startIssuer('/lenient')
const inside = await startIssuer('/inside')
inside.endpoint = `${keycloak.issuer}/introspect` // not its own host's
const port = await freePort()
const resource = `http://127.0.0.1:${port}/mcp`
for (const server of [keycloak, hydra, lenient, inside]) server.audience = resource
await writeEtc(instance, 'keycloak.secret', keycloak.credentials.secret)
await writeEtc(instance, 'hydra.secret', hydra.credentials.secret)
await writeEtc(instance, 'lenient.secret', lenient.credentials.secret)
await writeEtc(instance, 'inside.secret', inside.credentials.secret)
const serviceKey = randomBytes(32).toString('hex')
await writeEtc(instance, 'service.secret', serviceKey)
const ISSUERS = `issuers:
- issuer: ${keycloak.issuer}
  introspection: {client_id: ${keycloak.credentials.id}, client_secret_file: keycloak.secret, cache: 2s}
  scope_map: {reader: [logs:read, deployments:read], admin: [tools:admin], slow: [tickets:read]}
- issuer: ${hydra.issuer}
  introspection: {endpoint: "${hydra.issuer}/introspect", client_id: ${hydra.credentials.id}, client_secret_file: hydra.secret, cache: 5s}
  opaque: true
- issuer: ${lenient.issuer}
  introspection: {client_id: ${lenient.credentials.id}, client_secret_file: lenient.secret}
  audience: lenient-api
  audience_required: false
- issuer: ${inside.issuer}
  introspection: {client_id: ${inside.credentials.id}, client_secret_file: inside.secret}
`
const SERVICE = 'service_tokens: {secret_file: service.secret, issuer: "https://ci.internal", scopes: [logs:read, deployments:read, tickets:read]}\n'
await writeEtc(instance, 'tools/take_long.yaml', `name: take_long
title: Take long
description: Takes as long as it is told.
scope: tickets:read
tier: read
input: {type: object, additionalProperties: false, properties: {seconds: {type: number}}}
sql: {statement: "select pg_sleep($1::float8)::text as slept", parameters: [seconds], write: false, timeout: 60s}
result: {columns: [slept]}
`)
await must(instance, 'authz', ['resource', 'put', resource, '--name', 'MCP with other issuers', '--scopes', '-'], { input: await must(instance, 'mcp', ['scopes']) })
const own = JSON.parse(await must(instance, 'authz', ['client', 'add', '--id', 'sources-mcp', '--name', 'MCP with other issuers', '--resource', resource, '--json']))
await writeEtc(instance, 'sources.secret', own.client_secret)
await deriveConfig(instance, 'mcp.yaml', 'mcp-sources.yaml', [
  [/^introspection: .*$/m, 'introspection: {client_id: sources-mcp, client_secret_file: sources.secret}'],
  [/^resource:.*$/m, `resource: ${resource}`], [/^listen:.*$/m, `listen: 127.0.0.1:${port}`], [/^audit_log:.*$/m, (line) => line.replace('audit.log', 'audit-sources.log')],
  [/user=sallyport_tools_read"/, 'user=sallyport_tools_read", connections: 12'], ISSUERS, SERVICE,
])
const daemon = await startDaemon(instance, 'mcp', 'mcp-sources.yaml')
await until('the server to be ready', async () => (await fetch(`http://127.0.0.1:${port}/health`)).status === 200)

const call = (token, method, params = {}, to = resource) =>
  postJson(to, { jsonrpc: '2.0', id: 1, method, params }, { authorization: `Bearer ${token}`, accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' })
const tools = async (token) => (await call(token, 'tools/list')).json?.result?.tools.map((t) => t.name).sort()
const isRefused = (answer, what) => {
  assert.equal(answer.status, 401, what)
  assert.match(answer.headers.get('www-authenticate'), /^Bearer error="invalid_token"/, what)
}
const audit = async () => (await readFile((await readFile(etc(instance, 'mcp-sources.yaml'), 'utf8')).match(/^audit_log: (.*)$/m)[1], 'utf8')).trim().split('\n').map((line) => JSON.parse(line))

test('the metadata names all authorization servers, our own first', async () => {
  const metadata = await (await fetch(`http://127.0.0.1:${port}/.well-known/oauth-protected-resource/mcp`)).json()
  assert.deepEqual(metadata.authorization_servers, [instance.issuer, keycloak.issuer, hydra.issuer, lenient.issuer, inside.issuer])
})

test('a JWT goes to the issuer that it names; its scopes are mapped', async () => {
  await until('the metadata to be read', async () => (await call(keycloak.jwt({ scope: 'reader' }), 'ping')).status === 200)
  keycloak.asked = hydra.asked = 0
  const token = keycloak.jwt({ scope: 'reader profile email' })
  assert.deepEqual(await tools(token), ['deployment_status', 'query_logs'])
  assert.equal((await call(token, 'tools/call', { name: 'query_logs', arguments: { service: 'checkout' } })).json.result.isError, undefined)
  assert.deepEqual([keycloak.asked, hydra.asked], [1, 0], 'one question, and only there')
  const record = (await audit()).findLast((r) => r.event === 'tool_call')
  assert.equal(record.subject, `${keycloak.issuer} u-1`)
  assert.equal(record.client, `${keycloak.issuer} agent`)
  assert.deepEqual(await tools(keycloak.jwt({ scope: 'logs:read' })), [], 'a scope that the map does not have opens nothing')
})

test('an opaque token goes to the one issuer that is declared for them', async () => {
  keycloak.asked = hydra.asked = lenient.asked = 0
  assert.deepEqual(await tools(hydra.opaque()), ['query_logs'])
  isRefused(await call('nobody-knows-me', 'ping'))
  assert.deepEqual([keycloak.asked, hydra.asked, lenient.asked], [0, 2, 0])
})

test('no issuer is asked about a token of another one', async () => {
  keycloak.asked = hydra.asked = lenient.asked = 0
  const foreign = signJwt(makeKey('x'), { typ: 'at+jwt' }, { iss: 'https://evil.example', sub: 'a', aud: resource, exp: now() + 600 })
  for (const token of [foreign, signJwt(makeKey('x'), { typ: 'at+jwt' }, { sub: 'a', aud: resource, exp: now() + 600 })]) isRefused(await call(token, 'ping'))
  assert.deepEqual([keycloak.asked, hydra.asked, lenient.asked], [0, 0, 0])
  // one who names another issuer than the one that signed it is judged by that one alone, which does not know it
  const disguised = signJwt(hydra.key, { typ: 'JWT' }, { iss: keycloak.issuer, sub: 'a' })
  hydra.tokens.set(disguised, { active: true, iss: hydra.issuer, sub: 'a', client_id: 'b', aud: resource, scope: 'logs:read', exp: now() + 600 })
  isRefused(await call(disguised, 'ping'))
  assert.deepEqual([keycloak.asked, hydra.asked], [1, 0])
  // our own names are none of theirs: a token that says our issuer must have our signature
  isRefused(await call(signJwt(hydra.key, { typ: 'at+jwt' }, { iss: instance.issuer, sub: 'a', client_id: 'b', aud: resource, jti: 'j', iat: now(), exp: now() + 60 }), 'ping'))
})

test('the answer must be about this issuer, this server and an access token', async () => {
  const wrong = {
    'another server': { aud: 'https://other.example/mcp' }, 'none said': { aud: undefined }, 'an empty list': { aud: [] }, 'a prefix': { aud: `${resource}/x` },
    'a refresh token': { token_use: 'refresh_token' }, 'an ID token': { typ: 'ID' }, 'a refresh token of Keycloak': { typ: 'Refresh' }, 'another type': { token_type: 'N_A' },
    expired: { exp: now() - 5 }, 'of the future': { nbf: now() + 600 }, inactive: { active: false }, 'bound to what nobody knows': { cnf: { kid: 'x' } }, 'bound to a key': { cnf: { jkt: 'A'.repeat(43) } },
  }
  for (const [what, more] of Object.entries(wrong)) isRefused(await call(hydra.opaque(more), 'ping'), what)
  for (const more of [{ aud: [resource, 'x'] }, { exp: undefined }, { token_type: 'bearer' }, { token_use: 'access_token' }, { sub: undefined }, { iss: undefined }])
    assert.equal((await call(hydra.opaque(more), 'ping')).status, 200, JSON.stringify(more))
  // an issuer that speaks of somebody else's token, or of nobody's, says nothing
  for (const more of [{ iss: keycloak.issuer }, { iss: 7 }, { sub: undefined, client_id: undefined }]) assert.equal((await call(hydra.opaque(more), 'ping')).status, 503, JSON.stringify(more))
})

test('an audience of its own, that need not be said', async () => {
  await until('the metadata to be read', async () => (await call(lenient.jwt({ aud: undefined }), 'ping')).status === 200)
  assert.equal((await call(lenient.jwt({ aud: ['lenient-api', 'account'] }), 'ping')).status, 200)
  isRefused(await call(lenient.jwt({ aud: resource }), 'ping'))
  isRefused(await call(lenient.jwt({ aud: ['account'] }), 'ping'))
  // where the answer says nothing, the token may have said it itself
  for (const aud of ['lenient-api', ['x', 'lenient-api'], []]) assert.equal((await call(lenient.jwt({ aud: undefined }, { aud }), 'ping')).status, 200, `${aud}`)
  for (const aud of ['account', ['account'], resource]) isRefused(await call(lenient.jwt({ aud: undefined }, { aud }), 'ping'), `${aud}`)
})

test('a JWT that names its key is bound to it, whether the answer says so or not', async () => {
  const key = makeProofKey()
  const cnf = { jkt: key.thumbprint }
  const show = async (token, by) => {
    const send = () => postJson(resource, { jsonrpc: '2.0', id: 1, method: 'ping' }, { authorization: `DPoP ${token}`, dpop: by.proof('POST', resource, { token }), accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' })
    const nonce = (await send()).headers.get('dpop-nonce')
    if (nonce) by.nonces.set(new URL(resource).origin, nonce)
    return (await send()).status
  }
  for (const [said, claims] of [[{}, { cnf }], [{ cnf }, {}], [{ cnf }, { cnf }]]) {
    const token = keycloak.jwt({ scope: 'reader', ...said }, claims)
    assert.equal((await call(token, 'ping')).status, 401, `stolen: ${JSON.stringify([said, claims])}`)
    assert.equal(await show(token, makeProofKey()), 401, `another key: ${JSON.stringify([said, claims])}`)
    assert.equal(await show(token, key), 200, JSON.stringify([said, claims]))
  }
  const other = { jkt: makeProofKey().thumbprint }
  assert.equal(await show(keycloak.jwt({ scope: 'reader', cnf }, { cnf: other }), key), 401, 'they differ')
  isRefused(await call(keycloak.jwt({ scope: 'reader' }, { cnf: { kid: 'x' } }), 'ping'), 'what cannot be proved')
})

test('answers are believed for a bounded time, single-flight, the dead ones too', async () => {
  const token = hydra.opaque()
  hydra.asked = 0
  const answers = await Promise.all(Array.from({ length: 20 }, () => call(token, 'ping')))
  assert.ok(answers.every((a) => a.status === 200))
  assert.equal(hydra.asked, 1)
  hydra.tokens.set(token, { active: false })
  assert.equal((await call(token, 'ping')).status, 200)
  await until('the answer to be old', async () => (await call(token, 'ping')).status === 401, 15)
  hydra.asked = 0
  for (let i = 0; i < 10; i++) isRefused(await call(token, 'ping'))
  assert.ok(hydra.asked <= 1, `${hydra.asked} questions about a dead token`)
})

test("another issuer's metadata leads nowhere inside", async () => {
  await until('the metadata to be read', () => daemon.stderr.split('\n').some((line) => line.includes('keys of the authorization server read') && line.includes(inside.issuer)))
  keycloak.asked = 0
  assert.equal((await call(inside.jwt(), 'ping')).status, 503)
  assert.equal(keycloak.asked, 0)
  await until('the log to say why', () => new RegExp(`introspection failed.*${inside.issuer}.*neither https nor http to loopback`).test(daemon.stderr))
})

test('an issuer that hangs holds up nobody else', async (t) => {
  t.after(() => { hydra.hangs = undefined })
  hydra.hangs = []
  let answered = 0
  const waiting = Array.from({ length: 300 }, () => call(hydra.opaque(), 'ping').finally(() => answered++))
  await until('the questions to hang', () => hydra.hangs.length >= 64)
  const start = Date.now()
  for (let i = 0; i < 5; i++) assert.equal((await call(keycloak.jwt({ scope: 'reader' }), 'ping')).status, 200)
  const { access_token } = await getTokens({ ...instance, mcp: resource }, 'alice')
  assert.equal((await call(access_token, 'ping')).status, 200)
  assert.ok(Date.now() - start < 4000, `${Date.now() - start} ms`)
  assert.equal(hydra.hangs.length, 64)
  assert.equal(answered, 300 - 256, 'what anybody can invent takes a part of the questions only')
  const answers = await Promise.all(waiting)
  assert.ok(answers.every((a) => a.status === 503))
  hydra.hangs = undefined
  assert.equal((await call(hydra.opaque(), 'ping')).status, 200)
})

test('an outage of the issuer is 503, and nobody else is concerned', async () => {
  for (const on of [(answer) => answer({}, 500), (answer) => answer('not JSON'), (answer) => answer({ active: 'yes' }), (answer) => answer({}, 401)]) {
    hydra.on = on
    assert.equal((await call(hydra.opaque(), 'ping')).status, 503)
  }
  hydra.on = undefined
  assert.equal((await call(hydra.opaque(), 'ping')).status, 200)
  assert.equal((await call(keycloak.jwt({ scope: 'reader' }), 'ping')).status, 200)
})

// ---- service tokens ----

const hmac = (claims, { key = serviceKey, alg = 'sha256', header = {} } = {}) => {
  const input = `${base64url({ alg: 'HS256', typ: 'JWT', ...header })}.${base64url(claims)}`
  return `${input}.${createHmac(alg, key).update(input).digest('base64url')}`
}
const service = (more = {}) => ({ iss: 'https://ci.internal', sub: 'nightly', aud: resource, scope: 'logs:read', iat: now(), exp: now() + 600, ...more })

test('a service token opens what it names and what the configuration allows', async () => {
  assert.deepEqual(await tools(hmac(service())), ['query_logs'])
  assert.deepEqual(await tools(hmac(service({ scope: 'logs:read deployments:read tools:admin users:read' }))), ['deployment_status', 'query_logs'])
  assert.deepEqual(await tools(hmac(service({ scope: 'tools:admin' }))), [])
  const token = hmac(service())
  for (let i = 0; i < 3; i++) assert.equal((await call(token, 'ping')).status, 200)
  await call(token, 'tools/call', { name: 'query_logs', arguments: { service: 'checkout' } })
  assert.equal((await audit()).findLast((r) => r.event === 'tool_call').subject, 'https://ci.internal nightly')
})

test('everything else under that name is refused', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const es256 = `${base64url({ alg: 'ES256', typ: 'JWT' })}.${base64url(service())}`
  const wrong = {
    'another key': hmac(service(), { key: 'x'.repeat(32) }), none: hmac(service(), { header: { alg: 'none' } }), HS512: hmac(service(), { alg: 'sha512', header: { alg: 'HS512' } }), 'at+jwt': hmac(service(), { header: { typ: 'at+jwt' } }),
    'a public key': `${es256}.${sign('sha256', Buffer.from(es256), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`,
    'another server': hmac(service({ aud: 'https://other.example' })), 'no audience': hmac(service({ aud: undefined })), expired: hmac(service({ exp: now() - 1 })), 'no end': hmac(service({ exp: undefined })), 'no start': hmac(service({ iat: undefined })),
    'too long a life': hmac(service({ exp: now() + 7200 })), 'of the future': hmac(service({ iat: now() + 600, exp: now() + 1200 })), 'long ago': hmac(service({ iat: now() - 7000 })), nobody: hmac(service({ sub: undefined })), 'a wrong scope': hmac(service({ scope: 'a"b' })),
    'bound to a key': hmac(service({ cnf: { jkt: 'A'.repeat(43) } })),
  }
  for (const [what, token] of Object.entries(wrong)) isRefused(await call(token, 'ping'), what)
})

test('a call under way ends with its token', async () => {
  const take = (token, seconds) => call(token, 'tools/call', { name: 'take_long', arguments: { seconds } })
  const exp = now() + 4
  const key = (await must(instance, 'authz', ['api-key', 'add', 'soon', '--person', 'bob', '--resource', resource, '--scope', 'tickets:read', '--expires', '4s'])).trim()
  const ended = keycloak.jwt({ scope: 'slow' })
  const ends = {
    'of another issuer': keycloak.jwt({ scope: 'slow', exp }), 'whose end only the token says': keycloak.jwt({ scope: 'slow', exp: undefined }, { exp }), opaque: hydra.opaque({ scope: 'tickets:read', exp }),
    'a service token': hmac(service({ scope: 'tickets:read', exp })), 'an API key': key, 'one that the issuer ends': ended,
  }
  keycloak.asked = 0
  const living = take(keycloak.jwt({ scope: 'slow' }), 7)
  const start = Date.now()
  const answers = Object.entries(ends).map(async ([what, token]) => [what, await take(token, 50), Date.now() - start])
  await until('the issuer to be asked again', () => keycloak.asked > 4)
  keycloak.tokens.set(ended, { active: false })
  for (const [what, answer, took] of await Promise.all(answers)) {
    isRefused(answer, `${what}: ${answer.status} ${answer.text}`)
    assert.ok(took < 9000, `${what}: ${took} ms`)
  }
  const through = await living
  assert.equal(through.json.result?.isError, undefined, through.text)
})

test('service tokens and other issuers are off by default', async () => {
  isRefused(await call(hmac({ ...service(), aud: instance.mcp }), 'ping', {}, instance.mcp))
  isRefused(await call(hydra.opaque({ aud: instance.mcp }), 'ping', {}, instance.mcp))
  isRefused(await call(keycloak.jwt({ aud: instance.mcp }), 'ping', {}, instance.mcp))
  const { access_token } = await getTokens(instance, 'alice')
  assert.equal((await call(access_token, 'ping', {}, instance.mcp)).status, 200)
  isRefused(await call(access_token, 'ping'), 'for another resource')
})

test('a configuration that could be misunderstood is refused', async () => {
  const cases = [
    [/audience_required: false/, 'opaque: true', /issuers\[2\]\.opaque: only one/], [/^- issuer: .*realms.*$/m, `- issuer: ${instance.issuer}`, /issuers\[0\]\.issuer: stands here twice/], [/logs:read, deployments:read\], admin/, 'logs:write], admin', /scope_map: logs:write is not among scopes/],
    [/cache: 2s}\n {2}scope_map/, 'cache: 1h}\n  scope_map', /cache: must be/], [/issuer: "https:\/\/ci.internal"/, `issuer: "${hydra.issuer}"`, /service_tokens\.issuer: stands here twice/], [/scopes: \[logs:read, deployments:read, tickets:read\]/, 'scopes: [nothing]', /service_tokens\.scopes: nothing is not among/],
    [/secret_file: service.secret/, 'secret_file: nowhere', /service_tokens\.secret_file/], [/- issuer: .*realms.*$/m, '- issuer: http://kc.example/realms/x', /issuers\[0\]\.issuer: must be an https URL/],
  ]
  for (const [pattern, replacement, expected] of cases) {
    await deriveConfig(instance, 'mcp-sources.yaml', 'mcp-wrong.yaml', [[pattern, replacement]])
    const done = await verb(instance, 'mcp', ['serve'], { config: 'mcp-wrong.yaml' })
    assert.equal(done.code, 1)
    assert.match(done.stderr, expected)
  }
})

test('no memory was misused', async () => {
  const ended = await daemon.stop()
  assert.equal(ended.code, 0)
  assert.doesNotMatch(ended.stderr, /Sanitizer|runtime error/)
})
