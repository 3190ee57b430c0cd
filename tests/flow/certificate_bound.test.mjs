// SPDX-License-Identifier: Apache-2.0
// Access tokens that are bound to a TLS certificate (RFC 8705, 3) open the MCP server with that certificate only.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { startFalseServer } from './lib/false_server.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, must, startDaemon, until, verb, writeEtc } from './lib/programs.mjs'

const run = promisify(execFile)
const instance = await startInstance()
const folder = await mkdtemp(join(tmpdir(), 'sallyport-bound-'))
after(() => rm(folder, { recursive: true, force: true }))

/** A certificate that its key signed. */
async function makeCertificate(name, ...more) {
  const path = (kind) => join(folder, `${name}.${kind}`)
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`, ...more, '-keyout', path('key'), '-out', path('crt')])
  const cert = await readFile(path('crt'), 'utf8')
  return { cert, key: await readFile(path('key'), 'utf8'), thumbprint: createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url') }
}

const server = await makeCertificate('server', '-addext', 'subjectAltName=IP:127.0.0.1')
const [mine, theirs] = [await makeCertificate('mine'), await makeCertificate('theirs')]
await writeEtc(instance, 'bound.crt', server.cert)
await writeEtc(instance, 'bound.key', server.key)
const ASKING = 'tls: {certificate: bound.crt, key: bound.key, client_certificates: request}'
const SILENT = 'tls: {certificate: bound.crt, key: bound.key}'

const agents = new Set()
after(() => agents.forEach((agent) => agent.destroy()))
/** Connections of a client with this certificate; kept open. */
function agentOf(certificate, more = {}) {
  const agent = new https.Agent({ ca: server.cert, cert: certificate?.cert, key: certificate?.key, keepAlive: true, maxSockets: 1, ...more })
  agents.add(agent)
  return agent
}

function ask(url, agent, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = https.request(url, { agent, method, headers }, (response) => {
      const reused = response.socket.isSessionReused()
      let text = ''
      response.setEncoding('utf8').on('data', (part) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text, json: text ? JSON.parse(text) : undefined, reused }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

const ping = (resource, token, agent) =>
  ask(resource, agent, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
  })

function isRefused(answer, why) {
  assert.equal(answer.status, 401, why)
  assert.match(answer.headers['www-authenticate'], /^Bearer error="invalid_token"/, why)
}

/** An MCP server over TLS that believes an authorization server of the test's own. */
async function startMcp(name, authorization, tls) {
  const port = await freePort()
  const resource = `https://127.0.0.1:${port}/mcp`
  await deriveConfig(instance, 'mcp.yaml', `${name}.yaml`, [
    [/^resource:.*$/m, `resource: ${resource}`],
    [/^listen:.*$/m, `listen: 127.0.0.1:${port}`],
    [/^authorization_server:.*$/m, `authorization_server: ${authorization.issuer}`],
    [/^audit_log:.*$/m, (line) => line.replace('audit.log', `audit-${name}.log`)],
    tls,
  ])
  const daemon = await startDaemon(instance, 'mcp', `${name}.yaml`)
  await until('the server to be ready', async () => (await ask(`https://127.0.0.1:${port}/health`, agentOf())).status === 200)
  return { resource, port, daemon, metadata: `https://127.0.0.1:${port}/.well-known/oauth-protected-resource/mcp` }
}

const authorization = await startFalseServer()
const mcp = await startMcp('mcp-bound', authorization, ASKING)
authorization.resource = mcp.resource
const boundToken = (cnf = { 'x5t#S256': mine.thumbprint }) => authorization.token({ cnf })

