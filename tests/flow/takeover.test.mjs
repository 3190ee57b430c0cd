// SPDX-License-Identifier: Apache-2.0
// A new instance takes the port over while requests come in, and none is lost; an instance that is asked to end answers what is under way.
import assert from 'node:assert/strict'
import http from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Browser, forms } from './lib/browser.mjs'
import { authorizationUrl, getTokens, modern, pkce, refresh, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, isGone, startDaemon, until } from './lib/programs.mjs'

const instance = await startInstance()

/** One request; rejects if there is no answer. */
function ask(url, { method = 'GET', headers = {}, body, agent = false } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text, reused: request.reusedSocket }))
      response.on('error', reject)
    })
    request.on('error', (error) => reject(Object.assign(error, { reused: request.reusedSocket })))
    request.end(body)
  })
}

/** Asks without pause: `fresh` with a new connection each, `kept` over connections that are kept. */
class Stream {
  answered = 0
  retried = 0
  problems = []
  #running = true
  constructor(request, { fresh = 3, kept = 2 } = {}) {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: kept })
    this.loops = [...Array.from({ length: fresh }, () => this.#loop(request, false)), ...Array.from({ length: kept }, () => this.#loop(request, this.agent))]
  }
  async #loop(request, agent) {
    while (this.#running) {
      try {
        const answer = await ask(request.url, { ...request, agent })
        if (answer.status >= 200 && answer.status < 300) this.answered++
        else this.problems.push(`${answer.status} ${answer.text.slice(0, 200)}`)
      } catch (error) {
        // a kept connection may be closed between two requests (RFC 9112, 9.3.1): then the client asks again
        if (agent && error.reused) this.retried++
        else this.problems.push(`${agent ? 'kept' : 'fresh'}: ${error.code} ${error.message}`)
      }
    }
  }
  async more(count) {
    const from = this.answered
    await until(`${count} more answers`, () => this.answered >= from + count || this.problems.length > 0, 60)
  }
  async end() {
    this.#running = false
    await Promise.all(this.loops)
    this.agent.destroy()
  }
}

/** A stream of requests while something happens; none of them may be lost. */
async function during(request, happens) {
  const stream = new Stream(request)
  try {
    await stream.more(100)
    await happens(stream)
    await stream.more(100)
  } finally {
    await stream.end()
  }
  assert.deepEqual(stream.problems, [])
}

/** Four takeovers, one after the other. */
const takeOver = (name, request) =>
  during(request, async (stream) => {
    let current
    for (let round = 0; round < 4; round++) {
      const next = await startDaemon(instance, name, `${name}.yaml`)
      await stream.more(100)
      process.kill(instance.pids[name], 'SIGTERM')
      await until('the older instance to end', () => isGone(instance.pids[name]))
      if (current) assert.equal((await current.ended).code, 0, current.stderr)
      current = next
      instance.pids[name] = next.pid
      await stream.more(100)
    }
  })

test('authz is taken over without a lost request', async () => {
  const tokens = await getTokens(instance, 'alice')
  await takeOver('authz', { url: `${instance.issuer}/.well-known/oauth-authorization-server` })
  assert.equal((await refresh(instance, tokens.client, tokens.refresh_token)).status, 200)
})

test('registrations are not lost either: each body is read to its end', async () => {
  // a flood of registrations is not what budgets are for: both instances of this test have none
  await deriveConfig(instance, 'authz.yaml', 'unlimited.yaml', ['limits: off'])
  const { pid } = await startDaemon(instance, 'authz', 'unlimited.yaml')
  const next = await startDaemon(instance, 'authz', 'unlimited.yaml')
  process.kill(instance.pids.authz, 'SIGTERM')
  await until('the limited instance to end', () => isGone(instance.pids.authz))
  instance.pids.authz = next.pid
  const body = JSON.stringify({ client_name: 'x', redirect_uris: ['http://127.0.0.1/cb'], token_endpoint_auth_method: 'none' })
  await during({ url: `${instance.issuer}/register`, method: 'POST', headers: { 'content-type': 'application/json' }, body }, async () => {
    process.kill(pid, 'SIGTERM')
    await until('the instance to end', () => isGone(pid))
  })
})

