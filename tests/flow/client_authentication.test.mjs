// SPDX-License-Identifier: Apache-2.0
// How clients prove who they are: secrets, signed assertions (RFC 7523) and TLS certificates (RFC 8705), by certified client libraries,
// and by forgers. Two authz processes serve one issuer over TLS.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { getCode, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, must, startDaemon, verb, writeEtc } from './lib/programs.mjs'

const run = promisify(execFile)
const instance = await startInstance()
const folder = await mkdtemp(join(tmpdir(), 'sallyport-auth-'))
after(() => rm(folder, { recursive: true, force: true }))
const path = (name) => join(folder, name)
const file = (name) => readFile(path(name), 'utf8')
const openssl = (...args) => run('openssl', args)
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** name.key and name.crt: signed by itself. */
async function selfSigned(name, subject, alternatives) {
  const more = alternatives ? ['-addext', `subjectAltName=${alternatives}`] : []
  await openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', subject, ...more, '-keyout', path(`${name}.key`), '-out', path(`${name}.crt`))
  return { cert: await file(`${name}.crt`), key: await file(`${name}.key`) }
}

/** The same, signed by an authority that was made before. */
async function signedBy(authority, name, subject, alternatives) {
  await openssl('req', ...NEW_KEY, '-subj', subject, '-addext', `subjectAltName=${alternatives}`, '-keyout', path(`${name}.key`), '-out', path(`${name}.csr`))
  await openssl('x509', '-req', '-in', path(`${name}.csr`), '-CA', path(`${authority}.crt`), '-CAkey', path(`${authority}.key`), '-CAcreateserial', '-copy_extensions', 'copyall', '-days', '2', '-out', path(`${name}.crt`))
  return { cert: await file(`${name}.crt`), key: await file(`${name}.key`) }
}

const tls = await selfSigned('server', '/CN=Sallyport test', 'IP:127.0.0.1,DNS:localhost')
const authority = await selfSigned('authority', '/CN=Authority of clients')
await selfSigned('stranger', '/CN=Authority of clients')
for (const [name, text] of Object.entries({ 'auth.crt': tls.cert, 'auth.key': tls.key, 'clients.crt': authority.cert })) await writeEtc(instance, name, text)

// ---- the client's own server, which publishes its keys ----

let published = { keys: [] }
const asked = { count: 0, fails: false }
const keyServer = https.createServer({ cert: tls.cert, key: tls.key }, (request, response) => {
  asked.count++
  if (asked.fails) return response.writeHead(500).end()
  response.writeHead(200, { 'content-type': 'application/jwk-set+json', 'cache-control': 'max-age=3600' }).end(JSON.stringify(published))
})
await new Promise((resolve) => keyServer.listen(0, '127.0.0.1', resolve))
after(() => keyServer.close())
const keyPort = keyServer.address().port

// ---- two processes of one issuer ----

const ports = [await freePort(), await freePort()]
const issuer = `https://127.0.0.1:${ports[0]}`
const serving = [
  'tls: {certificate: auth.crt, key: auth.key, client_certificates: request, client_ca: clients.crt}',
  `client_documents: {exceptions: [{host: localhost, port: ${keyPort}, addresses: [127.0.0.1, '::1'], ca_file: auth.crt}]}`,
]
for (const [i, port] of ports.entries()) {
  await deriveConfig(instance, 'authz.yaml', `auth-${i}.yaml`, [[/^issuer: .*$/m, `issuer: ${issuer}`], [/^listen: .*$/m, `listen: 127.0.0.1:${port}`], ...serving])
  await startDaemon(instance, 'authz', `auth-${i}.yaml`)
}

/** fetch for a client with a certificate, to one of the two processes. */
function fetcher({ cert, key, process = 0 } = {}) {
  return (url, options = {}) =>
    new Promise((resolve, reject) => {
      const target = new URL(url)
      const body = options.body === undefined || options.body === null ? undefined : String(options.body)
      const headers = Object.fromEntries(new Headers(options.headers))
      if (options.body instanceof URLSearchParams) headers['content-type'] ??= 'application/x-www-form-urlencoded'
      const request = https.request(
        { host: target.hostname, port: ports[process], path: target.pathname + target.search, method: options.method ?? 'GET', headers: { ...headers, host: target.host }, ca: tls.cert, cert, key, agent: false },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (part) => (text += part))
          response.on('end', () => resolve(new Response(text || null, { status: response.statusCode, headers: response.headers })))
        },
      )
      request.on('error', reject)
      request.end(body)
    })
}