test('a bound token opens the server with its certificate only, also when it is known already', async () => {
  for (const versions of [{ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' }]) {
    const [own, other, none] = [agentOf(mine, versions), agentOf(theirs, versions), agentOf(undefined, versions)]
    const token = boundToken()
    authorization.asked = 0
    for (const agent of [other, none]) isRefused(await ping(mcp.resource, token, agent), 'before it is known')
    assert.equal(authorization.asked, 0, 'nobody is asked about a token that was stolen')
    for (let i = 0; i < 3; i++) {
      assert.equal((await ping(mcp.resource, token, own)).status, 200)
      for (const agent of [other, none]) isRefused(await ping(mcp.resource, token, agent), 'while it is known')
    }
    assert.equal(authorization.asked, 1)
  }
})

test('a session that is resumed has the certificate that it began with', async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const versions = { minVersion: version, maxVersion: version }
    const token = boundToken()
    for (const [certificate, status] of [[mine, 200], [theirs, 401]]) {
      const agent = agentOf(certificate, { ...versions, keepAlive: false })
      const reused = []
      for (let i = 0; i < 3; i++) {
        const answer = await ping(mcp.resource, token, agent)
        reused.push(answer.reused)
        assert.equal(answer.status, status)
      }
      assert.ok(reused.includes(true), `${version}: ${reused}`)
    }
  }
})

test('a token that is bound to nothing is an ordinary one, whatever certificate comes with it', async () => {
  const token = authorization.token()
  for (const certificate of [undefined, mine, theirs]) assert.equal((await ping(mcp.resource, token, agentOf(certificate))).status, 200)
})

test('no other binding is believed', async () => {
  const { thumbprint } = mine
  const others = [null, [], {}, thumbprint, { jkt: thumbprint }, { 'x5t#S256': thumbprint, jkt: thumbprint }, { 'x5t#S256': [thumbprint] }, { 'x5t#S256': `${thumbprint}=` }, { 'x5t#s256': thumbprint },
    { 'x5t#S256': '' }, { 'x5t#S256': thumbprint.slice(1) }, { 'x5t#S256': null }, { jwk: { kty: 'EC' } }, { 'x5t#S256': new X509Certificate(mine.cert).fingerprint256 }]
  for (const cnf of others) isRefused(await ping(mcp.resource, boundToken(cnf), agentOf(mine)), JSON.stringify(cnf))
})

test('the introspection must agree with the token', async () => {
  const bound = { 'x5t#S256': mine.thumbprint }
  const agent = agentOf(mine)
  const said = (cnf) => (answer, { cnf: _, ...claims }) => answer({ active: true, ...claims, ...(cnf === undefined ? {} : { cnf }) })
  for (const [cnf, answered] of [[bound, undefined], [bound, { 'x5t#S256': theirs.thumbprint }], [bound, null], [bound, { ...bound, jkt: 'x' }], [undefined, bound], [undefined, { jkt: 'x' }], [undefined, null]]) {
    authorization.on.introspect = said(answered)
    const token = authorization.token(cnf ? { cnf } : {})
    assert.equal((await ping(mcp.resource, token, agent)).status, 503, JSON.stringify([cnf, answered]))
    authorization.on.introspect = undefined
    assert.equal((await ping(mcp.resource, token, agent)).status, 200, 'nothing of it is kept')
  }
  authorization.on.introspect = (answer) => answer({ active: false })
  isRefused(await ping(mcp.resource, boundToken(), agent))
  authorization.on.introspect = undefined
})

test('the metadata says whether bound tokens are taken, and where nobody asks for certificates they are not', async () => {
  assert.equal((await ask(mcp.metadata, agentOf())).json.tls_client_certificate_bound_access_tokens, true)
  const silent = await startMcp('mcp-silent', authorization, SILENT)
  assert.equal('tls_client_certificate_bound_access_tokens' in (await ask(silent.metadata, agentOf())).json, false)
  const token = (cnf) => authorization.token({ aud: silent.resource, ...(cnf ? { cnf } : {}) })
  isRefused(await ping(silent.resource, token({ 'x5t#S256': mine.thumbprint }), agentOf(mine)))
  assert.equal((await ping(silent.resource, token(), agentOf(mine))).status, 200)
  await silent.daemon.stop()
  const plain = await (await fetch(`${new URL(instance.mcp).origin}/.well-known/oauth-protected-resource/mcp`)).json()
  assert.equal('tls_client_certificate_bound_access_tokens' in plain, false)
})

