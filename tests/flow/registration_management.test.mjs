// SPDX-License-Identifier: Apache-2.0
// What clients register they can read, replace and delete (RFC 7592); registration behind an initial access token; clients that register twice;
// and registrations that come all at once.
import assert from 'node:assert/strict'
import { request as httpRequest, Agent } from 'node:http'
import { test } from 'node:test'
import { authorizationUrl, getTokens, pkce, postForm, postJson, redeem, getCode, refresh, register, REDIRECT_URI, toolNames } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, must, startDaemon } from './lib/programs.mjs'

const instance = await startInstance()
const { issuer } = instance
// More processes of the same issuer: one without limits, one with initial access tokens, one that is closed.
const ports = [await freePort(), await freePort(), await freePort()]
for (const [i, [name, line]] of [['unlimited', 'limits: off'], ['token', 'registration: token'], ['closed', 'registration: closed']].entries()) {
  await deriveConfig(instance, 'authz.yaml', `authz-${name}.yaml`, [[/^listen: .*$/m, `listen: 127.0.0.1:${ports[i]}`], line])
  await startDaemon(instance, 'authz', `authz-${name}.yaml`)
}
const host = new URL(issuer).host

/** A request to one of the other processes, under the issuer's name. */
const agent = new Agent({ keepAlive: true, maxSockets: 16 })
function send(port, method, path, { json, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const body = json === undefined ? undefined : JSON.stringify(json)
    const r = httpRequest({ host: '127.0.0.1', port, method, path, agent, headers: { host, ...(body ? { 'content-type': 'application/json' } : {}), ...headers } }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (t) => (text += t)).on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text, json: text ? JSON.parse(text) : undefined }))
    })
    r.on('error', reject)
    r.end(body)
  })
}
const metadata = (name, more = {}) => ({ client_name: name, redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'none', ...more })
async function manage(client, method, json, token = client.registration_access_token) {
  const answer = await fetch(client.registration_client_uri, {
    method, body: json === undefined ? undefined : JSON.stringify(json),
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, json: text ? JSON.parse(text) : undefined }
}
/** What a client would send back: without what the server says about the registration. */
function asMetadata(answer) {
  const { registration_access_token, registration_client_uri, client_secret_expires_at, client_id_issued_at, ...rest } = answer
  return rest
}

test('a client reads, replaces and deletes its registration', async () => {
  const client = await register(issuer, metadata('Reader', { client_uri: 'https://app.example/' }))
  assert.equal(client.registration_client_uri, `${issuer}/register/${client.client_id}`)
  assert.match(client.registration_access_token, /^spg_/)
  const read = await manage(client, 'GET')
  assert.equal(read.status, 200)
  assert.equal(read.headers.get('cache-control'), 'no-store')
  assert.deepEqual(read.json, client)

  const replaced = await manage(client, 'PUT', { ...asMetadata(client), client_name: 'Renamed', client_uri: undefined, redirect_uris: ['http://127.0.0.1/other'] })
  assert.equal(replaced.status, 200)
  assert.equal(replaced.json.client_name, 'Renamed')
  assert.equal(replaced.json.client_uri, undefined, 'what is left out is gone')
  assert.deepEqual(replaced.json.redirect_uris, ['http://127.0.0.1/other'])
  assert.equal(replaced.json.registration_access_token, client.registration_access_token)
  const { challenge } = pkce()
  const before = await fetch(authorizationUrl(instance, client, challenge), { redirect: 'manual' })
  assert.equal(before.status, 400, 'the old redirect URI is worth nothing now')

  const deleted = await manage(client, 'DELETE')
  assert.equal(deleted.status, 204)
  for (const method of ['GET', 'DELETE']) assert.equal((await manage(client, method)).status, 401)
  assert.equal((await manage(client, 'PUT', asMetadata(client))).status, 401)
})

test('a secret is shown once and never replaced', async () => {
  const client = await register(issuer, metadata('Confidential', { token_endpoint_auth_method: 'client_secret_basic' }))
  assert.equal((await manage(client, 'GET')).json.client_secret, undefined)
  assert.equal((await manage(client, 'PUT', { ...asMetadata(client), client_secret: 'mine' })).json.error, 'invalid_request')
  const same = await manage(client, 'PUT', asMetadata(client))
  assert.equal(same.status, 200)
  assert.equal(same.json.client_secret, undefined)
  const proof = { authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}` }
  assert.equal((await postForm(`${issuer}/revoke`, { token: 'x' }, proof)).status, 200)
  for (const method of ['none', 'client_secret_post']) {
    const other = await manage(client, 'PUT', { ...asMetadata(client), token_endpoint_auth_method: method })
    assert.deepEqual([other.status, other.json.error], [400, 'invalid_client_metadata'])
  }
})

test('what a replacement must not carry is refused, and changes nothing', async () => {
  const client = await register(issuer, metadata('Strict'))
  const good = asMetadata(client)
  const bad = [client, { ...good, client_id: undefined }, { ...good, client_id: 'client_other' }, { ...good, registration_access_token: client.registration_access_token },
    { ...good, registration_client_uri: client.registration_client_uri }, { ...good, client_id_issued_at: 1 }, { ...good, client_secret_expires_at: 0 },
    { ...good, client_secret: 'x' }, { ...good, redirect_uris: ['javascript:alert(1)'] }, { ...good, redirect_uris: undefined }, { ...good, client_name: 5 }, []]
  for (const json of bad) {
    const answer = await manage(client, 'PUT', json)
    assert.equal(answer.status, 400, JSON.stringify(json))
    assert.match(answer.json.error, /^invalid_(request|client_metadata|redirect_uri)$/)
  }
  assert.deepEqual((await manage(client, 'GET')).json, client)
})

test('a registration access token opens one client only, and only while it is enabled', async () => {
  const [a, b] = [await register(issuer, metadata('One')), await register(issuer, metadata('Other'))]
  const { access_token, refresh_token } = await getTokens(instance, 'alice')
  const tokens = [b.registration_access_token, null, 'x', `${a.registration_access_token}x`, a.registration_access_token.slice(0, -2) + 'AA', access_token, refresh_token,
    a.registration_access_token.replace('spg_', 'spr_')]
  for (const token of tokens)
    for (const [method, json] of [['GET'], ['PUT', asMetadata(a)], ['DELETE']]) {
      const answer = await manage(a, method, json, token)
      assert.equal(answer.status, 401, `${method} ${token}`)
      assert.equal(answer.json.error, 'invalid_token')
      assert.match(answer.headers.get('www-authenticate'), /^Bearer /)
    }
  await must(instance, 'authz', ['client', 'disable', a.client_id])
  for (const [method, json] of [['GET'], ['PUT', asMetadata(a)], ['DELETE']]) assert.equal((await manage(a, method, json)).status, 401)
  const { challenge } = pkce()
  assert.equal((await fetch(authorizationUrl(instance, a, challenge), { redirect: 'manual' })).status, 400, 'still disabled')
  await must(instance, 'authz', ['client', 'enable', a.client_id])
  assert.deepEqual((await manage(a, 'GET')).json, a, 'and as it was')
})

test('deletion ends all grants, and the client hears what lets it heal itself', async () => {
  const client = await register(issuer, metadata('Doomed'))
  const tokens = await getTokens(instance, 'alice', {}, client)
  assert.ok((await toolNames(instance, tokens.access_token)).length > 0)
  assert.equal((await manage(client, 'DELETE')).status, 204)
  const answer = await refresh(instance, client, tokens.refresh_token)
  assert.deepEqual([answer.status, answer.json.error], [401, 'invalid_client'])
  const { challenge } = pkce()
  const page = await fetch(authorizationUrl(instance, client, challenge), { redirect: 'manual' })
  assert.equal(page.status, 400)
  assert.match(page.headers.get('content-type'), /^text\/html/)
  const again = await register(issuer, { client_name: client.client_name, redirect_uris: client.redirect_uris })
  assert.notEqual(again.client_id, client.client_id)
})

test('a public client that registers twice is one client, which both can use and neither can take away', async () => {
  const first = await register(issuer, metadata('Twice'))
  const second = await register(issuer, metadata('Twice', { unknown_member: 1 }))
  assert.deepEqual(second, first)
  for (const client of [first, second]) {
    assert.equal((await manage(client, 'GET')).status, 200)
    assert.equal((await manage(client, 'PUT', asMetadata(client))).status, 403)
    assert.equal((await manage(client, 'DELETE')).status, 403)
  }
  assert.equal((await redeem(instance, second, await getCode(instance, second, 'bob'))).status, 200)
  assert.notEqual((await register(issuer, metadata('Twice', { redirect_uris: ['http://localhost/cb'] }))).client_id, first.client_id)
  const secrets = [0, 1].map(() => register(issuer, metadata('Twice', { token_endpoint_auth_method: 'client_secret_post' })))
  assert.equal(new Set((await Promise.all(secrets)).map((c) => c.client_id)).size, 2)
})

test('a stranger who registers first and changes what he registered changes nobody else\'s client', async () => {
  const stranger = await register(issuer, metadata('Well known'))
  assert.equal((await manage(stranger, 'PUT', { ...asMetadata(stranger), redirect_uris: ['https://attacker.example/cb'] })).status, 200)
  const honest = await register(issuer, metadata('Well known'))
  assert.notEqual(honest.client_id, stranger.client_id)
  assert.deepEqual(honest.redirect_uris, [REDIRECT_URI])
  assert.equal((await manage(honest, 'DELETE', undefined, stranger.registration_access_token)).status, 401)
})

test('registrations that come all at once are never mixed up', async () => {
  const COUNT = 3000
  const answers = new Array(COUNT)
  let next = 0
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (let i = next++; i < COUNT; i = next++) {
      const confidential = i % 3 === 0
      const json = metadata(`Client ${i}`, { redirect_uris: [`http://127.0.0.1/cb/${i}`, `https://app${i}.example/cb`], software_id: `software-${i}`,
        token_endpoint_auth_method: confidential ? 'client_secret_basic' : 'none' })
      answers[i] = await send(ports[0], 'POST', '/register', { json })
      assert.equal(answers[i].status, 201)
      assert.equal(answers[i].json.client_secret !== undefined, confidential)
    }
  }))
  const ids = new Set(answers.map((a) => a.json.client_id))
  assert.equal(ids.size, COUNT)
  assert.equal(new Set(answers.map((a) => a.json.registration_access_token)).size, COUNT)
  const key = (await must(instance, 'authz', ['admin-key', 'add', 'reader', '--scope', 'admin:clients'])).trim()
  const rows = new Map()
  for (let after = ''; after !== null;) {
    const page = await send(ports[0], 'GET', `/admin/clients?limit=200&after=${after}`, { headers: { authorization: `Bearer ${key}` } })
    for (const row of page.json.clients) rows.set(row.client_id, row)
    after = page.json.next
  }
  for (const [i, { json }] of answers.entries()) {
    const row = rows.get(json.client_id)
    assert.ok('last_used_at' in row)
    for (const shown of [json, row]) {
      assert.equal(shown.client_name, `Client ${i}`)
      assert.equal(shown.software_id, `software-${i}`)
      assert.deepEqual(shown.redirect_uris, [`http://127.0.0.1/cb/${i}`, `https://app${i}.example/cb`])
      assert.equal(shown.token_endpoint_auth_method, i % 3 === 0 ? 'client_secret_basic' : 'none')
    }
  }
  // twins from two processes at once
  const twins = await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? send(ports[0], 'POST', '/register', { json: metadata('Twins') }) : postJson(`${issuer}/register`, metadata('Twins')))))
  assert.equal(new Set(twins.map((a) => a.json.client_id)).size, 1)
})

