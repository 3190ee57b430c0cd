// SPDX-License-Identifier: Apache-2.0
// DPoP (RFC 9449): tokens that are bound to a key of the client, from /authorize to the tool, with real clients and with wrong proofs.
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { test } from 'node:test'
import { Client, DpopSession, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { Browser, signInAndDecide } from './lib/browser.mjs'
import { REDIRECT_URI, getCode, legacy, postForm, postJson, redeem, refresh, register } from './lib/client.mjs'
import { startFalseServer } from './lib/false_server.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, must, startDaemon, until, writeEtc } from './lib/programs.mjs'
import { makeKey } from './lib/proof_key.mjs'
import { MemoryProvider } from './lib/sdk.mjs'

const instance = await startInstance()
const issuer = new URL(instance.issuer)
const tokenUrl = `${instance.issuer}/token`
const http = { [oauth.allowInsecureRequests]: true }
const now = () => Math.floor(Date.now() / 1000)
const sha256 = (text) => createHash('sha256').update(text).digest('base64url')

/** Asks again once if the server wants another nonce. `ask(proof)`. */
async function withNonce(key, htm, htu, options, ask) {
  const send = async () => {
    const answer = await ask(key.proof(htm, htu, options))
    const nonce = answer.headers.get('dpop-nonce')
    if (nonce) key.nonces.set(new URL(htu).origin, nonce)
    return answer
  }
  const answer = await send()
  const wanted = answer.json?.error === 'use_dpop_nonce'
  return wanted && options?.claims?.nonce === undefined ? send() : answer
}

const tokenRequest = (key, fields, options) => withNonce(key, 'POST', tokenUrl, options, (proof) => postForm(tokenUrl, fields, { dpop: proof }))
const refreshFields = (client, token) => ({ grant_type: 'refresh_token', refresh_token: token, client_id: client.client_id })
const codeFields = (client, { code, verifier }) => ({ grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: client.redirect_uris[0], client_id: client.client_id, resource: instance.mcp })
const codeRequest = (key, client, got, options) => tokenRequest(key, codeFields(client, got), options)

/** With headers that fetch would not send so: another host, or one name several times. */
const postWith = (url, fields, headers) => new Promise((resolve, reject) => {
  const sent = request(url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => resolve({ status: response.statusCode, json: JSON.parse(text) }))
  })
  sent.on('error', reject).end(new URLSearchParams(fields).toString())
})

