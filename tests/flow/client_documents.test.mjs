// SPDX-License-Identifier: Apache-2.0
// Clients whose id is the URL of the document that describes them: the way in, what is kept, and everything that a document, its site or its
// address can do wrong. libcurl says itself that names below localhost are this machine, so the sites of these tests need no resolver.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { Browser } from './lib/browser.mjs'
import { authorizationUrl, getCode, getTokens, pkce, postForm, redeem, refresh, REDIRECT_URI } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, must, startDaemon, verb, writeEtc } from './lib/programs.mjs'
import { MemoryProvider } from './lib/sdk.mjs'

const run = promisify(execFile)
const instance = await startInstance()
const folder = await mkdtemp(join(tmpdir(), 'sallyport-sites-'))
after(() => rm(folder, { recursive: true, force: true }))

// ---- the sites: one server, many names ----

const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=Sites of the test', '-addext', 'subjectAltName=DNS:*.site.localhost,DNS:inside.localhost', '-keyout', keyFile, '-out', certificateFile])
const pages = new Map() // "host/path" to what answers: (request, response) => void
const asked = [] // {page, headers}
let connections = 0
const site = https.createServer({ key: await readFile(keyFile), cert: await readFile(certificateFile) }, (request, response) => {
  const page = `${request.headers.host.split(':')[0]}${request.url}`
  asked.push({ page, headers: request.headers })
  const answer = pages.get(page)
  if (answer) answer(request, response)
  else response.writeHead(404, { 'content-type': 'application/json' }).end('{}')
})
site.on('connection', () => connections++)
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve))
after(() => site.close(() => {}) && site.closeAllConnections())
const sitePort = site.address().port

const urlOf = (page) => `https://${page.replace('/', `:${sitePort}/`)}`
const countOf = (page) => asked.filter((a) => a.page === page).length

/** Answers with a document (or any text) at a page; gives the client that it describes. */
function serve(page, members = {}, { status = 200, headers = {}, text } = {}) {
  const client_id = urlOf(page)
  const document = { client_id, client_name: `App at ${page}`, redirect_uris: ['http://127.0.0.1/callback'], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'none', ...members }
  const body = text ?? JSON.stringify(document)
  pages.set(page, (request, response) => {
    if (headers.etag && request.headers['if-none-match'] === headers.etag) return response.writeHead(304, headers).end()
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  })
  return { client_id, redirect_uris: [members.redirect_uris?.[0] ?? REDIRECT_URI] }
}

// ---- the daemons: beside those of the instance, with the same database ----

await writeEtc(instance, 'sites.crt', await readFile(certificateFile, 'utf8'))
const exceptions = `exceptions: [{host: "*.site.localhost", port: ${sitePort}, addresses: [127.0.0.0/8, "::1"], ca_file: sites.crt}, {host: inside.localhost, port: ${sitePort}, ca_file: sites.crt}, {host: closed.localhost, port: 1, addresses: [127.0.0.1, "::1"]}]`

async function startAuthz(name, documents) {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  await deriveConfig(instance, 'authz.yaml', `${name}.yaml`, [
    [/^issuer: .*$/m, `issuer: ${issuer}`],
    [/^listen: .*$/m, `listen: 127.0.0.1:${port}`],
    `client_documents: {${documents}${exceptions}}`,
  ])
  const daemon = await startDaemon(instance, 'authz', `${name}.yaml`)
  return { ...instance, issuer, daemon }
}

const there = await startAuthz('documents', '')
const person = there.person('alice')

const UNREADABLE = 'the document that describes the application could not be read'
const UNUSABLE = 'the document at the application&#39;s address does not describe it'
const text = (html) => html.replace(/number <code>[^<]*<\/code>/, '')

/** The page that a client's person sees instead of a sign-in. */
async function refused(client, where = there) {
  const page = await new Browser().open(authorizationUrl(where, client, pkce().challenge))
  assert.equal(page.status, 400, page.html ?? page.redirect)
  assert.equal(page.response.headers.get('location'), null)
  return page.html
}