async function post(endpoint, fields, { headers = {}, ...how } = {}) {
  const response = await fetcher(how)(`${issuer}${endpoint}`, { method: 'POST', body: new URLSearchParams(fields), headers })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: text ? JSON.parse(text) : undefined }
}

const admin = `Bearer ${(await must(instance, 'authz', ['admin-key', 'add', 'authentication', '--scope', 'admin:clients'])).trim()}`

async function adminAsks(method, where, value) {
  const response = await fetcher()(`${issuer}/admin/clients${where}`, { method, body: JSON.stringify(value), headers: { authorization: admin, 'content-type': 'application/json' } })
  return { status: response.status, json: await response.json() }
}

/** A client that may ask for tokens of its own. */
async function service(metadata) {
  const answer = await adminAsks('POST', '', { client_name: 'Service', grant_types: ['client_credentials'], scope: 'logs:read', ...metadata })
  assert.equal(answer.status, 201, JSON.stringify(answer.json))
  return answer.json
}

const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', [oauth.customFetch]: fetcher() }))
const WANTED = { resource: instance.mcp, scope: 'logs:read' }

async function byOauth4webapi(client, authentication, how = {}) {
  const options = { [oauth.customFetch]: fetcher(how) }
  return oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, authentication, new URLSearchParams(WANTED), options))
}

async function byOpenidClient(client, authentication, how = {}) {
  const config = new openid.Configuration(as, client.client_id, {}, authentication)
  config[openid.customFetch] = fetcher(how)
  return openid.clientCredentialsGrant(config, WANTED)
}

const claimsOf = (jwt) => jose.decodeJwt(jwt)
const serverBasic = { authorization: `Basic ${Buffer.from(`${instance.resource_server.client_id}:${instance.resource_server.client_secret}`).toString('base64')}` }
const introspect = async (token, how = {}) => (await post('/introspect', { token }, { headers: serverBasic, ...how })).json

// ---- keys ----

const KINDS = { ES256: { name: 'ECDSA', namedCurve: 'P-256' }, RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, PS256: { name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, EdDSA: { name: 'Ed25519' } }

async function makeKey(alg = 'ES256', kid = `k-${randomUUID()}`) {
  const pair = await crypto.subtle.generateKey(KINDS[alg], true, ['sign', 'verify'])
  const { key_ops, ext, alg: _, ...jwk } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  return { alg, kid, privateKey: pair.privateKey, publicKey: pair.publicKey, jwk: { ...jwk, kid } }
}

const now = () => Math.floor(Date.now() / 1000)
const claimsFor = (client, change = {}) => ({ iss: client.client_id, sub: client.client_id, aud: issuer, jti: randomUUID(), iat: now(), exp: now() + 60, ...change })
const sign = (key, claims, header = {}) => new jose.SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey)
const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const assertionFields = (assertion, more = {}) => ({ grant_type: 'client_credentials', ...WANTED, client_assertion_type: TYPE, client_assertion: assertion, ...more })
const tokenBy = (assertion, more = {}, how = {}) => post('/token', assertionFields(assertion, more), how)

/** One text for every proof that fails. */
function assertRefused(answer, why) {
  assert.deepEqual([answer.status, answer.json], [401, { error: 'invalid_client', error_description: 'the client is unknown or did not prove who it is' }], why)
}

const keys = Object.fromEntries(await Promise.all(Object.keys(KINDS).map(async (alg) => [alg, await makeKey(alg)])))
const jwtClient = await service({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keys.ES256.jwk] } })

// ---- who is who ----

