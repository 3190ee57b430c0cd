// SPDX-License-Identifier: Apache-2.0
// The authorization code flow with PKCE, and everything that can be wrong with it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { Browser, signInAndDecide } from './lib/browser.mjs'
import { REDIRECT_URI, authorizationUrl, getCode, pkce, postForm, redeem, refresh, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const instance = await startInstance()
const { issuer, mcp } = instance
const client = await register(issuer)
const alice = instance.person('alice')

test('a person signs in, consents, and the client gets a token for the resource', async () => {
  const got = await getCode(instance, client, 'alice')
  assert.equal(got.location.origin + got.location.pathname, REDIRECT_URI)
  assert.equal(got.location.searchParams.get('state'), 'st-1')
  assert.equal(got.location.searchParams.get('iss'), issuer)
  const answer = await redeem(instance, client, got)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.equal(answer.headers.get('pragma'), 'no-cache')
  assert.equal(answer.json.token_type, 'Bearer')
  assert.equal(answer.json.expires_in, 600)
  assert.deepEqual(answer.json.scope.split(' ').sort(), [...alice.scopes].sort())
  assert.ok(answer.json.refresh_token)
  const jwks = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  const { payload, protectedHeader } = await jwtVerify(answer.json.access_token, jwks, { issuer, audience: mcp, typ: 'at+jwt' })
  assert.equal(protectedHeader.alg, 'ES256')
  assert.equal(payload.client_id, client.client_id)
  assert.equal(payload.exp - payload.iat, 600)
  for (const claim of ['sub', 'jti', 'scope', 'auth_time']) assert.ok(payload[claim], claim)
})

test('a request for fewer scopes gets fewer', async () => {
  const modest = await register(issuer)
  const answer = await redeem(instance, modest, await getCode(instance, modest, 'alice', { scope: 'logs:read' }))
  assert.equal(answer.json.scope, 'logs:read')
})

test('scopes that the person may not have are not granted', async () => {
  const modest = await register(issuer)
  const answer = await redeem(instance, modest, await getCode(instance, modest, 'alice', { scope: 'logs:read tools:admin' }))
  assert.equal(answer.json.scope, 'logs:read')
})

test('without state, resource and scope the defaults serve', async () => {
  const got = await getCode(instance, client, 'alice', { state: undefined, resource: undefined, scope: undefined })
  assert.equal(got.location.searchParams.get('state'), null)
  const answer = await redeem(instance, client, got, { resource: mcp })
  assert.equal(answer.status, 200)
})

test('denial goes back to the client with iss and state', async () => {
  const location = new URL(await signInAndDecide(new Browser(), authorizationUrl(instance, client, pkce().challenge), alice, 'deny'))
  assert.equal(location.searchParams.get('error'), 'access_denied')
  assert.equal(location.searchParams.get('iss'), issuer)
  assert.equal(location.searchParams.get('state'), 'st-1')
  assert.equal(location.searchParams.get('code'), null)
})

test('a loopback client may use another port, and only another port', async () => {
  const portless = await register(issuer, { redirect_uris: ['http://localhost/callback'] })
  const got = await getCode(instance, portless, 'alice', { redirect_uri: 'http://localhost:54321/callback' })
  assert.equal(got.location.port, '54321')
  const answer = await redeem(instance, portless, got, { redirect_uri: 'http://localhost:54321/callback' })
  assert.equal(answer.status, 200)
  for (const uri of ['http://127.0.0.1:54321/callback', 'http://localhost:54321/callback?x=1', 'http://localhost:54321/Callback', 'https://localhost:54321/callback', 'http://localhost:54321/callback/'])
    assert.equal((await new Browser().open(authorizationUrl(instance, portless, pkce().challenge, { redirect_uri: uri }))).status, 400, uri)
})

test('until the redirect URI is proved, errors are a page and never a redirect', async () => {
  const { challenge } = pkce()
  const broken = [
    authorizationUrl(instance, { ...client, client_id: 'nobody' }, challenge),
    authorizationUrl(instance, client, challenge, { client_id: undefined }),
    authorizationUrl(instance, client, challenge, { redirect_uri: undefined }),
    authorizationUrl(instance, client, challenge, { redirect_uri: 'https://evil.example/cb' }),
    authorizationUrl(instance, client, challenge, { redirect_uri: `${REDIRECT_URI}x` }),
    `${authorizationUrl(instance, client, challenge)}&client_id=other`,
    `${authorizationUrl(instance, client, challenge)}&redirect_uri=https%3A%2F%2Fevil.example%2F`,
    authorizationUrl(instance, { ...client, client_id: '<script>alert(1)</script>' }, challenge),
  ]
  for (const url of broken) {
    const response = await fetch(url, { redirect: 'manual' })
    assert.equal(response.status, 400, url)
    assert.equal(response.headers.get('location'), null)
    assert.match(response.headers.get('content-type'), /^text\/html/)
    assert.match(response.headers.get('content-security-policy'), /default-src 'none'/)
    const html = await response.text()
    assert.doesNotMatch(html, /<script|evil\.example/)
  }
})

test('after that, errors go to the client', async () => {
  const { challenge } = pkce()
  const cases = [
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ response_type: undefined }, 'invalid_request'],
    [{ code_challenge: undefined }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ code_challenge_method: undefined }, 'invalid_request'],
    [{ code_challenge: 'short' }, 'invalid_request'],
    [{ code_challenge: `${challenge.slice(0, 42)}=` }, 'invalid_request'],
    [{ resource: 'https://other.example/mcp' }, 'invalid_target'],
    [{ resource: `${mcp}#x` }, 'invalid_target'],
    [{ scope: 'nothing:known' }, 'invalid_scope'],
    [{ request: 'eyJ' }, 'request_not_supported'],
    [{ request_uri: 'https://evil.example/r' }, 'request_uri_not_supported'],
    [{ prompt: 'none' }, 'login_required'],
    [{ response_mode: 'fragment' }, 'invalid_request'],
  ]
  for (const [change, error] of cases) {
    const response = await fetch(authorizationUrl(instance, client, challenge, change), { redirect: 'manual' })
    assert.equal(response.status, 303, JSON.stringify(change))
    const location = new URL(response.headers.get('location'))
    assert.equal(location.origin + location.pathname, REDIRECT_URI)
    assert.equal(location.searchParams.get('error'), error, JSON.stringify(change))
    assert.equal(location.searchParams.get('iss'), issuer)
    assert.equal(location.searchParams.get('state'), 'st-1')
  }
  const twice = await fetch(`${authorizationUrl(instance, client, challenge)}&scope=a&scope=b`, { redirect: 'manual' })
  assert.equal(new URL(twice.headers.get('location')).searchParams.get('error'), 'invalid_request')
})

