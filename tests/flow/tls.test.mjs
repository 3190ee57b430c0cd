// SPDX-License-Identifier: Apache-2.0
// Both daemons with a certificate of their own, and behind a proxy that ends TLS for them.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, freePort, must, startDaemon, until, verb, writeEtc } from './lib/programs.mjs'

const run = promisify(execFile)
const instance = await startInstance()
const folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'))
after(() => rm(folder, { recursive: true, force: true }))

/** A certificate for this machine that is its own authority; a new one each time. */
async function makeCertificate() {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=Sallyport test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', certificate])
  await writeEtc(instance, 'tls.key', await readFile(key, 'utf8'))
  const text = await readFile(certificate, 'utf8')
  await writeEtc(instance, 'tls.crt', text)
  return text
}

let ca = await makeCertificate()
const firstCa = join(folder, 'first.pem')
await writeEtc(instance, 'first.crt', ca)
await run('cp', [etc(instance, 'first.crt'), firstCa])

const ports = { authz: await freePort(), mcp: await freePort() }
const issuer = `https://127.0.0.1:${ports.authz}`
const resource = `https://127.0.0.1:${ports.mcp}/mcp`
const withTls = 'tls: {certificate: tls.crt, key: tls.key}'
await deriveConfig(instance, 'authz.yaml', 'tls-authz.yaml', [[/^issuer: .*$/m, `issuer: ${issuer}`], [/^listen: .*$/m, `listen: 127.0.0.1:${ports.authz}`], withTls])
await deriveConfig(instance, 'mcp.yaml', 'tls-mcp.yaml', [
  [/^resource: .*$/m, `resource: ${resource}`],
  [/^listen: .*$/m, `listen: 127.0.0.1:${ports.mcp}`],
  [/^authorization_server: .*$/m, `authorization_server: ${issuer}`],
  [/^introspection: .*$/m, 'introspection: {client_id: tls-mcp, client_secret_file: tls.secret}'],
  'ca_file: first.crt',
  withTls,
])
await must(instance, 'authz', ['resource', 'put', resource, '--name', 'MCP over TLS', '--scopes', '-'], { input: await must(instance, 'mcp', ['scopes']) })
const made = JSON.parse(await must(instance, 'authz', ['client', 'add', '--id', 'tls-mcp', '--name', 'MCP over TLS', '--resource', resource, '--json']))
await writeEtc(instance, 'tls.secret', made.client_secret)
const daemons = { authz: await startDaemon(instance, 'authz', 'tls-authz.yaml'), mcp: await startDaemon(instance, 'mcp', 'tls-mcp.yaml') }

/** A TLS connection; gives the socket once the handshake is done. */
function handshake(port, options = {}) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ca, ...options }, () => resolve(socket))
    socket.on('error', reject)
  })
}

function ask(url, options = {}) {
  return new Promise((resolve, reject) => {
    const { body, ...rest } = options
    const request = (url.startsWith('https:') ? https : http).request(url, { ca, agent: false, ...rest }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text, socket: response.socket }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

test('TLS 1.2 and 1.3 are spoken, older versions are not', async () => {
  for (const port of Object.values(ports)) {
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const socket = await handshake(port, { minVersion: version, maxVersion: version })
      assert.equal(socket.getProtocol(), version)
      socket.destroy()
    }
    for (const version of ['TLSv1.1', 'TLSv1'])
      await assert.rejects(handshake(port, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }), undefined, version)
    for (const ciphers of ['AES256-SHA', 'AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-SHA'])
      await assert.rejects(handshake(port, { maxVersion: 'TLSv1.2', ciphers: `${ciphers}@SECLEVEL=0` }), undefined, ciphers)
    const both = await handshake(port, { ALPNProtocols: ['h2', 'http/1.1'] })
    assert.equal(both.alpnProtocol, 'http/1.1')
    both.destroy()
  }
})

test('a session is resumed with its ticket', async () => {
  for (const port of Object.values(ports))
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const options = { minVersion: version, maxVersion: version }
      const first = await handshake(port, options)
      assert.equal(first.isSessionReused(), false)
      const session = await new Promise((resolve, reject) => {
        first.once('session', resolve)
        first.on('close', () => reject(new Error('closed without a ticket')))
        if (version === 'TLSv1.2' && first.getSession()) resolve(first.getSession())
        first.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
        first.resume()
      })
      first.destroy()
      const second = await handshake(port, { ...options, session })
      assert.equal(second.isSessionReused(), true, version)
      second.destroy()
    }
})