const ping = (token, headers, resource = instance.mcp) =>
  postJson(resource, { jsonrpc: '2.0', id: 1, method: 'ping' }, { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25', ...headers(token) })
const pingWith = (key, token, options = {}, resource = instance.mcp) =>
  withNonce(key, 'POST', options.htu ?? resource, { token, ...options }, (proof) => ping(token, () => ({ authorization: `DPoP ${token}`, dpop: proof }), resource))
const pingBearer = (token, more = {}) => ping(token, () => ({ authorization: `Bearer ${token}`, ...more }))

async function getBound(username = 'alice', key = makeKey(), client = undefined) {
  client ??= await register(instance.issuer)
  const answer = await codeRequest(key, client, await getCode(instance, client, username))
  assert.equal(answer.status, 200, answer.text)
  return { key, client, ...answer.json }
}
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
const introspect = (token, headers = {}) =>
  postForm(`${instance.issuer}/introspect`, { token }, { authorization: `Basic ${Buffer.from(`${instance.resource_server.client_id}:${instance.resource_server.client_secret}`).toString('base64')}`, ...headers })

function isRefused(answer, error, scheme = 'DPoP') {
  assert.equal(answer.status, 401, answer.text)
  assert.match(answer.headers.get('www-authenticate'), new RegExp(`^${scheme} error="${error}"`))
  assert.match(answer.headers.get('www-authenticate'), /resource_metadata="/)
}

test('metadata: both servers say which algorithms proofs may have', async () => {
  const algorithms = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256']
  const as = await (await fetch(`${instance.issuer}/.well-known/oauth-authorization-server`)).json()
  assert.deepEqual(as.dpop_signing_alg_values_supported, algorithms)
  const rs = await (await fetch(`${new URL(instance.mcp).origin}/.well-known/oauth-protected-resource/mcp`)).json()
  assert.deepEqual(rs.dpop_signing_alg_values_supported, algorithms)
})

test('oauth4webapi: code flow, tool call, refresh and userinfo with DPoP and nonces', async () => {
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...http }))
  const client = await register(instance.issuer, { dpop_bound_access_tokens: true })
  assert.equal(client.dpop_bound_access_tokens, true)
  const keys = await oauth.generateKeyPair('ES256')
  const DPoP = oauth.DPoP(client, keys)
  const retried = async (request, process) => {
    for (let last = false; ; last = true) {
      try {
        return await process(await request())
      } catch (error) {
        if (last || !oauth.isDPoPNonceError(error)) throw error
      }
    }
  }
  const verifier = oauth.generateRandomCodeVerifier()
  const url = new URL(as.authorization_endpoint)
  const parameters = { client_id: client.client_id, redirect_uri: REDIRECT_URI, response_type: 'code', code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state: 's', scope: 'logs:read openid profile', resource: instance.mcp, dpop_jkt: await DPoP.calculateThumbprint() }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  const callback = oauth.validateAuthResponse(as, client, new URL(await signInAndDecide(new Browser(), url.href, instance.person('alice'))), 's')
  const tokens = await retried(
    () => oauth.authorizationCodeGrantRequest(as, client, oauth.None(), callback, REDIRECT_URI, verifier, { ...http, DPoP, additionalParameters: { resource: instance.mcp } }),
    (response) => oauth.processAuthorizationCodeResponse(as, client, response))
  assert.equal(tokens.token_type, 'dpop')
  assert.equal(claimsOf(tokens.access_token).cnf.jkt, await DPoP.calculateThumbprint())
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
  const headers = new Headers({ 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' })
  for (let i = 0; i < 3; i++) {
    const answer = await retried(() => oauth.protectedResourceRequest(tokens.access_token, 'POST', new URL(instance.mcp), headers, body, { ...http, DPoP }), async (response) => response)
    assert.equal(answer.status, 200)
  }
  const userinfo = await retried(() => oauth.userInfoRequest({ ...as, userinfo_endpoint: `${instance.issuer}/userinfo` }, client, tokens.access_token, { ...http, DPoP }),
    (response) => oauth.processUserInfoResponse(as, client, oauth.skipSubjectCheck, response))
  assert.equal(userinfo.preferred_username, 'alice')
  const refreshed = await retried(() => oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token, { ...http, DPoP }), (response) => oauth.processRefreshTokenResponse(as, client, response))
  assert.equal(refreshed.token_type, 'dpop')
  assert.equal(claimsOf(refreshed.access_token).cnf.jkt, await DPoP.calculateThumbprint())
})

test('openid-client: code flow with DPoP, and the resource', async () => {
  const config = await openid.dynamicClientRegistration(issuer, { client_name: 'openid-client with DPoP', redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_post', dpop_bound_access_tokens: true }, undefined, { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] })
  const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('Ed25519'))
  const verifier = openid.randomPKCECodeVerifier()
  const url = openid.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope: 'logs:read', code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state: 's', resource: instance.mcp })
  const callback = new URL(await signInAndDecide(new Browser(), url.href, instance.person('alice')))
  const tokens = await openid.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: 's' }, { resource: instance.mcp }, { DPoP })
  assert.equal(tokens.token_type, 'dpop')
  const headers = new Headers({ 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' })
  const answer = await openid.fetchProtectedResource(config, tokens.access_token, new URL(instance.mcp), 'POST', JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }), headers, { DPoP })
  assert.equal(answer.status, 200)
  const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
  assert.equal(refreshed.token_type, 'dpop')
})