test('a failed redemption consumes nothing; then the code still works once', async () => {
  const got = await getCode(instance, client, 'alice')
  const other = await register(issuer)
  const tries = [
    [{ code_verifier: pkce().verifier }, 'invalid_grant'],
    [{ code_verifier: '' }, 'invalid_request'],
    [{ code_verifier: undefined }, 'invalid_request'],
    [{ redirect_uri: `${REDIRECT_URI}x` }, 'invalid_grant'],
    [{ client_id: other.client_id }, 'invalid_grant'],
    [{ resource: 'https://other.example/mcp' }, 'invalid_target'],
    [{ code: `${got.code}x` }, 'invalid_grant'],
    [{ code: got.code.replace('spc_', 'spr_') }, 'invalid_grant'],
    [{ code: undefined }, 'invalid_request'],
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
    [{ grant_type: undefined }, 'invalid_request'],
  ]
  for (const [change, error] of tries) {
    const fields = { ...change }
    const answer = await redeemWith(got, fields)
    assert.equal(answer.json.error, error, JSON.stringify(change))
    assert.equal(answer.status, 400)
    assert.equal(answer.json.access_token, undefined)
  }
  assert.equal((await redeem(instance, client, got)).status, 200)
})

function redeemWith(got, change) {
  const fields = { grant_type: 'authorization_code', code: got.code, code_verifier: got.verifier, redirect_uri: REDIRECT_URI, client_id: client.client_id, ...change }
  for (const name of Object.keys(fields)) if (fields[name] === undefined) delete fields[name]
  return postForm(`${issuer}/token`, fields)
}