test('the whole code flow over https, with cookies that no other host can set', async () => {
  const { stdout } = await run(process.execPath, [join(dirname(fileURLToPath(import.meta.url)), 'lib', 'over_tls.mjs')], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: firstCa, INSTANCE: JSON.stringify({ issuer, mcp: resource, who: instance.person('alice') }) },
  })
  const seen = JSON.parse(stdout)
  assert.equal(seen.status, 200)
  assert.equal(seen.iss, issuer)
  assert.equal(seen.metadata.issuer, issuer)
  for (const [name, value] of Object.entries(seen.metadata)) if (/_endpoint$|_uri$/.test(name)) assert.ok(value.startsWith(`${issuer}/`), name)
  assert.match(seen.challenge, new RegExp(`resource_metadata="https://127\\.0\\.0\\.1:${ports.mcp}/`))
  assert.ok(seen.setCookie.length > 0)
  for (const cookie of seen.setCookie) assert.match(cookie, /^__Host-[a-z_]+=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Secure(;|$)/)
  assert.equal(new URL(seen.location, issuer).origin, issuer)
  assert.ok(seen.cookies.length >= 2 && seen.cookies.every((name) => name.startsWith('__Host-')), String(seen.cookies))
  assert.deepEqual(seen.tools, ['deployment_status', 'get_customer', 'query_logs'])
})

test('the connection doctor trusts what it is told to trust', async () => {
  const { username, password } = instance.person('bob')
  const passwords = await writeEtc(instance, 'tls-passwords', `${username}:${password}\n`)
  await run('chmod', ['600', passwords])
  if (process.getuid() === 0) await run('chown', ['sallyport', passwords])
  const good = await verb(instance, 'mcp', ['doctor', resource, '--ca', etc(instance, 'first.crt'), '--as', 'bob', '--password-file', passwords])
  assert.equal(good.code, 0, good.stdout + good.stderr)
  const bad = await verb(instance, 'mcp', ['doctor', resource])
  assert.equal(bad.code, 1)
  assert.match(bad.stdout, /certificate/)
  assert.match(bad.stdout, /--ca FILE/)
})

test('what is no TLS on a TLS port is closed, and the port goes on serving', async () => {
  for (const port of Object.values(ports)) {
    for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\x16\x03\x01\xff\xff', '\x00'.repeat(100)]) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.resume()
      socket.end(Buffer.from(bytes, 'latin1'))
      await new Promise((resolve) => socket.on('close', resolve))
    }
    assert.equal((await ask(`https://127.0.0.1:${port}/health`)).status, 200)
  }
})

test('SIGHUP reads a new certificate; living connections go on, and a broken one changes nothing', async () => {
  for (const [name, daemon] of Object.entries(daemons)) {
    const port = ports[name]
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca })
    const kept = await ask(`https://127.0.0.1:${port}/health`, { agent })
    const old = (await handshake(port)).getPeerX509Certificate().fingerprint256
    ca = `${ca}\n${await makeCertificate()}`
    daemon.child.kill('SIGHUP')
    await until('the new certificate', async () => {
      const socket = await handshake(port)
      const { fingerprint256 } = socket.getPeerX509Certificate()
      socket.destroy()
      return fingerprint256 !== old
    })
    const again = await ask(`https://127.0.0.1:${port}/health`, { agent })
    assert.equal(again.status, 200)
    assert.equal(again.socket, kept.socket, 'the same connection')
    agent.destroy()
    await writeEtc(instance, 'tls.key', 'nonsense')
    daemon.child.kill('SIGHUP')
    await until('the complaint', () => /certificate not reloaded.*tls\.key/.test(daemon.stderr))
    assert.equal((await ask(`https://127.0.0.1:${port}/health`)).status, 200)
  }
})

test('a certificate that cannot be used is refused at start, by one line', async () => {
  for (const [name, change] of [['authz', []], ['mcp', []]]) {
    await deriveConfig(instance, `tls-${name}.yaml`, 'bad-tls.yaml', change.concat([[/^listen: .*$/m, 'listen: 127.0.0.1:0'], [/^tls: .*$/m, 'tls: {certificate: nowhere.crt, key: tls.key}']]))
    const done = await verb(instance, name, ['serve'], { config: 'bad-tls.yaml' })
    assert.equal(done.code, 1)
    assert.match(done.stderr, new RegExp(`^sallyport-${name}: tls\\.certificate [^\\n]*\\n$`))
  }
})

