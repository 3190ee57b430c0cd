// SPDX-License-Identifier: Apache-2.0
// The admin REST for clients: what an administrator's program does, and who may not.
import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import { REDIRECT_URI, authorizationUrl, getCode, flip, getTokens, pkce, postForm, redeem, refresh, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, must, startDaemon, until, verb } from './lib/programs.mjs'

const instance = await startInstance()
const clients = `${instance.admin.url}/clients`
const mine = { authorization: `Bearer ${instance.admin.token}` }

async function ask(method, url, body, headers = mine) {
  const response = await fetch(url, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: text ? JSON.parse(text) : undefined }
}

const one = (id) => `${clients}/${encodeURIComponent(id)}`
const publicClient = { client_name: 'Desktop app', redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] }

async function add(metadata) {
  const answer = await ask('POST', clients, metadata)
  assert.equal(answer.status, 201, answer.text)
  return answer.json
}

test('a public client is made without a secret, read back and usable', async () => {
  const answer = await ask('POST', clients, publicClient)
  assert.equal(answer.status, 201, answer.text)
  assert.equal(answer.json.client_secret, undefined)
  assert.equal(answer.json.origin, 'admin')
  assert.equal(answer.json.enabled, true)
  assert.equal(answer.headers.get('location'), one(answer.json.client_id))
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  const read = await ask('GET', answer.headers.get('location'))
  assert.equal(read.status, 200)
  assert.equal(read.json.client_name, 'Desktop app')
  assert.equal((await getTokens(instance, 'alice', {}, answer.json)).token_type, 'Bearer')
})

test('N-2: a confidential client gets its secret once', async () => {
  const made = await add({ client_name: 'Web app', redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: 'client_secret_post' })
  assert.match(made.client_secret, /^[A-Za-z0-9._~-]{43,}$/)
  assert.equal(made.client_secret_expires_at, 0)
  const read = await ask('GET', one(made.client_id))
  assert.equal(read.json.client_secret, undefined)
  assert.ok(!(await ask('GET', clients)).text.includes(made.client_secret))
  const answer = await redeem(instance, made, await getCode(instance, made, 'alice'), { client_secret: made.client_secret })
  assert.equal(answer.status, 200)
})

test('a resource server is made with its resource and introspects the tokens of it', async () => {
  const made = await add({ client_name: 'Second MCP', resource: instance.mcp })
  assert.equal(made.resource, instance.mcp)
  const { access_token } = await getTokens(instance, 'alice')
  const answer = await postForm(`${instance.issuer}/introspect`, { token: access_token }, { authorization: `Basic ${Buffer.from(`${made.client_id}:${made.client_secret}`).toString('base64')}` })
  assert.equal(answer.json.active, true)
  const open = await ask('POST', clients, { client_name: 'x', resource: instance.mcp, token_endpoint_auth_method: 'none' })
  assert.equal(open.json.error, 'invalid_client_metadata')
  assert.equal((await ask('POST', clients, { client_name: 'x', resource: 'not a uri' })).status, 400)
})

test('the list comes in pages that together hold each client once', async () => {
  const made = []
  for (let i = 0; i < 5; i++) made.push((await add({ ...publicClient, client_name: `Paged ${i}` })).client_id)
  const whole = (await ask('GET', `${clients}?limit=200`)).json
  assert.equal(whole.next, null)
  const seen = []
  let url = `${clients}?limit=2`
  for (let pages = 0; url && pages < 50; pages++) {
    const { status, json } = await ask('GET', url)
    assert.equal(status, 200)
    assert.ok(json.clients.length <= 2)
    seen.push(...json.clients.map((c) => c.client_id))
    url = json.next && `${clients}?limit=2&after=${encodeURIComponent(json.next)}`
  }
  assert.deepEqual(seen, whole.clients.map((c) => c.client_id))
  assert.equal(new Set(seen).size, seen.length)
  for (const id of made) assert.ok(seen.includes(id))
  for (const bad of ['0', '201', '-1', 'x', '1e2', '']) assert.equal((await ask('GET', `${clients}?limit=${bad}`)).status, bad === '' ? 200 : 400, bad)
  assert.equal((await ask('GET', `${clients}?after=%ff`)).status, 400)
  assert.deepEqual((await ask('GET', `${clients}?after=zzzzzzzz`)).json, { clients: [], next: null })
})

test('a patch changes what it names and keeps the rest', async () => {
  const { client_id } = await add({ ...publicClient, client_uri: 'https://app.example/', contacts: ['ops@app.example'] })
  const patched = await ask('PATCH', one(client_id), { client_name: 'Renamed', redirect_uris: [REDIRECT_URI, 'https://app.example/cb'], made_up: 1 })
  assert.equal(patched.status, 200, patched.text)
  const { json } = await ask('GET', one(client_id))
  assert.deepEqual(json, patched.json)
  assert.equal(json.client_name, 'Renamed')
  assert.deepEqual(json.redirect_uris, [REDIRECT_URI, 'https://app.example/cb'])
  assert.equal(json.client_uri, 'https://app.example/')
  assert.deepEqual(json.contacts, ['ops@app.example'])
  assert.deepEqual(json.grant_types, ['authorization_code', 'refresh_token'])
  assert.equal(json.made_up, undefined)
  const without = await ask('PATCH', one(client_id), { client_uri: null })
  assert.equal(without.json.client_uri, undefined)
  assert.equal(without.json.client_name, 'Renamed')
  assert.deepEqual((await ask('PATCH', one(client_id), {})).json, without.json)
})