test('a valid replay kills the grant, an invalid one does not', async () => {
  const got = await getCode(instance, client, 'alice')
  const tokens = (await redeem(instance, client, got)).json
  const wrong = await redeem(instance, client, { ...got, verifier: pkce().verifier })
  assert.equal(wrong.json.error, 'invalid_grant')
  const rotated = await refresh(instance, client, tokens.refresh_token)
  assert.equal(rotated.status, 200, 'the grant lives after a replay without the verifier')
  const replay = await redeem(instance, client, got)
  assert.equal(replay.json.error, 'invalid_grant')
  const dead = await refresh(instance, client, rotated.json.refresh_token)
  assert.equal(dead.json.error, 'invalid_grant')
})

test('one code, many at once: exactly one wins and nothing survives the replays', async () => {
  const got = await getCode(instance, client, 'alice')
  const answers = await Promise.all(Array.from({ length: 12 }, () => redeem(instance, client, got)))
  const won = answers.filter((a) => a.status === 200)
  assert.equal(won.length, 1)
  for (const answer of answers) if (answer.status !== 200) assert.equal(answer.json.error, 'invalid_grant')
  assert.equal((await refresh(instance, client, won[0].json.refresh_token)).json.error, 'invalid_grant')
})

test('credentials: exactly the registered method', async () => {
  const basic = await register(issuer, { token_endpoint_auth_method: 'client_secret_basic' })
  const post = await register(issuer, { token_endpoint_auth_method: 'client_secret_post' })
  const header = (id, secret) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` })
  const wrong = [
    [basic, { client_id: basic.client_id }, {}],
    [basic, { client_id: basic.client_id, client_secret: basic.client_secret }, {}],
    [basic, { client_id: undefined }, header(basic.client_id, 'wrong')],
    [post, { client_id: undefined }, header(post.client_id, post.client_secret)],
    [post, { client_id: post.client_id, client_secret: 'wrong' }, {}],
    [client, { client_id: client.client_id, client_secret: 'x' }, {}],
    [client, { client_id: 'nobody' }, {}],
  ]
  for (const [who, fields, headers] of wrong) {
    const answer = await tokenRequest(fields, headers)
    assert.equal(answer.status, 401, JSON.stringify([who.token_endpoint_auth_method, fields]))
    assert.equal(answer.json.error, 'invalid_client')
    assert.equal(answer.headers.get('www-authenticate') !== null, headers.authorization !== undefined)
  }
  const two = await tokenRequest({ client_id: basic.client_id, client_secret: basic.client_secret }, header(basic.client_id, basic.client_secret))
  assert.equal(two.json.error, 'invalid_request')
  const got = await getCode(instance, basic, 'alice')
  const answer = await redeem(instance, basic, got, { client_id: basic.client_id }, header(basic.client_id, basic.client_secret))
  assert.equal(answer.status, 200)
  const gotPost = await getCode(instance, post, 'alice')
  assert.equal((await redeem(instance, post, gotPost, { client_secret: post.client_secret })).status, 200)
})

function tokenRequest(fields, headers) {
  const all = { grant_type: 'authorization_code', code: 'spc_x', code_verifier: pkce().verifier, redirect_uri: REDIRECT_URI, ...fields }
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name]
  return postForm(`${issuer}/token`, all, headers)
}

test('malformed token requests', async () => {
  const url = `${issuer}/token`
  assert.equal((await postForm(url, 'grant_type=a&grant_type=b')).json.error, 'invalid_request')
  assert.equal((await postForm(url, 'grant_type=%zz')).json.error, 'invalid_request')
  assert.equal((await postForm(url, 'grant_type=%ff')).json.error, 'invalid_request')
  assert.equal((await postForm(url, 'grant_type=a%00b')).json.error, 'invalid_request')
  assert.equal((await postForm(url, `x=${'a'.repeat(20000)}`)).status, 413)
  assert.equal((await postForm(url, 'grant_type=refresh_token', { 'content-type': 'application/json' })).status, 415)
  assert.equal((await postForm(url, '')).json.error, 'invalid_client')
})