test('the metadata names the methods and their algorithms', () => {
  const methods = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth']
  assert.deepEqual(as.token_endpoint_auth_methods_supported, ['none', ...methods])
  assert.deepEqual(as.revocation_endpoint_auth_methods_supported, ['none', ...methods])
  assert.deepEqual(as.introspection_endpoint_auth_methods_supported, methods)
  for (const endpoint of ['token', 'introspection', 'revocation'])
    assert.deepEqual(as[`${endpoint}_endpoint_auth_signing_alg_values_supported`].toSorted(), ['ES256', 'Ed25519', 'EdDSA', 'HS256', 'PS256', 'RS256'])
  assert.equal(as.tls_client_certificate_bound_access_tokens, true)
})

test('private_key_jwt with each kind of key, by both libraries, with kid and without', async () => {
  for (const [alg, key] of Object.entries(keys)) {
    const client = await service({ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: alg, jwks: { keys: [key.jwk] } })
    assert.equal(client.client_secret, undefined)
    assert.deepEqual(client.jwks, { keys: [key.jwk] })
    const named = { key: key.privateKey, kid: key.kid }
    for (const authentication of [oauth.PrivateKeyJwt(named), oauth.PrivateKeyJwt(key.privateKey)]) {
      const tokens = await byOauth4webapi(client, authentication)
      assert.equal(claimsOf(tokens.access_token).sub, client.client_id)
      assert.equal(claimsOf(tokens.access_token).cnf, undefined)
    }
    assert.equal((await byOpenidClient(client, openid.PrivateKeyJwt(named))).scope, 'logs:read')
  }
})

test('client_secret_jwt, client_secret_basic and client_secret_post by both libraries', async () => {
  for (const [method, name] of [['client_secret_jwt', 'ClientSecretJwt'], ['client_secret_basic', 'ClientSecretBasic'], ['client_secret_post', 'ClientSecretPost']]) {
    const client = await service({ token_endpoint_auth_method: method })
    assert.ok((await byOauth4webapi(client, oauth[name](client.client_secret))).access_token)
    assert.ok((await byOpenidClient(client, openid[name](client.client_secret))).access_token)
    await assert.rejects(byOauth4webapi(client, oauth[name](`${client.client_secret}x`)), { status: 401 })
  }
})

test('a public client proves nothing, and private_key_jwt serves people too: the code flow with both', async () => {
  const key = await makeKey()
  for (const metadata of [{ token_endpoint_auth_method: 'none' }, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } }]) {
    const client = await register(instance.issuer, metadata)
    const { code, verifier } = await getCode(instance, client, 'alice')
    const callback = oauth.validateAuthResponse(as, client, new URLSearchParams({ code, iss: issuer, state: 's' }), 's')
    const authentication = metadata.jwks ? oauth.PrivateKeyJwt({ key: key.privateKey, kid: key.kid }) : oauth.None()
    const options = { [oauth.customFetch]: fetcher() }
    const tokens = await oauth.processAuthorizationCodeResponse(as, client,
      await oauth.authorizationCodeGrantRequest(as, client, authentication, callback, client.redirect_uris[0], verifier, { ...options, additionalParameters: { resource: instance.mcp } }))
    const refreshed = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token, options))
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, refreshed.refresh_token, options))
    await assert.rejects(oauth.refreshTokenGrantRequest(as, client, authentication, refreshed.refresh_token, options).then((r) => oauth.processRefreshTokenResponse(as, client, r)), { error: 'invalid_grant' })
  }
})

test('a resource server introspects with private_key_jwt', async () => {
  const key = await makeKey('PS256')
  const server = (await adminAsks('POST', '', { client_name: 'Second MCP server', resource: instance.mcp, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'PS256', jwks: { keys: [key.jwk] } })).json
  const { access_token } = await byOauth4webapi(jwtClient, oauth.PrivateKeyJwt({ key: keys.ES256.privateKey, kid: keys.ES256.kid }))
  const authentication = oauth.PrivateKeyJwt({ key: key.privateKey, kid: key.kid })
  const answer = await oauth.processIntrospectionResponse(as, server, await oauth.introspectionRequest(as, server, authentication, access_token, { [oauth.customFetch]: fetcher() }))
  assert.equal(answer.active, true)
  assert.equal(answer.client_id, jwtClient.client_id)
})

