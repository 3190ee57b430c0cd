// SPDX-License-Identifier: Apache-2.0
// Bytes that no honest client sends: each is refused on its own connection, nothing is smuggled, and the daemon goes on serving.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { getTokens } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const instance = await startInstance()
const servers = [
  { name: 'authz', port: Number(new URL(instance.issuer).port), pid: instance.pids.authz, path: '/token', type: 'application/x-www-form-urlencoded' },
  { name: 'mcp', port: Number(new URL(instance.mcp).port), pid: instance.pids.mcp, path: '/mcp', type: 'application/json' },
]

/** The responses in a text, as far as they are complete; `heads` are those without a body. */
function parse(text, heads = false) {
  const responses = []
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end < 0) return responses
    const [line, ...lines] = text.slice(at, end).split('\r\n')
    const headers = Object.fromEntries(lines.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]))
    const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(line)?.[1])
    const length = heads || status < 200 || status === 204 || status === 304 ? 0 : Number(headers['content-length'] ?? text.length - end - 4)
    if (text.length < end + 4 + length) return responses
    responses.push({ status, headers, body: text.slice(end + 4, end + 4 + length) })
    at = end + 4 + length
  }
}

/** Sends the chunks; done when there are `count` responses or the server closes. */
function talk(port, chunks, { count = 1, heads = false, keep = false } = {}) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const finish = (closed) => {
      clearTimeout(late)
      if (!keep) socket.destroy()
      resolve({ responses: parse(text, heads), closed, text, socket })
    }
    const late = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no end to the answer: ${JSON.stringify(text.slice(0, 300))}`))
    }, 25000)
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      text += chunk
      if (parse(text, heads).length >= count) finish(false)
    })
    socket.on('error', () => {}) // a reset ends it as well
    socket.on('close', () => finish(true))
    socket.on('connect', () => {
      for (const chunk of [chunks].flat()) socket.write(Buffer.from(chunk, 'latin1'))
    })
  })
}

async function assertServes({ name, port }) {
  const { responses } = await talk(port, `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
  assert.equal(responses[0]?.status, 200, `${name} serves`)
}

/** Refused: an error status, or the connection closed; never a success; and no second answer on that connection. */
async function assertRefused(server, bytes, what) {
  const { responses, text } = await talk(server.port, bytes, { count: 2 })
  const statuses = responses.map((r) => r.status)
  assert.ok(statuses.length <= 1, `${server.name} ${what}: ${text}`)
  for (const seen of statuses) assert.ok(seen >= 400 && seen < 600, `${server.name} ${what}: ${text}`)
  await assertServes(server)
}

/* What would be a second request, if somebody saw another end of the first one. */
const smuggled = (server) => `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`

/* These are slow: the daemon ends them after its timeout, while the other tests run. */
const slow = servers.flatMap((server) => [
  talk(server.port, `GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: `),
  talk(server.port, `POST ${server.path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: ${server.type}\r\nContent-Length: 100\r\n\r\nhalf`),
  talk(server.port, []),
])