for (const mode of ['legacy', 'auto'])
  test(`the official MCP client (${mode}): discovery, DPoP-bound tokens, tools, a refresh after the access token is gone`, async () => {
    const session = await DpopSession.create()
    const provider = new MemoryProvider(instance.person('alice'))
    provider.dpop = () => session
    const connect = async () => {
      const transport = new StreamableHTTPClientTransport(new URL(instance.mcp), { authProvider: provider })
      const client = new Client({ name: 'dpop', version: '1' }, { versionNegotiation: { mode } })
      return { transport, client, done: await client.connect(transport).then(() => undefined, (error) => error) }
    }
    const first = await connect()
    assert.match(String(first.done), /Unauthorized/)
    await first.transport.finishAuth(await provider.callback())
    assert.equal(provider.saved.token_type, 'DPoP')
    assert.equal(claimsOf(provider.saved.access_token).cnf.jkt, session.thumbprint)
    const { client, done } = await connect()
    assert.equal(done, undefined)
    assert.ok((await client.listTools()).tools.length > 0)
    const before = provider.saved.refresh_token
    provider.saved = { ...provider.saved, access_token: `${provider.saved.access_token.slice(0, -4)}AAAA` }
    assert.equal((await client.callTool({ name: 'query_logs', arguments: { service: 'checkout' } })).isError ?? false, false)
    assert.notEqual(provider.saved.refresh_token, before)
    assert.equal(claimsOf(provider.saved.access_token).cnf.jkt, session.thumbprint)
    await client.close()
  })

test('the token endpoint: nonce first, then a token that names its key, in introspection too', async () => {
  const key = makeKey()
  const client = await register(instance.issuer)
  const got = await getCode(instance, client, 'alice')
  const first = await postForm(tokenUrl, codeFields(client, got), { dpop: key.proof('POST', tokenUrl) })
  assert.deepEqual([first.status, first.json.error], [400, 'use_dpop_nonce'])
  assert.match(first.headers.get('dpop-nonce'), /^[\w-]{20,60}$/)
  const answer = await codeRequest(key, client, got)
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.json.token_type, 'DPoP')
  assert.deepEqual(claimsOf(answer.json.access_token).cnf, { jkt: key.thumbprint })
  const said = await introspect(answer.json.access_token)
  assert.deepEqual([said.json.active, said.json.token_type, said.json.cnf], [true, 'DPoP', { jkt: key.thumbprint }])
  const signed = await introspect(answer.json.access_token, { accept: 'application/token-introspection+jwt' })
  assert.deepEqual(claimsOf(signed.text).token_introspection.cnf, { jkt: key.thumbprint })
})

test('the token endpoint refuses wrong proofs, and nothing is consumed', async () => {
  const key = makeKey()
  const other = makeKey()
  const client = await register(instance.issuer)
  const got = await getCode(instance, client, 'alice')
  await codeRequest(key, client, { code: 'spc_x', verifier: got.verifier }) // learns the nonce
  const wrong = {
    htm: { claims: { htm: 'GET' } }, htu: { claims: { htu: `${instance.issuer}/authorize` } }, 'no jti': { claims: { jti: undefined } }, 'no iat': { claims: { iat: undefined } },
    old: { claims: { iat: now() - 3600 } }, future: { claims: { iat: now() + 3600 } }, typ: { header: { typ: 'JWT' } }, alg: { header: { alg: 'none' } }, HS256: { header: { alg: 'HS256' } },
    'private key': { header: { jwk: key.privateKey.export({ format: 'jwk' }) } }, 'no key': { header: { jwk: undefined } }, 'key of another': { header: { jwk: other.jwk } }, jku: { header: { jku: 'https://evil.example' } },
  }
  for (const [what, options] of Object.entries(wrong)) {
    const answer = await codeRequest(key, client, got, options)
    assert.deepEqual([answer.status, answer.json.error], [400, 'invalid_dpop_proof'], what)
  }
  for (const nonce of ['x', 'A'.repeat(34), 7]) {
    const answer = await codeRequest(key, client, got, { claims: { nonce } })
    assert.equal(answer.status, 400)
    assert.equal(answer.json.error, nonce === 7 ? 'invalid_dpop_proof' : 'use_dpop_nonce')
  }
  const proofs = [key.proof('POST', tokenUrl), key.proof('POST', tokenUrl)]
  const two = await postWith(tokenUrl, codeFields(client, got), { dpop: proofs })
  assert.deepEqual([two.status, two.json.error], [400, 'invalid_dpop_proof'])
  for (const text of ['', 'x', 'a.b.c', `${proofs[0]}x`, proofs[0].slice(0, -1)]) {
    const answer = await postForm(tokenUrl, codeFields(client, got), { dpop: text })
    assert.equal(answer.status, 400, text)
  }
  assert.equal((await codeRequest(key, client, got)).status, 200)
})