// ---- assertions that prove nothing ----

test('an assertion counts once, whichever process it is shown to', async () => {
  for (const first of [0, 1]) {
    const assertion = await sign(keys.ES256, claimsFor(jwtClient))
    assert.equal((await tokenBy(assertion, {}, { process: first })).status, 200)
    assertRefused(await tokenBy(assertion, {}, { process: first }), 'the same process')
    assertRefused(await tokenBy(assertion, {}, { process: 1 - first }), 'the other process')
    assertRefused(await post('/revoke', assertionFields(assertion, { token: 'x' }), { process: 1 - first }), 'another endpoint')
  }
  const jti = randomUUID()
  assert.equal((await tokenBy(await sign(keys.ES256, claimsFor(jwtClient, { jti })))).status, 200)
  assertRefused(await tokenBy(await sign(keys.ES256, claimsFor(jwtClient, { jti, exp: now() + 200 }))), 'another assertion of the same jti')
  const both = await sign(keys.ES256, claimsFor(jwtClient))
  const answers = await Promise.all([0, 1, 0, 1, 0, 1].map((process) => tokenBy(both, {}, { process })))
  assert.deepEqual(answers.map((a) => a.status).toSorted(), [200, 401, 401, 401, 401, 401])
})

test('claims that are not about this client at this server in these minutes are refused', async () => {
  const other = await service({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keys.RS256.jwk] } })
  const changes = {
    'token endpoint as aud': { aud: `${issuer}/token` },
    'two audiences': { aud: [issuer, 'https://other.example'] },
    'another audience': { aud: 'https://other.example' },
    'no audience': { aud: undefined },
    expired: { iat: now() - 120, exp: now() - 1 },
    'too long': { exp: now() + 600 },
    'no exp': { exp: undefined },
    'of the future': { iat: now() + 120, exp: now() + 180 },
    'not yet': { nbf: now() + 120 },
    'no jti': { jti: undefined },
    'another issuer': { iss: other.client_id },
    'another subject': { sub: other.client_id },
    'an unknown client': { iss: 'nobody', sub: 'nobody' },
  }
  for (const [what, change] of Object.entries(changes)) assertRefused(await tokenBy(await sign(keys.ES256, claimsFor(jwtClient, change))), what)
  assertRefused(await tokenBy(await sign(keys.ES256, claimsFor(other))), "another client's key")
  assert.equal((await tokenBy(await sign(keys.ES256, claimsFor(jwtClient, { aud: [issuer] })))).status, 200)
})

test('headers choose neither algorithm nor key', async () => {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const body = () => encode(claimsFor(jwtClient))
  assertRefused(await tokenBy(`${encode({ alg: 'none' })}.${body()}.`), 'none')
  assertRefused(await tokenBy(`${encode({ alg: 'none' })}.${body()}.AA`), 'none with a signature')
  const pem = await jose.exportSPKI(keys.ES256.publicKey)
  for (const secret of [pem, pem.trim(), JSON.stringify(keys.ES256.jwk), keys.ES256.jwk.x])
    assertRefused(await tokenBy(await new jose.SignJWT(claimsFor(jwtClient)).setProtectedHeader({ alg: 'HS256', kid: keys.ES256.kid }).sign(new TextEncoder().encode(secret.padEnd(32)))), 'HS256 with a public key')
  const forger = await makeKey()
  assertRefused(await tokenBy(await sign(forger, claimsFor(jwtClient), { kid: keys.ES256.kid })), 'a kid of the client')
  assertRefused(await tokenBy(await sign(forger, claimsFor(jwtClient), { jwk: forger.jwk, kid: undefined })), 'its own key')
  assertRefused(await tokenBy(await sign(forger, claimsFor(jwtClient), { jku: `https://localhost:${keyPort}/`, kid: keys.ES256.kid })), 'its own place')
  assertRefused(await tokenBy(await sign(keys.ES256, claimsFor(jwtClient), { typ: 'at+jwt' })), 'another type')
  assert.equal((await tokenBy(await sign(keys.ES256, claimsFor(jwtClient), { typ: 'client-authentication+jwt' }))).status, 200)
  const rsa = await makeKey('RS256')
  const strict = await service({ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'PS256', jwks: { keys: [{ ...rsa.jwk }] } })
  assertRefused(await tokenBy(await sign(rsa, claimsFor(strict))), 'RS256 for PS256')
  const access = await byOauth4webapi(jwtClient, oauth.PrivateKeyJwt({ key: keys.ES256.privateKey, kid: keys.ES256.kid }))
  assertRefused(await tokenBy(access.access_token), 'an access token')
})