const opens = async (client, where = there) => (await new Browser().open(authorizationUrl(where, client, pkce().challenge))).status === 200

test('the metadata says that documents are read', async () => {
  const metadata = await (await fetch(`${there.issuer}/.well-known/oauth-authorization-server`)).json()
  assert.equal(metadata.client_id_metadata_document_supported, true)
  const off = await startAuthz('documents-off', 'enabled: false, ')
  const without = await (await fetch(`${off.issuer}/.well-known/oauth-authorization-server`)).json()
  assert.equal(without.client_id_metadata_document_supported, undefined)
  const client = serve('off.site.localhost/client.json')
  assert.match(await refused(client, off), /not taken here/)
  assert.equal(countOf('off.site.localhost/client.json'), 0)
  await off.daemon.stop()
})

test('the official SDK client goes the whole way with its metadata URL', async () => {
  const port = await freePort()
  const resource = `http://127.0.0.1:${port}/mcp`
  await deriveConfig(instance, 'mcp.yaml', 'documents-mcp.yaml', [
    [/^resource: .*$/m, `resource: ${resource}`],
    [/^listen: .*$/m, `listen: 127.0.0.1:${port}`],
    [/^authorization_server: .*$/m, `authorization_server: ${there.issuer}`],
    [/^introspection: .*$/m, 'introspection: {client_id: documents-mcp, client_secret_file: documents.secret}'],
  ])
  await must(instance, 'authz', ['resource', 'put', resource, '--name', 'MCP', '--scopes', '-'], { input: await must(instance, 'mcp', ['scopes']) })
  const made = JSON.parse(await must(instance, 'authz', ['client', 'add', '--id', 'documents-mcp', '--name', 'MCP', '--resource', resource, '--json']))
  await writeEtc(instance, 'documents.secret', made.client_secret)
  await startDaemon(instance, 'mcp', 'documents-mcp.yaml')

  const page = 'sdk.site.localhost/client.json'
  const provider = new MemoryProvider(person)
  provider.clientMetadataUrl = serve(page, { client_name: 'The SDK' }).client_id
  let client = new Client({ name: 'test', version: '1' })
  let transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: provider })
  await assert.rejects(client.connect(transport), UnauthorizedError)
  await transport.finishAuth((await provider.callback()).get('code'))
  await client.close()
  client = new Client({ name: 'test', version: '1' })
  transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: provider })
  await client.connect(transport)
  assert.ok((await client.listTools()).tools.length > 0)
  await client.close()
  assert.equal(provider.asked.at(-1).searchParams.get('client_id'), provider.clientMetadataUrl)
  assert.equal(countOf(page), 1, 'the document is kept')
  assert.equal(asked.find((a) => a.page === page).headers.accept, 'application/json')
})

test('the consent page says who describes the application, and fetches nothing of it', async () => {
  const client = serve('page.site.localhost/client.json', { client_name: '<b>Pretty</b>', logo_uri: urlOf('page.site.localhost/logo.png'), policy_uri: urlOf('page.site.localhost/policy') })
  const browser = new Browser()
  let page = await browser.open(authorizationUrl(there, client, pkce().challenge))
  page = await browser.submit(page, { username: person.username, password: person.password })
  assert.match(page.html, /&lt;b&gt;Pretty&lt;\/b&gt;/)
  assert.match(page.html, new RegExp(`page\\.site\\.localhost:${sitePort}`))
  assert.match(page.html, /127\.0\.0\.1:49152/)
  assert.match(page.html, /Nobody has checked its name/)
  assert.match(page.html, /any program on this computer could use its name/)
  assert.doesNotMatch(page.html, /logo\.png/)
  assert.deepEqual(asked.filter((a) => a.page.startsWith('page.site')).map((a) => a.page), ['page.site.localhost/client.json'])
})