test('certificates are still read after the files were read again', async () => {
  process.kill(mcp.daemon.pid, 'SIGHUP')
  const token = boundToken()
  const fresh = () => agentOf(mine, { keepAlive: false, maxCachedSessions: 0 })
  for (let i = 0; i < 3; i++) assert.equal((await ping(mcp.resource, token, fresh())).status, 200)
  isRefused(await ping(mcp.resource, token, agentOf(theirs, { maxCachedSessions: 0 })))
})

test('behind a proxy it is refused before anything is served', async () => {
  await deriveConfig(instance, 'mcp-bound.yaml', 'mcp-proxy.yaml', ['proxy: {terminates_tls: true, addresses: [127.0.0.1]}'])
  for (const what of ['check', 'serve']) {
    const refused = await verb(instance, 'mcp', [what], { config: 'mcp-proxy.yaml' })
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /client_certificates: a proxy cannot stand in front/)
  }
})

test('with the real authorization server: from the certificate at the token endpoint to the tool', async () => {
  const ports = [await freePort(), await freePort()]
  const [issuer, resource] = [`https://127.0.0.1:${ports[0]}`, `https://127.0.0.1:${ports[1]}/mcp`]
  await deriveConfig(instance, 'authz.yaml', 'authz-real.yaml', [[/^issuer: .*$/m, `issuer: ${issuer}`], [/^listen: .*$/m, `listen: 127.0.0.1:${ports[0]}`], ASKING])
  await deriveConfig(instance, 'mcp.yaml', 'mcp-real.yaml', [
    [/^resource: .*$/m, `resource: ${resource}`],
    [/^listen: .*$/m, `listen: 127.0.0.1:${ports[1]}`],
    [/^authorization_server: .*$/m, `authorization_server: ${issuer}`],
    [/^introspection: .*$/m, 'introspection: {client_id: bound-mcp, client_secret_file: bound.secret}'],
    'ca_file: bound.crt',
    ASKING,
  ])
  await must(instance, 'authz', ['resource', 'put', resource, '--name', 'MCP with certificates', '--scopes', '-'], { input: await must(instance, 'mcp', ['scopes']) })
  const made = JSON.parse(await must(instance, 'authz', ['client', 'add', '--id', 'bound-mcp', '--name', 'MCP with certificates', '--resource', resource, '--json']))
  await writeEtc(instance, 'bound.secret', made.client_secret)
  await startDaemon(instance, 'authz', 'authz-real.yaml')
  await startDaemon(instance, 'mcp', 'mcp-real.yaml')
  const admin = `Bearer ${(await must(instance, 'authz', ['admin-key', 'add', 'bound', '--scope', 'admin:clients'])).trim()}`
  const x5c = [new X509Certificate(mine.cert).raw.toString('base64')]
  const client = await ask(`${issuer}/admin/clients`, agentOf(), {
    method: 'POST',
    headers: { authorization: admin, 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Bound', grant_types: ['client_credentials'], scope: 'logs:read', token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [{ kty: 'EC', x5c }] }, tls_client_certificate_bound_access_tokens: true }),
  })
  assert.equal(client.status, 201, client.text)
  const tokens = await ask(`${issuer}/token`, agentOf(mine), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: client.json.client_id, resource, scope: 'logs:read' }).toString(),
  })
  assert.equal(tokens.status, 200, tokens.text)
  const token = tokens.json.access_token
  isRefused(await ping(resource, token, agentOf(theirs)))
  for (let i = 0; i < 2; i++) assert.equal((await ping(resource, token, agentOf(mine))).status, 200)
  for (const certificate of [theirs, undefined]) isRefused(await ping(resource, token, agentOf(certificate)))
})

test('no memory was misused', async () => {
  const ended = await mcp.daemon.stop()
  assert.equal(ended.code, 0)
  assert.doesNotMatch(ended.stderr, /Sanitizer|runtime error/)
})