test('plain HTTP beyond loopback is refused, unless a proxy that is named ends TLS', async () => {
  for (const name of ['authz', 'mcp'])
    for (const [listen, more, words] of [
      ['0.0.0.0:0', [], /plain HTTP is served on loopback only/],
      ['"[::]:0"', [], /plain HTTP is served on loopback only/],
      ['[127.0.0.1:0, 0.0.0.0:0]', [], /0\.0\.0\.0:0: plain HTTP/],
      ['0.0.0.0:0', ['proxy: {terminates_tls: false, addresses: [127.0.0.1]}'], /plain HTTP is served on loopback only/],
      ['0.0.0.0:0', ['proxy: {terminates_tls: true}'], /addresses/],
      ['0.0.0.0:0', ['proxy: {terminates_tls: true, addresses: []}'], /addresses/],
      ['localhost:0', [], /numeric address/],
    ]) {
      await deriveConfig(instance, `${name}.yaml`, 'open.yaml', [[/^listen: .*$/m, `listen: ${listen}`], ...more])
      const done = await verb(instance, name, ['serve'], { config: 'open.yaml' })
      assert.equal(done.code, 1, `${name} ${listen}`)
      assert.match(done.stderr, words)
    }
})

const auditOf = async (id) => {
  const line = await until('the audit record', async () => (await readFile(instance.logs.audit, 'utf8')).split('\n').find((l) => l.includes(id)))
  return JSON.parse(line)
}

test('X-6: X-Forwarded-For is believed from the proxy only, and only as far as it wrote it', async () => {
  const port = await freePort('0.0.0.0')
  await deriveConfig(instance, 'authz.yaml', 'proxied.yaml', [
    [/^issuer: .*$/m, 'issuer: https://idp.example'],
    [/^listen: .*$/m, `listen: 0.0.0.0:${port}`],
    'proxy: {terminates_tls: true, addresses: [127.0.0.1, 10.9.9.9]}',
  ])
  await startDaemon(instance, 'authz', 'proxied.yaml')
  const registerFrom = async (origin, localAddress, forwarded) => {
    const answer = await ask(`${origin}/register`, {
      method: 'POST',
      localAddress,
      headers: { 'content-type': 'application/json', ...(origin === proxied ? { host: 'idp.example' } : {}), ...(forwarded ? { 'x-forwarded-for': forwarded } : {}) },
      body: JSON.stringify({ client_name: randomUUID(), redirect_uris: ['https://app.example/cb'], token_endpoint_auth_method: 'none' }),
    })
    assert.equal(answer.status, 201, answer.text)
    return (await auditOf(JSON.parse(answer.text).client_id)).address
  }
  const proxied = `http://127.0.0.1:${port}`
  assert.equal(await registerFrom(proxied, '127.0.0.1', '203.0.113.7'), '203.0.113.7')
  assert.equal(await registerFrom(proxied, '127.0.0.1', '198.51.100.1, 203.0.113.8'), '203.0.113.8', 'what the client wrote itself stands left')
  assert.equal(await registerFrom(proxied, '127.0.0.1', '203.0.113.9,10.9.9.9'), '203.0.113.9', 'over two proxies')
  assert.equal(await registerFrom(proxied, '127.0.0.1', '2001:db8::7'), '2001:db8::7')
  assert.equal(await registerFrom(proxied, '127.0.0.1'), '127.0.0.1')
  assert.equal(await registerFrom(proxied, '127.0.0.1', 'x'.repeat(100)), '127.0.0.1')
  assert.equal(await registerFrom(proxied, '127.0.0.2', '203.0.113.7'), '127.0.0.2', 'not from a proxy')
  assert.equal(await registerFrom(instance.issuer, '127.0.0.1', '203.0.113.7'), '127.0.0.1', 'no proxy is configured')
  const metadata = await ask(`${proxied}/.well-known/oauth-authorization-server`, { headers: { host: 'idp.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' } })
  assert.equal(JSON.parse(metadata.text).issuer, 'https://idp.example')
  assert.ok(!metadata.text.includes('evil'))
  assert.equal((await ask(`${proxied}/.well-known/oauth-authorization-server`, { headers: { host: 'evil.example' } })).status, 403)
})