test('only what the document names is returned to', async () => {
  const client = serve('return.site.localhost/client.json')
  for (const uri of ['https://evil.example/cb', 'http://127.0.0.1:49152/other', 'http://localhost:49152/callback'])
    assert.match(await refused({ ...client, redirect_uris: [uri] }), /did not register where it wants to return to/)
})

test('documents that cannot be used', async () => {
  const cases = {
    'another client_id': [{ client_id: urlOf('bad.site.localhost/other.json') }],
    'no name': [{ client_name: undefined }],
    'no redirect URI': [{ redirect_uris: undefined }],
    'a bad redirect URI': [{ redirect_uris: ['javascript:alert(1)'] }],
    'a shared secret': [{ client_secret: 'x' }],
    'a method with a shared secret': [{ token_endpoint_auth_method: 'client_secret_basic' }],
    'no JSON': [{}, { text: '<html>' }],
    'an array': [{}, { text: '[]' }],
    'another type': [{}, { headers: { 'content-type': 'text/html' } }],
    'not there': [{}, { status: 404 }],
    'gone': [{}, { status: 410 }],
  }
  let i = 0
  for (const [name, [members, how]] of Object.entries(cases)) {
    const page = `bad${i++}.site.localhost/client.json`
    serve(page, members, how)
    const html = await refused({ client_id: urlOf(page), redirect_uris: [REDIRECT_URI] })
    assert.match(html, new RegExp(UNUSABLE), name)
    assert.equal(countOf(page), 1, name)
    serve(page)
    assert.match(await refused({ client_id: urlOf(page), redirect_uris: [REDIRECT_URI] }), new RegExp(UNUSABLE), `${name}: held for a while`)
    assert.equal(countOf(page), 1, name)
  }
  const listed = JSON.parse(await must(instance, 'authz', ['client', 'list', '--json']))
  assert.ok(!listed.some((c) => c.client_id.includes('//bad')), 'nothing of it is kept')
})

test('answers that say nothing about the document', async () => {
  const target = 'target.site.localhost/client.json'
  serve(target)
  serve('moved.site.localhost/client.json', {}, { status: 302, headers: { location: urlOf(target) } })
  serve('forbidden.site.localhost/client.json', {}, { status: 403 })
  serve('broken.site.localhost/client.json', {}, { status: 500 })
  serve('big.site.localhost/client.json', { padding: 'x'.repeat(6000) })
  pages.set('endless.site.localhost/client.json', (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const more = () => response.write('x'.repeat(1000), more)
    response.on('error', () => {})
    more()
  })
  pages.set('slow.site.localhost/client.json', (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).write('{'))
  for (const name of ['moved', 'forbidden', 'broken', 'big', 'endless', 'slow']) {
    const html = await refused({ client_id: urlOf(`${name}.site.localhost/client.json`), redirect_uris: [REDIRECT_URI] })
    assert.match(html, new RegExp(UNREADABLE), name)
  }
  assert.equal(countOf(target), 0, 'redirects are not followed')
})

test('addresses inside, closed ports and unknown names all look the same, and nothing is reached', async () => {
  serve('inside.localhost/client.json')
  const before = connections
  const pagesOf = []
  for (const client_id of [urlOf('inside.localhost/client.json'), 'https://elsewhere.localhost/client.json', 'https://closed.localhost:1/client.json', 'https://name.invalid/client.json', `https://other.localhost:${sitePort}/client.json`, 'https://app.example:8443/client.json', 'https://single/client.json'])
    pagesOf.push(text(await refused({ client_id, redirect_uris: [REDIRECT_URI] })))
  assert.match(pagesOf[0], new RegExp(UNREADABLE))
  assert.equal(new Set(pagesOf).size, 1)
  assert.equal(connections, before)
  for (const host of ['127.0.0.1', '2130706433', '017700000001', '0x7f000001', '0177.0.0.1', '127.1', '0', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '169.254.169.254'])
    for (const port of ['', `:${sitePort}`])
      assert.match(await refused({ client_id: `https://${host}${port}/client.json`, redirect_uris: [REDIRECT_URI] }), /client_id/, host)
  for (const bad of [`https://u@ok.site.localhost:${sitePort}/client.json`, `https://ok.site.localhost:${sitePort}`, `https://ok.site.localhost:${sitePort}/a/../client.json`, `https://ok.site.localhost:${sitePort}/client.json#x`, `https://ok.site.localhost:${sitePort}/${'a'.repeat(1024)}`])
    await refused({ client_id: bad, redirect_uris: [REDIRECT_URI] })
  assert.equal(connections, before)
})