test('a proof counts once, also at another process', async () => {
  const port = await freePort()
  await deriveConfig(instance, 'authz.yaml', 'authz-two.yaml', [[/^listen: .*$/m, `listen: 127.0.0.1:${port}`]])
  await startDaemon(instance, 'authz', 'authz-two.yaml')
  const { key, client, refresh_token } = await getBound()
  const proof = key.proof('POST', tokenUrl)
  const fields = refreshFields(client, refresh_token)
  const answers = await Promise.all([0, 1, 2, 3, 4, 5].map(() => postForm(tokenUrl, fields, { dpop: proof })))
  assert.deepEqual(answers.map((a) => a.status).sort(), [200, 400, 400, 400, 400, 400])
  for (const answer of answers.filter((a) => a.status === 400)) assert.equal(answer.json.error, 'invalid_dpop_proof')
  const elsewhere = await postWith(`http://127.0.0.1:${port}/token`, fields, { host: issuer.host, dpop: proof })
  assert.deepEqual([elsewhere.status, elsewhere.json.error], [400, 'invalid_dpop_proof'])
})

test("a public client's refresh token is good with its key only, and nobody else can end the grant", async () => {
  const { key, client, refresh_token } = await getBound()
  const thief = makeKey()
  const stolen = await tokenRequest(thief, refreshFields(client, refresh_token))
  assert.deepEqual([stolen.status, stolen.json.error], [400, 'invalid_grant'])
  const bare = await refresh(instance, client, refresh_token)
  assert.deepEqual([bare.status, bare.json.error], [400, 'invalid_grant'])
  let token = refresh_token
  for (let i = 0; i < 3; i++) {
    const answer = await tokenRequest(key, refreshFields(client, token))
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual([answer.json.token_type, claimsOf(answer.json.access_token).cnf], ['DPoP', { jkt: key.thumbprint }])
    token = answer.json.refresh_token
  }
  for (const answer of [await refresh(instance, client, refresh_token), await tokenRequest(thief, refreshFields(client, refresh_token))]) assert.equal(answer.json.error, 'invalid_grant')
  assert.equal((await tokenRequest(key, refreshFields(client, token))).status, 200)
})

test('a client that began without a key gets bound tokens when it shows one', async () => {
  const client = await register(instance.issuer)
  const { json } = await redeem(instance, client, await getCode(instance, client, 'alice'))
  assert.equal(json.token_type, 'Bearer')
  assert.equal(claimsOf(json.access_token).cnf, undefined)
  const key = makeKey()
  const answer = await tokenRequest(key, refreshFields(client, json.refresh_token))
  assert.deepEqual([answer.status, answer.json.token_type], [200, 'DPoP'])
})

test('dpop_jkt binds the code to its key', async () => {
  const key = makeKey()
  const client = await register(instance.issuer)
  const bad = await new Browser().fetch(`${instance.issuer}/authorize?${new URLSearchParams({ response_type: 'code', client_id: client.client_id, redirect_uri: REDIRECT_URI, code_challenge: 'A'.repeat(43), code_challenge_method: 'S256', resource: instance.mcp, dpop_jkt: 'short' })}`)
  assert.match(bad.headers.get('location'), /error=invalid_request/)
  const got = await getCode(instance, client, 'alice', { dpop_jkt: key.thumbprint })
  const without = await redeem(instance, client, got)
  assert.deepEqual([without.status, without.json.error], [400, 'invalid_grant'])
  const other = await codeRequest(makeKey(), client, got)
  assert.deepEqual([other.status, other.json.error], [400, 'invalid_grant'])
  assert.equal((await codeRequest(key, client, got)).status, 200)
})

