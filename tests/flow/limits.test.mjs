// SPDX-License-Identifier: Apache-2.0
// Budgets: what a busy address needs passes, a flood does not, and an error that no waiting mends is told in the middle of one. Crowds of connections keep
// nobody out.
import assert from 'node:assert/strict'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { authorizationUrl, getCode, getTokens, pkce, postForm, postJson, redeem, refresh, register, REDIRECT_URI } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, must, startDaemon, until } from './lib/programs.mjs'

const instance = await startInstance()
const { issuer } = instance
const metadata = (name) => ({ client_name: name, redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: 'none' })

function assertLimited(answer) {
  assert.equal(answer.status, 429)
  assert.equal(answer.json.error, 'temporarily_unavailable')
  assert.equal(typeof answer.json.error_description, 'string')
  assert.match(answer.headers.get('retry-after'), /^[1-9][0-9]?$/)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.equal(answer.headers.get('access-control-allow-origin'), '*')
}

/** Another process of the same issuer with settings of its own; requests go to it under the issuer's name. */
async function another(name, ...lines) {
  const port = await freePort()
  await deriveConfig(instance, 'authz.yaml', `authz-${name}.yaml`, [[/^listen: .*$/m, `listen: 127.0.0.1:${port}`], ...lines])
  await startDaemon(instance, 'authz', `authz-${name}.yaml`)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  after(() => agent.destroy())
  const send = (method, path, { form, json, headers = {} } = {}) => new Promise((resolve, reject) => {
    const body = form !== undefined ? new URLSearchParams(form).toString() : json !== undefined ? JSON.stringify(json) : undefined
    const type = form !== undefined ? 'application/x-www-form-urlencoded' : 'application/json'
    const r = httpRequest({ host: '127.0.0.1', port, method, path, agent, headers: { host: new URL(issuer).host, ...(body !== undefined ? { 'content-type': type } : {}), ...headers } }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (t) => (text += t)).on('end', () => {
        let value
        try { value = JSON.parse(text) } catch {}
        resolve({ status: answer.statusCode, headers: new Headers(Object.entries(answer.headers).map(([k, v]) => [k, String(v)])), text, json: value })
      })
    })
    r.on('error', reject)
    r.end(body)
  })
  return { port, send }
}

test('100 registrations a minute from one address pass, a flood does not', async () => {
  for (let i = 0; i < 100; i++) assert.equal((await postJson(`${issuer}/register`, metadata(`Busy ${i}`))).status, 201)
  const answers = []
  for (let i = 0; i < 200; i++) answers.push(await postJson(`${issuer}/register`, metadata(`Flood ${i}`)))
  const limited = answers.filter((a) => a.status === 429)
  assert.ok(limited.length > 100, `${limited.length} of 200 were refused`)
  for (const answer of limited) assertLimited(answer)
  assert.ok(answers.every((a) => a.status === 429 || a.status === 201))
  // one who brings a token of the operator is not held to the address that he shares
  const token = (await must(instance, 'authz', ['registration-token', 'add', 'partner'])).trim()
  assert.equal((await postJson(`${issuer}/register`, metadata('Partner'), { authorization: `Bearer ${token}` })).status, 201)
})

const small = await another('small', 'limits: {token: 20, authorization: 15, registration: off, registration_management: 5}')
const token = (form) => small.send('POST', '/token', { form })
const refreshAt = (client, refresh_token) => token({ grant_type: 'refresh_token', refresh_token, client_id: client.client_id })

let flooded
test('300 token requests a minute from one address pass', async () => {
  const client = (await small.send('POST', '/register', { json: { ...metadata('Many'), grant_types: ['authorization_code', 'refresh_token'] } })).json
  let { refresh_token } = await getTokens(instance, 'alice', {}, client)
  for (let i = 0; i < 300; i++) {
    const answer = await refresh(instance, client, refresh_token)
    assert.equal(answer.status, 200, `${i}: ${answer.text}`)
    refresh_token = answer.json.refresh_token
  }
  flooded = { client, refresh_token }
})

test('a flood of one grant is stopped, others go on, and the grant outlives it', async () => {
  const { client } = flooded
  const other = await getTokens(instance, 'bob', {}, client)
  let current = flooded.refresh_token, limited
  for (let i = 0; i < 40; i++) {
    const answer = await refreshAt(client, current)
    if (answer.status === 200) current = answer.json.refresh_token
    else limited = answer
  }
  assertLimited(limited)
  assert.equal((await refreshAt(client, other.refresh_token)).status, 200)
  const later = await until('the budget to fill', async () => {
    const answer = await refreshAt(client, current)
    return answer.status === 200 ? answer : undefined
  })
  assert.notEqual(later.json.refresh_token, current)
  flooded = { client, refresh_token: later.json.refresh_token, other: other.refresh_token }
})