test('X-5: a head that two readers could read in two ways is refused, and so is a number that is none', async () => {
  for (const server of servers) {
    const host = `Host: 127.0.0.1:${server.port}\r\n`
    const post = (headers, body = '') => `POST ${server.path} HTTP/1.1\r\n${host}Content-Type: ${server.type}\r\n${headers}\r\n${body}${smuggled(server)}`
    const get = (headers) => `GET /health HTTP/1.1\r\n${host}${headers}\r\n`
    const cases = {
      'two Hosts': get(host),
      'two different Hosts': get('Host: evil.example\r\n'),
      'no Host': 'GET /health HTTP/1.1\r\n\r\n',
      'two Content-Lengths': post('Content-Length: 0\r\nContent-Length: 5\r\n'),
      'the same Content-Length twice': post('Content-Length: 0\r\nContent-Length: 0\r\n'),
      'a list of Content-Lengths': post('Content-Length: 0, 0\r\n'),
      'Content-Length and Transfer-Encoding': post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
      'Transfer-Encoding and Content-Length': post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
      'two Transfer-Encodings': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
      'an unknown Transfer-Encoding': post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'),
      'chunked, but not at the end': post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'),
      'a coding before chunked': post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
      'Transfer-Encoding with a tab in front of its value': post('Transfer-Encoding:\tidentity\r\n'),
      'a negative Content-Length': post('Content-Length: -1\r\n'),
      'a signed Content-Length': post('Content-Length: +0\r\n'),
      'a hexadecimal Content-Length': post('Content-Length: 0x0\r\n'),
      'an empty Content-Length': post('Content-Length:\r\n'),
      'a Content-Length beyond any number': post('Content-Length: 99999999999999999999999\r\n'),
      'a blank in front of the colon': get('X-A : b\r\n'),
      'Content-Length with a blank in front of the colon': post('Content-Length : 0\r\n'),
      'a folded line': get('X-A: b\r\n c\r\n'),
      'a folded first line': `GET /health HTTP/1.1\r\n X: y\r\n${host}\r\n`,
      'a line without a colon': get('nonsense\r\n'),
      'an empty name': get(': x\r\n'),
      'a bare LF': `GET /health HTTP/1.1\n${host.replace('\r', '')}\n`,
      'one bare LF': get('X-A: b\nX-C: d\r\n'),
      'a bare CR': get('X-A: b\rX-C: d\r\n'),
      'a NUL in a value': get('X-A: b\0c\r\n'),
      'a NUL in a name': get('X\0A: b\r\n'),
      'a NUL in the path': `GET /hea\0lth HTTP/1.1\r\n${host}\r\n`,
      'a control character in the path': `GET /hea\x01lth HTTP/1.1\r\n${host}\r\n`,
      'HTTP/1.0 with Transfer-Encoding': `POST ${server.path} HTTP/1.0\r\n${host}Content-Type: ${server.type}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    }
    for (const [what, bytes] of Object.entries(cases)) await assertRefused(server, bytes, what)
  }
})

test('chunks that are not chunks are refused', async () => {
  for (const server of servers)
    for (const body of ['x\r\n', '-1\r\n', 'ffffffffffffffffff\r\n', '5\r\nabcdefgh\r\n0\r\n\r\n', '0x5\r\nabcde\r\n0\r\n\r\n', '\r\n\r\n'])
      await assertRefused(server, `POST ${server.path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: ${server.type}\r\nTransfer-Encoding: chunked\r\n\r\n${body}${smuggled(server)}`, JSON.stringify(body))
})

test('what is no HTTP/1.1', async () => {
  for (const server of servers) {
    const host = `Host: 127.0.0.1:${server.port}\r\n`
    const cases = {
      'garbage': Array.from({ length: 512 }, (_, i) => String.fromCharCode((i * 167 + 13) % 256)).join('') + '\r\n\r\n',
      'TLS': '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03' + 'x'.repeat(160),
      'HTTP/2 by prior knowledge': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00',
      'HTTP/9': `GET /health HTTP/9.9\r\n${host}\r\n`,
      'HTTP/0.9': 'GET /health\r\n\r\n',
      'no version': `GET /health \r\n${host}\r\n`,
      'lower-case protocol': `GET /health http/1.1\r\n${host}\r\n`,
      'a blank too many': `GET  /health HTTP/1.1\r\n${host}\r\n`,
      'a path without a slash': `GET health HTTP/1.1\r\n${host}\r\n`,
      'only line ends': '\r\n'.repeat(5000),
    }
    for (const [what, bytes] of Object.entries(cases)) {
      const { responses, text } = await talk(server.port, [bytes, '\r\n\r\n'])
      for (const { status } of responses) assert.ok(status >= 400 && status < 600, `${server.name} ${what}: ${text}`)
      await assertServes(server)
    }
  }
})

test('X-1: heads have limits', async () => {
  for (const server of servers) {
    const head = `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n`
    await assertRefused(server, `${head}X-Large: ${'a'.repeat(100000)}\r\n\r\n`, 'a huge header')
    await assertRefused(server, `${head}${Array.from({ length: 101 }, (_, i) => `X-${i}: y\r\n`).join('')}\r\n`, '102 headers')
    await assertRefused(server, `GET /${'a'.repeat(100000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 'a huge path')
    await assertRefused(server, `GET /health?${'a=b&'.repeat(30000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 'a huge query')
    const many = await talk(server.port, `${head}${Array.from({ length: 60 }, (_, i) => `X-${i}: y\r\n`).join('')}\r\n`)
    assert.equal(many.responses[0].status, 200)
    await assertRefused(server, `POST ${server.path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: ${server.type}\r\nContent-Length: 9999999999\r\n\r\n`, 'a body that is announced as huge')
  }
})

test('three requests in one go are answered in their order', async () => {
  for (const server of servers) {
    const get = (path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`
    const { responses } = await talk(server.port, get('/health') + get('/nothing-here') + get('/health'), { count: 3 })
    assert.deepEqual(responses.map((r) => r.status), [200, 404, 200])
    const body = server.name === 'authz' ? 'grant_type=x' : '{}'
    const post = `POST ${server.path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: ${server.type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const mixed = await talk(server.port, post + get('/health') + post, { count: 3 })
    assert.deepEqual(mixed.responses.map((r) => r.status), [401, 200, 401])
    const byBytes = await talk(server.port, [...(get('/health') + get('/nothing-here'))], { count: 2 })
    assert.deepEqual(byBytes.responses.map((r) => r.status), [200, 404])
  }
})

test('a call in pieces and in chunks arrives whole', async () => {
  const { access_token } = await getTokens(instance, 'alice')
  const server = servers[1]
  const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'ping' })
  const head = `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${access_token}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\nMCP-Protocol-Version: 2025-11-25\r\n`
  const chunked = [...body].map((c) => `1\r\n${c}\r\n`)
  for (const bytes of [[`${head}Content-Length: ${body.length}\r\n\r\n`, ...body], [`${head}Transfer-Encoding: chunked\r\n\r\n`, ...chunked, '0\r\n\r\n']]) {
    const { responses } = await talk(server.port, bytes)
    assert.equal(responses[0].status, 200, JSON.stringify(responses[0]))
    assert.deepEqual(JSON.parse(responses[0].body), { jsonrpc: '2.0', id: 7, result: {} })
  }
})

test('HEAD, OPTIONS and methods that nobody knows', async () => {
  for (const server of servers) {
    const ask = (method, path, options) => talk(server.port, `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`, options)
    const head = (await ask('HEAD', '/health', { heads: true })).responses[0]
    assert.equal(head.status, 200)
    const two = await talk(server.port, `HEAD /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\nHEAD /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`, { count: 2, heads: true })
    assert.deepEqual(two.responses.map((r) => r.status), [200, 200], 'HEAD has no body')
    for (const method of ['BREW', 'get', 'TRACE', 'CONNECT', 'PROPFIND', 'G']) {
      const { responses } = await ask(method, '/health')
      assert.equal(responses[0].status, 405, method)
      assert.equal(responses[0].headers.allow, 'GET')
    }
    assert.equal((await ask('M'.repeat(5000), '/health')).responses[0].status, 405)
    assert.ok((await ask('OPTIONS', '*')).responses[0].status >= 400)
    await assertServes(server)
  }
})

test('X-1: no target but the ones of the table leads anywhere, in whatever form', async () => {
  for (const server of servers) {
    const own = await talk(server.port, `GET http://127.0.0.1:${server.port}/health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`)
    assert.ok([200, 400, 404].includes(own.responses[0].status))
    for (const target of ['http://evil.example/health', '//evil.example/health', 'evil.example:443', '/../health', '/./health', '/%68ealth', '/health/', '/health%00', '/health#x', '/HEALTH', '/health;x']) {
      const { responses, text } = await talk(server.port, `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`)
      for (const { status, headers } of responses) {
        assert.ok(status >= 400 && status < 500, `${server.name} ${target}: ${text}`)
        assert.equal(headers.location, undefined)
      }
    }
    await assertServes(server)
  }
})

test('a foreign Host is not believed', async () => {
  for (const server of servers) {
    const path = server.name === 'authz' ? '/.well-known/oauth-authorization-server' : '/.well-known/oauth-protected-resource/mcp'
    for (const host of ['evil.example', `evil.example:${server.port}`, '', 'a b', '127.0.0.1:99999', '@evil.example', '127.0.0.1.evil.example']) {
      const { responses, text } = await talk(server.port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      assert.ok(!text.includes('evil.example'), `${server.name} ${host}: ${text}`)
      for (const { status } of responses) assert.ok(status < 500, text)
    }
    const rebound = await talk(server.port, `POST ${server.path} HTTP/1.1\r\nHost: evil.example\r\nContent-Type: ${server.type}\r\nContent-Length: 2\r\n\r\n{}`)
    assert.equal(rebound.responses[0].status, 403, rebound.text)
    await assertServes(server)
  }
})

test('Expect: 100-continue', async () => {
  for (const server of servers) {
    const body = server.name === 'authz' ? 'grant_type=x&client_id=nobody' : '{}'
    const head = `POST ${server.path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: ${server.type}\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`
    const first = await talk(server.port, head, { keep: true })
    assert.equal(first.responses[0].status, 100, first.text)
    first.socket.removeAllListeners('data')
    const final = new Promise((resolve) => first.socket.on('data', resolve))
    first.socket.write(body)
    assert.match(await final, server.name === 'authz' ? /^HTTP\/1\.1 400 / : /^HTTP\/1\.1 401 /)
    first.socket.destroy()
    const other = await talk(server.port, `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nExpect: a-miracle\r\n\r\n`)
    assert.ok([200, 417].includes(other.responses[0].status), other.text)
    await assertServes(server)
  }
})

test('a client that leaves in the middle of its body leaves nothing behind', async () => {
  for (const server of servers) {
    for (let i = 0; i < 20; i++) {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => {})
      await new Promise((resolve) => socket.on('connect', resolve))
      socket.write(`POST ${server.path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: ${server.type}\r\nContent-Length: 1000\r\n\r\nhalf of it`)
      if (i % 2 === 0) socket.resetAndDestroy()
      else socket.end()
      await new Promise((resolve) => socket.on('close', resolve) && socket.resume())
    }
    await assertServes(server)
  }
})

test('X-3: a head or a body that does not come ends the connection', async () => {
  for (const { closed, responses } of await Promise.all(slow)) {
    assert.ok(closed || responses[0].status === 408)
    for (const { status } of responses) assert.ok(status >= 400)
  }
  for (const server of servers) await assertServes(server)
})

test('the daemons are the same processes as at the start', () => {
  for (const { pid } of servers) process.kill(pid, 0)
})