test('one question at a time answers all that wait', async () => {
  const page = 'many.site.localhost/client.json'
  const client = serve(page)
  const answer = pages.get(page)
  let [underWay, most] = [0, 0]
  let begin
  const begun = new Promise((resolve) => (begin = resolve))
  let release
  const held = new Promise((resolve) => (release = resolve))
  pages.set(page, async (...both) => {
    most = Math.max(most, ++underWay)
    begin()
    await held
    underWay--
    answer(...both)
  })
  const status = async () => (await new Browser().open(authorizationUrl(there, client, pkce().challenge))).status
  const waiting = Array.from({ length: 20 }, status)
  await begun
  waiting.push(status())
  release()
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([200]))
  assert.equal(most, 1)
  assert.ok(countOf(page) < 10, `${countOf(page)} questions`)
})

test('a document is kept, asked for with its validator, and its change asks the person anew', async () => {
  const page = 'kept.site.localhost/client.json'
  const back = urlOf('kept.site.localhost/cb')
  const direct = { headers: { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' } }
  const client = serve(page, { redirect_uris: [back] }, { headers: { etag: '"one"', 'cache-control': 'max-age=3600' } })
  const browser = new Browser()
  await getCode(there, client, 'alice', {}, browser)
  const again = () => browser.open(authorizationUrl(there, client, pkce().challenge), direct)
  assert.match((await again()).redirect ?? '', /[?&]code=/, 'remembered')
  assert.equal(countOf(page), 1, 'fresh')
  await must(instance, 'authz', ['client', 'refresh', client.client_id])
  assert.match((await again()).redirect ?? '', /[?&]code=/, 'confirmed by 304, so still remembered')
  assert.equal(countOf(page), 2)
  assert.equal(asked.at(-1).headers['if-none-match'], '"one"')
  assert.match((await again()).redirect ?? '', /[?&]code=/)
  assert.equal(countOf(page), 2, 'fresh again')
  serve(page, { redirect_uris: [back], client_name: 'Another name' }, { headers: { etag: '"two"' } })
  await must(instance, 'authz', ['client', 'refresh', client.client_id])
  const asks = await again()
  assert.equal(asks.status, 200, 'another document: the person is asked')
  assert.match(asks.html, /Another name/)
  assert.equal(countOf(page), 3)
  serve(page, { redirect_uris: [back], client_name: 'A third name' })
  await must(instance, 'authz', ['client', 'refresh', client.client_id])
  assert.ok(await opens(client))
  const changed = await browser.submit(asks, { decision: 'approve' })
  assert.equal(changed.redirect, undefined, 'what was shown is not what would be allowed')
  assert.match(changed.html, /A third name/)
})

test('a site that falls silent is trusted for a while; one that says something else is not', async () => {
  const page = 'silent.site.localhost/client.json'
  const client = serve(page)
  const tokens = await getTokens(there, 'alice', {}, client)
  serve(page, {}, { status: 503 })
  await must(instance, 'authz', ['client', 'refresh', client.client_id])
  assert.ok(await opens(client), 'stale while there is an error')
  assert.equal(countOf(page), 2)
  assert.ok(await opens(client))
  assert.equal(countOf(page), 2, 'not asked again at once')

  const second = 'changed.site.localhost/client.json'
  const turned = serve(second)
  const kept = await getTokens(there, 'alice', {}, turned)
  serve(second, { client_id: client.client_id })
  await must(instance, 'authz', ['client', 'refresh', turned.client_id])
  assert.match(await refused(turned), new RegExp(UNUSABLE))
  const answer = await refresh(there, turned, kept.refresh_token)
  assert.equal(answer.status, 200, 'what was granted goes on')
  pages.set(second, (request) => request.socket.destroy())
  const other = await startAuthz('documents-other', '') // remembers no failure
  assert.match(await refused(turned, other), new RegExp(UNREADABLE), 'what was withdrawn does not come back with an outage')
  assert.ok(await opens(client, other))
  await other.daemon.stop()
  assert.equal((await refresh(there, client, tokens.refresh_token)).status, 200)
})

test('the operator refuses sites, at /token too', async () => {
  const client = serve('denied.site.localhost/client.json')
  const other = serve('allowed.site.localhost/client.json')
  const tokens = await getTokens(there, 'alice', {}, client)
  const more = await getTokens(there, 'alice', {}, other)
  const strict = await startAuthz('documents-strict', 'deny: [denied.site.localhost], allow: ["*.site.localhost"], ')
  assert.match(await refused(client, strict), /not allowed here/)
  const answer = await refresh(strict, client, tokens.refresh_token)
  assert.equal(answer.status, 401)
  assert.equal(answer.json.error, 'invalid_client')
  assert.equal((await refresh(strict, other, more.refresh_token)).status, 200)
  assert.match(await refused({ ...client, client_id: 'https://app.example/client.json' }, strict), /not allowed here/)
  await strict.daemon.stop()
  await must(instance, 'authz', ['client', 'disable', other.client_id])
  assert.match(await refused(other), /not registered here/)
  assert.equal(countOf('allowed.site.localhost/client.json'), 1)
})

test('an imported document is never fetched', async () => {
  const client_id = 'https://closed.example/client.json'
  const document = JSON.stringify({ client_id, client_name: 'Imported', redirect_uris: ['http://127.0.0.1/callback'] })
  const wrong = await verb(instance, 'authz', ['client', 'import', '-', '--id', 'https://closed.example/other.json'], { input: document, config: 'documents.yaml' })
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /client_id in the document is not its URL/)
  assert.equal((await verb(instance, 'authz', ['client', 'import', '-'], { input: document })).code, 2)
  await must(instance, 'authz', ['client', 'import', '-', '--id', client_id], { input: document })
  const inside = await startAuthz('documents-inside', 'fetch: false, ')
  assert.ok(await opens({ client_id, redirect_uris: [REDIRECT_URI] }, inside))
  const known = serve('fetched.site.localhost/client.json')
  assert.match(await refused(known, inside), new RegExp(UNREADABLE))
  assert.equal(countOf('fetched.site.localhost/client.json'), 0)
  await inside.daemon.stop()
  assert.equal((await verb(instance, 'authz', ['client', 'refresh', client_id])).code, 1)
  const listed = JSON.parse(await must(instance, 'authz', ['client', 'list', '--json']))
  assert.equal(listed.find((c) => c.client_id === client_id).origin, 'document')
})

test('a client signs with the keys of its document', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }
  const client = serve('keys.site.localhost/client.json', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } })
  const assertion = (key) => new SignJWT({ jti: randomUUID() }).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).setIssuer(client.client_id).setSubject(client.client_id).setAudience(there.issuer).setIssuedAt().setExpirationTime('1m').sign(key)
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
  const got = await getCode(there, client, 'alice')
  const bare = await redeem(there, client, got)
  assert.equal(bare.json.error, 'invalid_client')
  const { privateKey: stranger } = await generateKeyPair('ES256')
  for (const [key, status] of [[stranger, 401], [privateKey, 200]]) {
    const answer = await redeem(there, client, got, { client_assertion_type: type, client_assertion: await assertion(key) })
    assert.equal(answer.status, status, answer.text)
  }
  const service = await postForm(`${there.issuer}/token`, { grant_type: 'client_credentials', client_assertion_type: type, client_assertion: await assertion(privateKey) })
  assert.equal(service.json.error, 'unauthorized_client', 'a document grants nothing without a person')
})