test('registration: token wants an initial access token, whose uses are counted', async () => {
  const token = (await must(instance, 'authz', ['registration-token', 'add', 'partners', '--uses', '3', '--expires', '1h'])).trim()
  assert.match(token, /^spi_/)
  const with_ = (value, name) => send(ports[1], 'POST', '/register', { json: metadata(name), headers: value ? { authorization: `Bearer ${value}` } : {} })
  for (const bad of [undefined, 'x', `${token}x`, token.replace('spi_', 'spg_')]) {
    const answer = await with_(bad, 'Gate')
    assert.deepEqual([answer.status, answer.json.error], [401, 'invalid_token'])
    assert.match(answer.headers['www-authenticate'], /^Bearer /)
  }
  const metadataDocument = await send(ports[1], 'GET', '/.well-known/oauth-authorization-server')
  assert.equal(metadataDocument.json.registration_endpoint, `${issuer}/register`)
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => with_(token, `Gate ${i}`)))
  assert.equal(answers.filter((a) => a.status === 201).length, 3)
  assert.equal(answers.filter((a) => a.status === 401).length, 7)
  const list = JSON.parse(await must(instance, 'authz', ['registration-token', 'list', '--json']))
  assert.equal(list.find((t) => t.name === 'partners').state, 'used up')
  assert.equal(JSON.stringify(list).includes(token.slice(4, 30)), false, 'a token is shown once')

  const open = (await must(instance, 'authz', ['registration-token', 'add', 'open'])).trim()
  assert.equal((await postJson(`${issuer}/register`, metadata('Honoured'), { authorization: `Bearer ${open}` })).status, 201)
  await must(instance, 'authz', ['registration-token', 'revoke', 'open'])
  assert.equal((await with_(open, 'Revoked')).status, 401)
  assert.equal((await postJson(`${issuer}/register`, metadata('Revoked'), { authorization: `Bearer ${open}` })).status, 401)
})