test('mcp is taken over without a lost call', async () => {
  const { access_token } = await getTokens(instance, 'alice')
  assert.equal((await modern(instance, access_token, 'tools/list')).status, 200)
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'deployment_status', arguments: { service: 'checkout' } } })
  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' }
  await takeOver('mcp', { url: instance.mcp, method: 'POST', headers, body })
})

async function ownAuthz(...changes) {
  const port = await freePort()
  await deriveConfig(instance, 'authz.yaml', 'own.yaml', [[/^issuer: .*$/m, `issuer: http://127.0.0.1:${port}`], [/^listen: .*$/m, `listen: 127.0.0.1:${port}`], ...changes])
  return { issuer: `http://127.0.0.1:${port}`, port, daemon: await startDaemon(instance, 'authz', 'own.yaml') }
}

test('SIGTERM: a sign-in whose password is being compared is still answered', async () => {
  // a dear hash is made at the first sign-in after the cost was raised: it takes a while
  const own = await ownAuthz('argon2: {memory_kib: 131072, passes: 2}')
  const client = await register(own.issuer)
  const browser = new Browser()
  const page = await browser.open(authorizationUrl({ ...own, mcp: instance.mcp }, client, pkce().challenge))
  const { username, password } = instance.person('bob')
  const fields = Object.fromEntries(forms(page.html).find((f) => f.fields.has('request')).fields)
  let answered = false
  const answer = ask(`${own.issuer}/sign-in`, {
    method: 'POST',
    body: new URLSearchParams({ ...fields, username, password }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: own.issuer, cookie: [...browser.cookies].map((c) => c.join('=')).join('; ') },
  }).finally(() => (answered = true))
  // this connection came later: when it is answered, the sign-in was taken
  assert.equal((await ask(`${own.issuer}/health`)).status, 200)
  assert.equal(answered, false, 'the sign-in still works on its hash')
  own.daemon.child.kill('SIGTERM')
  await until('the listener to close', async () => {
    try {
      await ask(`${own.issuer}/health`)
      return false
    } catch (error) {
      return error.code === 'ECONNREFUSED'
    }
  })
  const { status, headers } = await answer
  assert.equal(status, 303)
  assert.match(headers.location, /\/consent\?request=/)
  assert.equal(headers.connection, 'close')
  assert.equal((await own.daemon.ended).code, 0, own.daemon.stderr)
})

/** A connection on which bytes are written by hand. */
function raw(port) {
  const socket = connect(port, '127.0.0.1')
  const state = { socket, text: '', closed: false }
  socket.setEncoding('utf8')
  socket.on('data', (text) => (state.text += text))
  socket.on('error', () => {})
  socket.on('close', () => (state.closed = true))
  state.connected = new Promise((resolve) => socket.on('connect', resolve))
  return state
}

test('SIGTERM: a connection without a request yet, or with half of one, is heard out', async () => {
  const own = await ownAuthz()
  const head = `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${own.port}\r\n`
  const silent = raw(own.port)
  const half = raw(own.port)
  const kept = raw(own.port)
  await Promise.all([silent.connected, half.connected, kept.connected])
  half.socket.write(head)
  kept.socket.write(`${head}\r\n`)
  await until('the first answer', () => kept.text.includes('"ok"'))
  own.daemon.child.kill('SIGTERM')
  await until('the drain', () => /draining/.test(own.daemon.stderr))
  half.socket.write('\r\n')
  silent.socket.write(`${head}\r\n`)
  for (const connection of [half, silent]) {
    await until('the answer and the end', () => connection.closed)
    assert.match(connection.text, /^HTTP\/1\.1 200 /)
    assert.match(connection.text, /connection: close/i)
  }
  await until('the idle connection to end', () => kept.closed)
  assert.equal((await own.daemon.ended).code, 0)
})

test('SIGTERM: connections that say nothing do not hold the end up for long', async () => {
  const own = await ownAuthz()
  const silent = Array.from({ length: 5 }, () => raw(own.port))
  await Promise.all(silent.map((s) => s.connected))
  own.daemon.child.kill('SIGTERM')
  const started = Date.now()
  assert.equal((await own.daemon.ended).code, 0)
  assert.ok(Date.now() - started < 8000, 'the drain of ten seconds was not waited for')
})