test('each client proves itself by its own method, and by one', async () => {
  const assertion = () => sign(keys.ES256, claimsFor(jwtClient))
  const invalid = async (fields, headers) => {
    const { status, json } = await post('/token', fields, { headers })
    assert.deepEqual([status, json.error], [400, 'invalid_request'], JSON.stringify(json))
  }
  await invalid(assertionFields(await assertion(), { client_secret: 'x' }))
  await invalid(assertionFields(await assertion()), serverBasic)
  await invalid(assertionFields(await assertion(), { client_id: 'another' }))
  await invalid({ grant_type: 'client_credentials', client_assertion: await assertion() })
  await invalid({ grant_type: 'client_credentials', client_assertion_type: TYPE, client_id: jwtClient.client_id })
  assertRefused(await tokenBy(await assertion(), { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }), 'SAML')
  assertRefused(await tokenBy('x'), 'no JWT')
  assertRefused(await post('/token', { grant_type: 'client_credentials', client_id: jwtClient.client_id }), 'no proof')
  const basic = await service({ token_endpoint_auth_method: 'client_secret_basic' })
  const mac = (client, secret) => new jose.SignJWT(claimsFor(client)).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret))
  assertRefused(await tokenBy(await mac(basic, basic.client_secret)), 'a MAC of a client with Basic')
  const bySecret = await service({ token_endpoint_auth_method: 'client_secret_jwt' })
  assert.equal((await tokenBy(await mac(bySecret, bySecret.client_secret))).status, 200)
  assertRefused(await post('/token', { grant_type: 'client_credentials', client_id: bySecret.client_id, client_secret: bySecret.client_secret }), 'the secret itself')
  await must(instance, 'authz', ['client', 'disable', bySecret.client_id])
  assertRefused(await tokenBy(await mac(bySecret, bySecret.client_secret)), 'a disabled client')
})

test('registration refuses keys that prove nothing, and never fetches', async () => {
  const before = asked.count
  const privateJwk = await crypto.subtle.exportKey('jwk', keys.ES256.privateKey)
  const refused = [
    { jwks: { keys: [privateJwk] } },
    { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } },
    { jwks: { keys: [keys.ES256.jwk] }, jwks_uri: `https://localhost:${keyPort}/` },
    { jwks_uri: 'http://localhost/jwks' },
    {},
  ]
  for (const metadata of refused) {
    const { status, json } = await adminAsks('POST', '', { client_name: 'x', grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt', ...metadata })
    assert.deepEqual([status, json.error], [400, 'invalid_client_metadata'], JSON.stringify(metadata))
  }
  await service({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: `https://localhost:${keyPort}/` })
  assert.equal(asked.count, before)
})

test('new keys of the administrator hold at once, the old ones no more', async () => {
  const [first, second] = [await makeKey(), await makeKey('RS256')]
  const client = await service({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [first.jwk] } })
  assert.equal((await tokenBy(await sign(first, claimsFor(client)))).status, 200)
  assert.equal((await adminAsks('PATCH', `/${client.client_id}`, { jwks: { keys: [second.jwk] } })).status, 200)
  assertRefused(await tokenBy(await sign(first, claimsFor(client))), 'the old key')
  assert.equal((await tokenBy(await sign(second, claimsFor(client)))).status, 200)
})

// ---- keys that the client publishes ----