test('dpop_bound_access_tokens: no token without a proof', async () => {
  const client = await register(instance.issuer, { dpop_bound_access_tokens: true })
  const key = makeKey()
  const got = await getCode(instance, client, 'alice')
  const bare = await redeem(instance, client, got)
  assert.deepEqual([bare.status, bare.json.error], [400, 'invalid_dpop_proof'])
  const { json } = await codeRequest(key, client, got)
  assert.equal(json.token_type, 'DPoP')
  const again = await refresh(instance, client, json.refresh_token)
  assert.equal(again.status, 400)
  for (const value of ['yes', 1]) {
    const refused = await postJson(`${instance.issuer}/register`, { redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: 'none', dpop_bound_access_tokens: value })
    assert.deepEqual([refused.status, refused.json.error], [400, 'invalid_client_metadata'])
  }
})

test('client_credentials: bound tokens, each with a proof of its own', async () => {
  const made = JSON.parse(await must(instance, 'authz', ['client', 'add', '--name', 'DPoP service', '--client-credentials', '--scope', 'logs:read', '--json']))
  const authorization = `Basic ${Buffer.from(`${made.client_id}:${made.client_secret}`).toString('base64')}`
  const key = makeKey()
  const ask = (headers) => postForm(tokenUrl, { grant_type: 'client_credentials', resource: instance.mcp, scope: 'logs:read' }, { authorization, ...headers })
  assert.equal((await ask({})).json.token_type, 'Bearer')
  for (let i = 0; i < 3; i++) {
    const answer = await withNonce(key, 'POST', tokenUrl, {}, (proof) => ask({ dpop: proof }))
    assert.deepEqual([answer.status, answer.json.token_type, claimsOf(answer.json.access_token).cnf], [200, 'DPoP', { jkt: key.thumbprint }])
    assert.equal((await pingWith(key, answer.json.access_token)).status, 200)
  }
  const proof = key.proof('POST', tokenUrl)
  assert.deepEqual([(await ask({ dpop: proof })).status, (await ask({ dpop: proof })).status], [200, 400])
  assert.equal((await ask({})).json.token_type, 'Bearer')
})

test('the MCP server: a bound token with its proof, and nothing else', async () => {
  const { key, access_token: token } = await getBound()
  const first = await ping(token, () => ({ authorization: `DPoP ${token}`, dpop: key.proof('POST', instance.mcp, { token, claims: { nonce: undefined } }) }))
  isRefused(first, 'use_dpop_nonce')
  assert.ok(first.headers.get('dpop-nonce'))
  for (let i = 0; i < 3; i++) assert.equal((await pingWith(key, token)).status, 200)
  const wrong = {
    htm: { claims: { htm: 'GET' } }, htu: { claims: { htu: `${new URL(instance.mcp).origin}/other` } }, 'htu of the issuer': { claims: { htu: tokenUrl } }, ath: { claims: { ath: sha256('another') } },
    'no ath': { claims: { ath: undefined } }, old: { claims: { iat: now() - 3600 } }, future: { claims: { iat: now() + 3600 } }, typ: { header: { typ: 'JWT' } }, alg: { header: { alg: 'none' } },
    'private key': { header: { jwk: key.privateKey.export({ format: 'jwk' }) } }, 'signature of another': { signer: makeKey().privateKey },
  }
  for (const [what, options] of Object.entries(wrong)) {
    const answer = await pingWith(key, token, options)
    assert.match(answer.headers.get('www-authenticate') ?? '', /^DPoP error="invalid_dpop_proof"/, what)
  }
  const thief = makeKey()
  isRefused(await pingWith(thief, token), 'invalid_token')
  isRefused(await ping(token, () => ({ authorization: `DPoP ${token}` })), 'invalid_dpop_proof')
  // the URL is compared after normalising; what a query says does not matter
  const loud = instance.mcp.replace('http:', 'HTTP:')
  assert.equal((await pingWith(key, token, { claims: { htu: `${loud}?a=b` } })).status, 200)
  assert.equal((await pingWith(key, token)).status, 200)
})