test('registration: closed registers nobody and says so, but what is registered can be managed', async () => {
  const answer = await send(ports[2], 'POST', '/register', { json: metadata('Late') })
  assert.deepEqual([answer.status, answer.json.error], [403, 'access_denied'])
  assert.equal((await send(ports[2], 'GET', '/.well-known/oauth-authorization-server')).json.registration_endpoint, undefined)
  const client = await register(issuer, metadata('Early'))
  const read = await send(ports[2], 'GET', `/register/${client.client_id}`, { headers: { authorization: `Bearer ${client.registration_access_token}` } })
  assert.equal(read.status, 200)
})

test('pages of any origin may register and manage, and no other page', async () => {
  const base = issuer
  const client = await register(issuer, metadata('Browser'))
  const preflight = async (path, method) => fetch(`${base}${path}`, { method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': method, 'access-control-request-headers': 'authorization,content-type' } })
  for (const [path, methods] of [['/register', ['POST']], [`/register/${client.client_id}`, ['GET', 'PUT', 'DELETE']], ['/token', ['POST']], ['/revoke', ['POST']], ['/jwks', ['GET']],
    ['/.well-known/oauth-authorization-server', ['GET']], ['/.well-known/openid-configuration', ['GET']]])
    for (const method of methods) {
      const answer = await preflight(path, method)
      assert.equal(answer.status, 204, path)
      assert.equal(answer.headers.get('access-control-allow-origin'), '*')
      assert.equal(answer.headers.get('access-control-allow-credentials'), null)
      assert.ok(answer.headers.get('access-control-allow-methods').split(', ').includes(method), `${method} ${path}`)
      assert.match(answer.headers.get('access-control-allow-headers'), /authorization/i)
      assert.match(answer.headers.get('access-control-expose-headers'), /WWW-Authenticate/)
      assert.match(answer.headers.get('access-control-expose-headers'), /Retry-After/)
    }
  for (const path of ['/authorize', '/sign-in', '/consent', '/sign-out', '/admin/clients', '/introspect', '/revocations', '/health', '/style.css']) {
    const answer = await preflight(path, 'POST')
    assert.notEqual(answer.status, 204, path)
    assert.equal(answer.headers.get('access-control-allow-origin'), null, path)
  }
  const refused = await fetch(`${base}/register/${client.client_id}`, { headers: { origin: 'https://app.example' } })
  assert.equal(refused.status, 401)
  assert.equal(refused.headers.get('access-control-allow-origin'), '*')
})