test('jwks_uri: fetched when needed, once; a new key is found, an outage is bridged', async () => {
  const [first, second] = [await makeKey(), await makeKey('EdDSA')]
  const client = await service({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: `https://localhost:${keyPort}/jwks` })
  asked.fails = true
  const away = await tokenBy(await sign(first, claimsFor(client)))
  assert.deepEqual([away.status, away.json.error], [503, 'temporarily_unavailable'], 'nobody can say that the proof is wrong')
  asked.fails = false
  published = { keys: [first.jwk] }
  const other = await service({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: `https://localhost:${keyPort}/other` })
  const before = asked.count
  const answers = await Promise.all([1, 2, 3, 4, 5].map(async () => tokenBy(await sign(first, claimsFor(other)))))
  assert.deepEqual(answers.map((a) => a.status), [200, 200, 200, 200, 200], answers[0].text)
  assert.equal(asked.count, before + 1)
  asked.fails = true
  assert.equal((await tokenBy(await sign(first, claimsFor(other)))).status, 200)
  assertRefused(await tokenBy(await sign(second, claimsFor(other))), 'a key that is not published')
  asked.fails = false
  published = { keys: [second.jwk] }
  assert.equal((await tokenBy(await sign(second, claimsFor(other)), {}, { process: 1 })).status, 200)
  assertRefused(await tokenBy(await sign(first, claimsFor(other)), {}, { process: 1 }), 'a key that was taken out')
})

// ---- certificates ----

test('tls_client_auth: a certificate of a trusted authority with the registered name, by both libraries', async () => {
  const names = 'DNS:a.clients.example,URI:https://a.clients.example/,IP:192.0.2.7,email:a@clients.example'
  const mine = await signedBy('authority', 'mine', '/C=DE/O=Clients, Inc./CN=client a', names)
  const theirs = await signedBy('authority', 'theirs', '/C=DE/O=Clients, Inc./CN=client b', 'DNS:b.clients.example')
  const forged = await signedBy('stranger', 'forged', '/C=DE/O=Clients, Inc./CN=client a', names)
  const alone = await selfSigned('alone', '/C=DE/O=Clients, Inc./CN=client a', names)
  const subjects = { subject_dn: 'CN=client a,O=Clients\\, Inc.,C=DE', san_dns: 'a.clients.example', san_uri: 'https://a.clients.example/', san_ip: '192.0.2.7', san_email: 'a@clients.example' }
  for (const [kind, value] of Object.entries(subjects)) {
    const client = await service({ token_endpoint_auth_method: 'tls_client_auth', [`tls_client_auth_${kind}`]: value })
    assert.equal(client[`tls_client_auth_${kind}`], value)
    const tokens = await byOauth4webapi(client, oauth.TlsClientAuth(), mine)
    assert.equal(claimsOf(tokens.access_token).cnf, undefined)
    assert.ok((await byOpenidClient(client, openid.TlsClientAuth(), mine)).access_token)
    const ask = (how) => post('/token', { grant_type: 'client_credentials', client_id: client.client_id }, how)
    assertRefused(await ask(theirs), `${kind}: the certificate of another client`)
    assertRefused(await ask(forged), `${kind}: an authority of the same name`)
    assertRefused(await ask(alone), `${kind}: signed by itself`)
    assertRefused(await ask(), `${kind}: no certificate`)
    assertRefused(await post('/token', { grant_type: 'client_credentials' }, mine), 'no client_id')
    assertRefused(await post('/token', { grant_type: 'client_credentials', client_id: client.client_id, client_secret: 'x' }, mine), 'a secret')
  }
})

test('self_signed_tls_client_auth: the certificate or its key is registered', async () => {
  const [mine, theirs] = [await selfSigned('self-a', '/CN=a'), await selfSigned('self-b', '/CN=a')]
  const der = mine.cert.replace(/-----[A-Z ]+-----|\s/g, '')
  const { kty, crv, x, y } = await jose.exportJWK(await jose.importX509(mine.cert, 'ES256', { extractable: true }))
  for (const jwk of [{ kty, crv, x, y }, { kty, crv, x, y, x5c: [der] }]) {
    const client = await service({ token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [jwk] } })
    assert.ok((await byOauth4webapi(client, oauth.TlsClientAuth(), mine)).access_token)
    assert.ok((await byOpenidClient(client, openid.TlsClientAuth(), mine)).access_token)
    assertRefused(await post('/token', { grant_type: 'client_credentials', client_id: client.client_id }, theirs), 'another key')
    assertRefused(await post('/token', { grant_type: 'client_credentials', client_id: client.client_id }), 'no certificate')
  }
})