test('the MCP server: a proof counts once', async () => {
  const { key, access_token: token } = await getBound()
  assert.equal((await pingWith(key, token)).status, 200)
  const proof = key.proof('POST', instance.mcp, { token })
  const ask = () => ping(token, () => ({ authorization: `DPoP ${token}`, dpop: proof }))
  assert.equal((await ask()).status, 200)
  isRefused(await ask(), 'invalid_dpop_proof')
  isRefused(await ask(), 'invalid_dpop_proof')
})

test('the MCP server: a proof counts once, also when the process is another one', async () => {
  const port = await freePort()
  await writeEtc(instance, 'mcp-shared.secrets', await must(instance, 'authz', ['secret', 'new']))
  await deriveConfig(instance, 'mcp.yaml', 'mcp-shared.yaml', [
    [/^listen:.*$/m, `listen: 127.0.0.1:${port}`], [/^audit_log:.*$/m, (line) => line.replace('audit.log', 'audit-shared.log')], 'secrets: mcp-shared.secrets',
  ])
  const { key, access_token: token } = await getBound()
  const ask = (proof) => postJson(`http://127.0.0.1:${port}/mcp`, { jsonrpc: '2.0', id: 1, method: 'ping' }, { authorization: `DPoP ${token}`, dpop: proof, accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' })
  const prove = (nonce) => key.proof('POST', instance.mcp, { token, claims: { nonce } })
  const first = await startDaemon(instance, 'mcp', 'mcp-shared.yaml')
  const nonce = (await until('a nonce', async () => (await ask(prove())).headers.get('dpop-nonce')))
  const proof = prove(nonce)
  assert.deepEqual([(await ask(proof)).status, (await ask(proof)).status], [200, 401])
  await first.stop()
  const second = await startDaemon(instance, 'mcp', 'mcp-shared.yaml')
  await until('the server to know the keys', async () => (await ask(prove('x'))).status === 401)
  const again = await ask(proof)
  isRefused(again, 'use_dpop_nonce')
  isRefused(await ask(prove(nonce)), 'use_dpop_nonce') // so does any other with a nonce of before
  assert.equal((await ask(prove(again.headers.get('dpop-nonce')))).status, 200)
  assert.equal((await second.stop()).code, 0)
})

test('the MCP server: no downgrade, and no proof for a token that is bound to nothing', async () => {
  const { key, access_token: token } = await getBound()
  for (const more of [{}, { dpop: key.proof('POST', instance.mcp, { token }) }]) {
    const answer = await pingBearer(token, more)
    isRefused(answer, 'invalid_token', 'Bearer')
    assert.match(answer.headers.get('www-authenticate'), /, DPoP algs="ES256 EdDSA Ed25519 PS256 RS256"$/)
  }
  assert.equal((await pingWith(key, token)).status, 200)
  isRefused(await pingBearer(token), 'invalid_token', 'Bearer') // also when it is known
  const client = await register(instance.issuer)
  const { json } = await redeem(instance, client, await getCode(instance, client, 'alice'))
  isRefused(await pingWith(key, json.access_token), 'invalid_token')
  assert.equal((await pingBearer(json.access_token)).status, 200)
})

test('the challenge: Bearer first in a line of its own, then the offer of DPoP; browsers may read it', async () => {
  const answer = await legacy(instance, undefined, 'ping')
  assert.match(answer.headers.get('www-authenticate'), /^Bearer resource_metadata="[^"]+", scope="[^"]+", DPoP algs="[^"]+"$/)
  const origin = new URL(instance.mcp).origin
  const preflight = await fetch(instance.mcp, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'dpop,authorization' } })
  assert.match(preflight.headers.get('access-control-allow-headers'), /DPoP/)
  const posted = await legacy(instance, undefined, 'ping', {}, { origin })
  assert.match(posted.headers.get('access-control-expose-headers'), /WWW-Authenticate, DPoP-Nonce/)
  const token = await fetch(tokenUrl, { method: 'POST', headers: { origin: 'https://app.example' }, body: new URLSearchParams({ grant_type: 'x' }) })
  assert.match(token.headers.get('access-control-expose-headers'), /DPoP-Nonce/)
})