test('a patch is judged as a registration is, and a refused one changes nothing', async () => {
  const { client_id } = await add(publicClient)
  const before = (await ask('GET', one(client_id))).text
  const refused = [
    [{ redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: ['http://app.example/cb'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: [REDIRECT_URI, 'data:text/html,x'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: [] }, 'invalid_redirect_uri'],
    [{ redirect_uris: null }, 'invalid_redirect_uri'],
    [{ client_name: 'Pay\u202Epal' }, 'invalid_client_metadata'],
    [{ client_name: 5 }, 'invalid_client_metadata'],
    [{ enabled: 'no' }, 'invalid_client_metadata'],
    [{ client_id: 'another' }, 'invalid_client_metadata'],
    [{ token_endpoint_auth_method: 'client_secret_basic' }, 'invalid_client_metadata'],
    [{ origin: 'registration' }, 'invalid_client_metadata'],
    [{ resource: instance.mcp }, 'invalid_client_metadata'],
    ['[]', 'invalid_client_metadata'],
    ['"x"', 'invalid_client_metadata'],
    ['{"client_name":', 'invalid_request'],
    ['{"client_name":"a","client_name":"b"}', 'invalid_request'],
  ]
  for (const [patch, error] of refused) {
    const answer = await ask('PATCH', one(client_id), patch)
    assert.equal(answer.status, 400, JSON.stringify([patch, answer.text]))
    assert.equal(answer.json.error, error, JSON.stringify(patch))
  }
  assert.equal((await ask('GET', one(client_id))).text, before)
})

test('a disabled client is refused everywhere until it is enabled again', async () => {
  const made = await add(publicClient)
  const tokens = await getTokens(instance, 'alice', {}, made)
  const waiting = await getCode(instance, made, 'alice')
  assert.equal((await ask('PATCH', one(made.client_id), { enabled: false })).json.enabled, false)
  const refused = await refresh(instance, made, tokens.refresh_token)
  assert.equal(refused.json.error, 'invalid_client')
  assert.equal((await redeem(instance, made, waiting)).json.error, 'invalid_client')
  const page = await fetch(authorizationUrl(instance, made, pkce().challenge), { redirect: 'manual' })
  assert.equal(page.status, 400)
  assert.equal(page.headers.get('location'), null)
  await page.arrayBuffer()
  assert.equal((await ask('PATCH', one(made.client_id), { enabled: true })).json.enabled, true)
  assert.equal((await refresh(instance, made, tokens.refresh_token)).status, 200, 'the grant outlived the pause')
})

test('a deleted client is gone, and so are its grants', async () => {
  const made = await add(publicClient)
  const tokens = await getTokens(instance, 'alice', {}, made)
  const gone = await ask('DELETE', one(made.client_id))
  assert.equal(gone.status, 204)
  assert.equal(gone.text, '')
  assert.equal((await refresh(instance, made, tokens.refresh_token)).json.error, 'invalid_client')
  const other = await register(instance.issuer)
  assert.equal((await refresh(instance, other, tokens.refresh_token)).json.error, 'invalid_grant')
  const { client_id, client_secret } = instance.resource_server
  const introspected = await postForm(`${instance.issuer}/introspect`, { token: tokens.access_token }, { authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` })
  assert.deepEqual(introspected.json, { active: false })
  for (const method of ['GET', 'DELETE']) assert.equal((await ask(method, one(made.client_id))).status, 404)
  assert.equal((await ask('PATCH', one(made.client_id), {})).status, 404)
})

test('a client that registered itself is administered too', async () => {
  const itself = await register(instance.issuer)
  assert.notEqual((await ask('GET', one(itself.client_id))).json.origin, 'admin')
  assert.equal((await ask('PATCH', one(itself.client_id), { client_name: 'Known now' })).json.client_name, 'Known now')
  assert.equal((await ask('DELETE', one(itself.client_id))).status, 204)
})

test('unknown ids, methods and content types', async () => {
  for (const id of ['nobody', 'a%2Fb', '%00', '%ff', 'x'.repeat(300), '..%2f..']) assert.equal((await ask('GET', `${clients}/${id}`)).status, 404, id)
  assert.equal((await ask('POST', clients, JSON.stringify(publicClient), { ...mine, 'content-type': 'text/plain' })).status, 415)
  assert.equal((await ask('PATCH', `${clients}/nobody`, '{}', { ...mine, 'content-type': 'application/x-www-form-urlencoded' })).status, 415)
  const put = await ask('PUT', clients, {})
  assert.equal(put.status, 405)
  assert.deepEqual(put.headers.get('allow').split(', ').sort(), ['GET', 'POST'])
  assert.deepEqual((await ask('POST', `${clients}/x`, {})).headers.get('allow').split(', ').sort(), ['DELETE', 'GET', 'PATCH'])
  assert.equal((await ask('POST', clients, { client_name: 'x'.repeat(20000) })).status, 413)
})

test('N-1, N-2: without a living admin key there is nothing to see', async () => {
  const bearer = (token) => ({ authorization: `Bearer ${token}` })
  const token = instance.admin.token
  const flipped = flip(token)
  const { access_token, refresh_token } = await getTokens(instance, 'carol')
  const basic = Buffer.from(`${instance.resource_server.client_id}:${instance.resource_server.client_secret}`).toString('base64')
  const wrong = [{}, bearer(''), bearer('x'), bearer(flipped), bearer(access_token), bearer(refresh_token), bearer(refresh_token.replace('spr_', 'spa_')), bearer(`${token}x`), { authorization: `Basic ${basic}` }, { authorization: token }]
  for (const headers of wrong)
    for (const [method, url, body] of [['GET', clients], ['POST', clients, publicClient], ['GET', one('nobody')], ['DELETE', one(instance.resource_server.client_id)]]) {
      const answer = await ask(method, url, body, headers)
      assert.equal(answer.status, 401, `${method} ${JSON.stringify(headers)}`)
      assert.match(answer.headers.get('www-authenticate'), headers.authorization ? /^Bearer .*error="invalid_token"/ : /^Bearer realm="[^"]*", scope="admin:clients"$/)
      assert.equal(answer.headers.get('access-control-allow-origin'), null)
    }
  assert.equal((await ask('GET', `${clients}?access_token=${token}`, undefined, {})).status, 401, 'no tokens in the query')
})

test('a key without the scope, and one that was revoked or has expired', async () => {
  const key = async (...args) => ({ authorization: `Bearer ${(await must(instance, 'authz', ['admin-key', 'add', ...args])).trim()}` })
  const reader = await key('reader', '--scope', 'admin:people')
  const refused = await ask('GET', clients, undefined, reader)
  assert.equal(refused.status, 403)
  assert.equal(refused.json.error, 'insufficient_scope')
  assert.match(refused.headers.get('www-authenticate'), /error="insufficient_scope", scope="admin:clients"/)
  const brief = await key('brief', '--scope', 'admin:clients', '--expires', '1s')
  const second = await key('second', '--scope', 'admin:clients admin:people')
  assert.equal((await ask('GET', clients, undefined, second)).status, 200)
  await must(instance, 'authz', ['admin-key', 'revoke', 'second'])
  assert.equal((await ask('GET', clients, undefined, second)).status, 401)
  await until('the brief key to expire', async () => (await ask('GET', clients, undefined, brief)).status === 401)
  assert.equal((await ask('GET', clients)).status, 200)
  assert.equal((await verb(instance, 'authz', ['admin-key', 'add', 'late', '--scope', 'admin:clients', '--expires', '20y'])).code, 1)
})

test('N-1: administrators have a listener of their own, and it has nothing else', async () => {
  const [port, admin] = [await freePort(), await freePort()]
  await deriveConfig(instance, 'authz.yaml', 'apart.yaml', [[/^listen:.*$/m, `listen: 127.0.0.1:${port}\nadmin_listen: 127.0.0.1:${admin}`]])
  await startDaemon(instance, 'authz', 'apart.yaml')
  const { host, pathname } = new URL(clients)
  const status = (to, path, method = 'GET', headers = {}) =>
    new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: to, path, method, headers: { host, ...mine, ...headers }, agent: false }, (response) => response.resume().on('end', () => resolve(response.statusCode)))
      request.on('error', reject).end()
    })
  const base = new URL(instance.issuer).pathname.replace(/\/$/, '')
  assert.equal(await status(admin, pathname), 200)
  assert.equal(await status(admin, pathname, 'GET', { host: `127.0.0.1:${admin}` }), 200, 'its own name')
  assert.equal(await status(admin, pathname, 'GET', { authorization: 'Bearer x' }), 401)
  assert.equal(await status(port, pathname), 404)
  for (const path of [`${pathname}/`, `/%61dmin/clients`, `//admin/clients`, `${base}/x/../admin/clients`, `${pathname};x`, `${pathname.toUpperCase()}`]) {
    assert.equal(await status(port, path), 404, path)
    assert.equal(await status(admin, path), 404, path)
  }
  for (const path of ['/jwks', '/token', '/authorize', '/health', '/.well-known/oauth-authorization-server']) assert.equal(await status(admin, base + path), 404, path)
  assert.equal(await status(port, `${base}/jwks`), 200)
  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) assert.equal(await status(port, `${pathname}/x`, method), 404, method)
  const checked = await verb(instance, 'authz', ['check'], { config: 'apart.yaml' })
  assert.equal(checked.code, 0, checked.stderr)
  assert.notEqual(await status(port, pathname, 'GET', { 'x-original-url': pathname, 'x-rewrite-url': pathname }), 200)
})