test('a certificate that nobody asked for changes nothing', async () => {
  const mine = await selfSigned('unasked', '/CN=x')
  const basic = await service({ token_endpoint_auth_method: 'client_secret_basic' })
  assert.ok((await byOauth4webapi(basic, oauth.ClientSecretBasic(basic.client_secret), mine)).access_token)
  assertRefused(await post('/token', { grant_type: 'client_credentials', client_id: basic.client_id }, mine), 'a certificate for Basic')
  const open = await register(instance.issuer)
  const answer = await post('/token', { grant_type: 'refresh_token', refresh_token: 'x', client_id: open.client_id }, mine)
  assert.deepEqual([answer.status, answer.json.error], [400, 'invalid_grant'])
})

test('tokens are bound to the certificate where the client wants it, and introspection says so', async () => {
  const mine = await selfSigned('bound', '/CN=bound')
  const der = Buffer.from(mine.cert.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  const thumbprint = Buffer.from(await crypto.subtle.digest('SHA-256', der)).toString('base64url')
  const key = await makeKey()
  const bound = { tls_client_certificate_bound_access_tokens: true }
  const byKey = await service({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] }, ...bound })
  const byCertificate = await service({ token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [{ kty: 'EC', x5c: [der.toString('base64')] }] }, ...bound })
  assert.equal(byKey.tls_client_certificate_bound_access_tokens, true)
  for (const [client, authentication] of [[byKey, oauth.PrivateKeyJwt({ key: key.privateKey, kid: key.kid })], [byCertificate, oauth.TlsClientAuth()]]) {
    const { access_token } = await byOauth4webapi(client, authentication, mine)
    assert.deepEqual(claimsOf(access_token).cnf, { 'x5t#S256': thumbprint })
    for (const process of [0, 1, 0]) assert.deepEqual((await introspect(access_token, { process })).cnf, { 'x5t#S256': thumbprint })
  }
  const without = await tokenBy(await sign(key, claimsFor(byKey)))
  assert.deepEqual([without.status, without.json.error], [400, 'invalid_request'])
  const refused = await adminAsks('POST', '', { client_name: 'x', grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_basic', ...bound })
  assert.deepEqual([refused.status, refused.json.error], [400, 'invalid_client_metadata'])
})

test('without client certificates nothing of them is offered, and behind a proxy they are refused', async () => {
  const plain = await (await fetch(`${instance.issuer}/.well-known/oauth-authorization-server`)).json()
  assert.ok(!plain.token_endpoint_auth_methods_supported.some((method) => method.includes('tls')))
  assert.equal(plain.tls_client_certificate_bound_access_tokens, undefined)
  await assert.rejects(register(instance.issuer, { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'a.example' }), /invalid_client_metadata/)
  const proxied = 'proxy: {terminates_tls: true, addresses: [127.0.0.1]}'
  await deriveConfig(instance, 'auth-0.yaml', 'auth-proxy.yaml', [proxied])
  const checked = await verb(instance, 'authz', ['check'], { config: 'auth-proxy.yaml' })
  assert.equal(checked.code, 1)
  assert.match(checked.stderr, /client_certificates: a proxy cannot stand in front/)
  await deriveConfig(instance, 'auth-0.yaml', 'auth-ca.yaml', [['client_certificates: request, ', '']])
  assert.match((await verb(instance, 'authz', ['check'], { config: 'auth-ca.yaml' })).stderr, /client_ca/)
  await deriveConfig(instance, 'auth-0.yaml', 'auth-key.yaml', [['client_ca: clients.crt', 'client_ca: auth.key']])
  assert.match((await verb(instance, 'authz', ['check'], { config: 'auth-key.yaml' })).stderr, /tls\.client_ca cannot be read/)
})