test('userinfo takes a bound token with its proof only', async () => {
  const key = makeKey()
  const client = await register(instance.issuer)
  const { json } = await codeRequest(key, client, await getCode(instance, client, 'alice', { scope: 'openid profile logs:read' }))
  const url = `${instance.issuer}/userinfo`
  const ask = async (headers) => {
    const response = await fetch(url, { headers })
    return { status: response.status, headers: response.headers, json: await response.json() }
  }
  const token = json.access_token
  const asked = () => withNonce(key, 'GET', url, { token }, (proof) => ask({ authorization: `DPoP ${token}`, dpop: proof }))
  assert.equal((await asked()).json.preferred_username, 'alice')
  assert.equal((await ask({ authorization: `Bearer ${token}` })).status, 401)
  assert.equal((await ask({ authorization: `DPoP ${token}` })).status, 401)
  const proof = key.proof('GET', url, { token })
  const statuses = [await ask({ authorization: `DPoP ${token}`, dpop: proof }), await ask({ authorization: `DPoP ${token}`, dpop: proof })].map((a) => a.status)
  assert.deepEqual(statuses, [200, 401])
})

test('nonces are optional where the configuration says so, and then the time decides', async () => {
  const ports = [await freePort(), await freePort()]
  const authorization = await startFalseServer()
  const resource = `http://127.0.0.1:${ports[1]}/mcp`
  authorization.resource = resource
  await deriveConfig(instance, 'mcp.yaml', 'mcp-optional.yaml', [
    [/^resource:.*$/m, `resource: ${resource}`], [/^listen:.*$/m, `listen: 127.0.0.1:${ports[1]}`], [/^authorization_server:.*$/m, `authorization_server: ${authorization.issuer}`],
    [/^audit_log:.*$/m, (line) => line.replace('audit.log', 'audit-optional.log')], 'dpop: {nonce: optional}',
  ])
  const daemon = await startDaemon(instance, 'mcp', 'mcp-optional.yaml')
  const key = makeKey()
  const bound = () => authorization.token({ cnf: { jkt: key.thumbprint }, jti: randomUUID() })
  const token = bound()
  const ask = (claims) => ping(token, () => ({ authorization: `DPoP ${token}`, dpop: key.proof('POST', resource, { token, claims }) }), resource)
  // the process has just begun: what the one before it may have taken needs a nonce, until that would be too old
  const demanded = await ask({})
  isRefused(demanded, 'use_dpop_nonce')
  const nonce = demanded.headers.get('dpop-nonce')
  assert.equal((await ask({ nonce })).status, 200)
  assert.equal((await ask({ iat: now() - 250, nonce })).status, 200)
  isRefused(await ask({ iat: now() - 90 }), 'invalid_dpop_proof')
  isRefused(await ask({ iat: now() + 60 }), 'invalid_dpop_proof')
  isRefused(await ask({ nonce: 'x' }), 'use_dpop_nonce')
  // nobody is asked about a token that was stolen without its key
  authorization.asked = 0
  const stolen = bound()
  isRefused(await ping(stolen, () => ({ authorization: `Bearer ${stolen}` }), resource), 'invalid_token', 'Bearer')
  assert.equal(authorization.asked, 0)
  // what the introspection says of the key must be what the token says
  for (const cnf of [undefined, { jkt: makeKey().thumbprint }, { jkt: key.thumbprint, 'x5t#S256': key.thumbprint }]) {
    authorization.on.introspect = (answer, { cnf: _, ...claims }) => answer({ active: true, ...claims, ...(cnf ? { cnf } : {}) })
    const doubtful = bound()
    assert.equal((await ping(doubtful, () => ({ authorization: `DPoP ${doubtful}`, dpop: key.proof('POST', resource, { token: doubtful, claims: { nonce } }) }), resource)).status, 503)
  }
  const ended = await daemon.stop()
  assert.doesNotMatch(ended.stderr, /Sanitizer|runtime error/)
})