test('a terminal error is told in the middle of a flood', async () => {
  const { client, refresh_token } = flooded
  const exhaust = async (form) => {
    for (let i = 0; i < 25; i++) await token(form)
    return token(form)
  }
  const good = { grant_type: 'refresh_token', refresh_token, client_id: client.client_id }
  assertLimited(await exhaust(good))
  assert.deepEqual((({ status, json }) => [status, json.error])(await token({ ...good, client_id: 'client_nobody' })), [401, 'invalid_client'])
  assert.deepEqual((({ status, json }) => [status, json.error])(await token({ ...good, scope: 'tools:everything' })), [400, 'invalid_scope'])
  assert.deepEqual((({ status, json }) => [status, json.error])(await token({ ...good, grant_type: 'password' })), [400, 'unsupported_grant_type'])
  assert.equal((await postForm(`${issuer}/revoke`, { token: refresh_token, client_id: client.client_id })).status, 200)
  assert.deepEqual((({ status, json }) => [status, json.error])(await token(good)), [400, 'invalid_grant'])
  // and of what this server never made
  const forged = { ...good, refresh_token: `${refresh_token.slice(0, -4)}AAAA` }
  assert.deepEqual((({ status, json }) => [status, json.error])(await exhaust(forged)), [400, 'invalid_grant'])
  // a spent code
  const code = await getCode(instance, client, 'bob')
  assert.equal((await redeem(instance, client, code)).status, 200)
  const spent = { grant_type: 'authorization_code', code: code.code, code_verifier: 'x'.repeat(43), client_id: client.client_id }
  assert.deepEqual((({ status, json }) => [status, json.error])(await exhaust(spent)), [400, 'invalid_grant'])
  // a service: its secret is wrong, or it shall wait
  const service = { grant_type: 'client_credentials', client_id: client.client_id, client_secret: 'wrong' }
  assert.deepEqual((({ status, json }) => [status, json.error])(await exhaust(service)), [401, 'invalid_client'])
})

test('a client that was deleted hears invalid_client in the middle of a flood', async () => {
  const client = (await small.send('POST', '/register', { json: { ...metadata('Pruned'), grant_types: ['authorization_code', 'refresh_token'] } })).json
  const { refresh_token } = await getTokens(instance, 'alice', {}, client)
  for (let i = 0; i < 25; i++) await refreshAt(client, 'spr_x')
  await must(instance, 'authz', ['client', 'delete', client.client_id])
  for (let i = 0; i < 25; i++) assert.deepEqual((({ status, json }) => [status, json.error])(await refreshAt(client, refresh_token)), [401, 'invalid_client'])
})

test('authorization requests and the management of a registration have budgets', async () => {
  const client = (await small.send('POST', '/register', { json: metadata('Hasty') })).json
  const path = authorizationUrl(instance, client, pkce().challenge).slice(issuer.length)
  const answers = []
  for (let i = 0; i < 30; i++) answers.push(await small.send('GET', path))
  assert.ok(answers.slice(0, 15).every((a) => a.status === 303))
  const limited = answers.find((a) => a.status === 429)
  assert.match(limited.headers.get('content-type'), /^text\/html/)
  assert.match(limited.headers.get('retry-after'), /^[1-9][0-9]?$/)
  assert.equal(limited.headers.get('access-control-allow-origin'), null)
  const read = () => small.send('GET', `/register/${client.client_id}`, { headers: { authorization: `Bearer ${client.registration_access_token}` } })
  for (let i = 0; i < 5; i++) assert.equal((await read()).status, 200)
  assertLimited(await read())
})

/** Opens connections that say nothing; gives those that are still open. */
const sockets = []
after(() => sockets.forEach((s) => s.destroy()))
function idle(port, localAddress) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    socket.on('connect', () => resolve(socket)).on('error', (error) => (socket.connecting ? reject(error) : undefined))
    sockets.push(socket)
  })
}
const open = (list) => list.filter((s) => !s.destroyed && !s.readableEnded).length

test('X-3: thousands of idle connections do not keep anybody out', async () => {
  const { port, send } = await another('crowded', 'connections_per_address: 200')
  const crowd = []
  let worst = 0
  const health = async () => {
    const began = performance.now()
    assert.equal((await send('GET', '/health')).status, 200)
    worst = Math.max(worst, performance.now() - began)
  }
  // all from the address of the one who asks
  for (let i = 0; i < 30; i++) {
    crowd.push(...(await Promise.all(Array.from({ length: 100 }, () => idle(port)))))
    await health()
  }
  await until('the address to have its share only', () => open(crowd) <= 200)
  assert.ok(open(crowd) > 100, 'those who came last are there')
  await health()
  // from many addresses
  for (let a = 2; a < 22; a++) {
    await Promise.all(Array.from({ length: 150 }, () => idle(port, `127.0.0.${a}`)))
    await health()
  }
  assert.ok(worst < 2000, `an answer took ${Math.round(worst)} ms`)
})

test('a request that is being handled is not ended by a crowd', async () => {
  const { port, send } = await another('busy', 'connections_per_address: 20', 'limits: off')
  const answers = []
  let crowding = true
  const work = Promise.all(Array.from({ length: 4 }, async (_, n) => {
    for (let i = 0; crowding || i < 20; i++) {
      const answer = await send('POST', '/register', { json: metadata(`Worker ${n} ${i}`) }).catch((error) => ({ error }))
      // a kept connection may be ended between two requests, as by any server
      if (answer.error?.code !== 'ECONNRESET') answers.push(answer.error ?? answer.status)
    }
  }))
  for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 10 }, () => idle(port)))
  crowding = false
  await work
  assert.ok(answers.length > 40)
  assert.deepEqual([...new Set(answers)], [201])
})

test('limits that cannot be are refused at start', async () => {
  for (const [i, line] of ['limits: on', 'limits: {token: 0}', 'limits: {tokens: 5}', 'limits: {token: -1}', 'registration: gated', 'registration_lease: 5m', 'connections_per_address: 0'].entries()) {
    const path = await deriveConfig(instance, 'authz.yaml', `bad-${i}.yaml`, [line])
    await assert.rejects(must(instance, 'authz', ['check'], { config: path }), line)
  }
})
