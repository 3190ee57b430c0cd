// SPDX-License-Identifier: Apache-2.0
// What an attacker tries at the authorization server, and what an unlucky moment does: each with the one answer that is safe.
import assert from 'node:assert/strict'
import http from 'node:http'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Browser, forms } from './lib/browser.mjs'
import { authorizationUrl, getCode, getTokens, pkce, postForm, postJson, redeem, refresh, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, startDaemon, until } from './lib/programs.mjs'

const instance = await startInstance()
const { issuer, mcp } = instance
const client = await register(issuer)
const own = { origin: issuer, 'sec-fetch-site': 'same-origin' }

const signIn = (browser, page, name) =>
  browser.submit(page, { username: name, password: instance.person(name).password })
const begin = async (browser, more = {}) => {
  const { verifier, challenge } = pkce()
  return { verifier, page: await browser.open(authorizationUrl(instance, client, challenge, more)) }
}
const handleOf = (page) => forms(page.html)[0].fields.get('request')

/** As another person in another tab of the same browser: the session changes, the first tab's page stays. */
async function switchPerson(browser, name) {
  const { page } = await begin(browser)
  const out = await browser.open(`${issuer}/sign-out`, { method: 'POST', body: new URLSearchParams({ request: handleOf(page) }), headers: own })
  assert.match((await signIn(browser, out, name)).html, /name="decision"/)
}

test('what one person was shown, nobody else approves', async () => {
  const browser = new Browser()
  const { page, verifier } = await begin(browser, { scope: 'logs:read customers:read tickets:read' })
  const shownToAlice = await signIn(browser, page, 'alice')
  assert.match(shownToAlice.html, /customers:read/)
  await switchPerson(browser, 'bob')
  const again = await browser.submit(shownToAlice, { decision: 'approve' })
  assert.equal(again.redirect, undefined, 'no code was given')
  assert.equal(again.status, 200)
  assert.match(again.html, /Signed in as <strong>Bob/)
  const { redirect } = await browser.submit(again, { decision: 'approve' })
  const answer = await redeem(instance, client, { code: new URL(redirect).searchParams.get('code'), verifier })
  assert.equal(answer.json.scope, 'logs:read tickets:read')
})

test('the handle of a URL or of the sign-in page approves nothing', async () => {
  const browser = new Browser()
  const { page } = await begin(browser)
  await signIn(browser, page, 'alice')
  const early = await browser.open(`${issuer}/consent`, {
    method: 'POST', body: new URLSearchParams({ request: handleOf(page), decision: 'approve' }), headers: own,
  })
  assert.equal(early.redirect, undefined)
  assert.match(early.html, /name="decision"/)
})

test('two clicks are one decision', async () => {
  const browser = new Browser()
  const { page } = await begin(browser)
  const consent = await signIn(browser, page, 'alice')
  const click = () => browser.fetch(`${issuer}/consent`, {
    method: 'POST', body: new URLSearchParams({ request: handleOf(consent), decision: 'approve' }), headers: own,
  })
  const answers = await Promise.all(Array.from({ length: 8 }, click))
  assert.equal(answers.filter((r) => r.status === 303).length, 1)
  assert.equal(answers.filter((r) => r.status === 400).length, 7)
})

test("a handle and a session are worth nothing in another person's browser", async () => {
  const victim = new Browser(), attacker = new Browser()
  const theirs = await begin(victim)
  const mine = await begin(attacker)
  await signIn(attacker, mine.page, 'bob')
  for (const path of ['sign-in', 'consent'])
    assert.equal((await attacker.open(`${issuer}/${path}?request=${handleOf(theirs.page)}`)).status, 400)
  const forged = await attacker.open(`${issuer}/consent`, {
    method: 'POST', body: new URLSearchParams({ request: handleOf(theirs.page), decision: 'deny' }), headers: own,
  })
  assert.equal(forged.status, 400)
  const [name, value] = [...attacker.cookies].find(([n]) => n.includes('browser'))
  const session = [...attacker.cookies].find(([n]) => n.includes('session'))
  const confused = new Browser()
  confused.cookies.set(name, value).set(session[0], value) // a browser's handle where a session's belongs
  assert.match((await confused.open(`${issuer}/consent?request=${handleOf(mine.page)}`)).html, /name="password"/)
})

test('signing in oneself does not pay for guesses at others', async () => {
  // the first sign-in from an address makes it known; the ones after that were never counted against it
  await getTokens(instance, 'bob')
  const guesser = new Browser()
  const { page } = await begin(guesser)
  const statuses = []
  for (let i = 0; i < 60 && statuses.at(-1) !== 429; i++) {
    const self = new Browser()
    await signIn(self, (await begin(self)).page, 'bob')
    statuses.push((await guesser.submit(page, { username: `nobody${i}`, password: 'Winter2026' })).status)
  }
  assert.equal(statuses.at(-1), 429, `${statuses.length} guesses went through`)
  assert.match((await signIn(guesser, page, 'alice')).html, /name="decision"/, 'a known address still lets its people in')
})

test('every answer forbids sniffing, and none of a secret may be kept', async () => {
  const paths = ['/.well-known/oauth-authorization-server', '/jwks', '/authorize', '/sign-in', '/consent', '/style.css', '/health', '/nothing', '/register', '/token', '/admin/clients']
  for (const path of paths) {
    const response = await fetch(issuer + path, { redirect: 'manual' })
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff', path)
    assert.equal(response.headers.get('strict-transport-security'), null, path)
    if (!/well-known|jwks|style/.test(path)) assert.equal(response.headers.get('cache-control'), 'no-store', path)
  }
})

test('a name of blanks and a redirect URI that answers for us are refused', async () => {
  const refused = [
    [{ client_name: ' \u3000\u00a0' }, 'invalid_client_metadata'],
    [{ redirect_uris: ['https://app.example/cb?iss=https%3A%2F%2Fother.example'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: ['https://app.example/cb?%63ode=x'] }, 'invalid_redirect_uri'],
  ]
  for (const [metadata, error] of refused) {
    const answer = await postJson(`${issuer}/register`, { redirect_uris: ['https://app.example/cb'], ...metadata })
    assert.equal(answer.status, 400)
    assert.equal(answer.json.error, error)
  }
})

test('an error page says what a person can do', async () => {
  const { challenge } = pkce()
  const cases = [
    [authorizationUrl(instance, { ...client, client_id: 'nobody' }, challenge), /connect again: it then registers anew/],
    [authorizationUrl(instance, client, challenge, { redirect_uri: 'https://other.example/' }), /connect again: it then registers anew/],
    [authorizationUrl(instance, client, challenge, { client_id: undefined }), /tell whoever makes or runs it/],
    [`${issuer}/consent?request=x`, /Go back to the application and connect again/],
  ]
  for (const [url, advice] of cases) assert.match(await (await fetch(url)).text(), advice, url)
})

/** One request with headers as they stand, repeated ones too. */
const raw = (url, headers, method = 'GET', body = '') =>
  new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      response.resume().on('end', () => resolve({ status: response.statusCode, headers: response.headers }))
    })
    request.on('error', reject).end(body)
  })

test('behind a proxy: the address is what the proxy saw, whatever else a client writes; and https everywhere', async () => {
  const port = await freePort()
  const site = 'https://auth.example'
  await deriveConfig(instance, 'authz.yaml', 'proxied.yaml', [
    [/^issuer:.*$/m, `issuer: ${site}`],
    [/^listen:.*$/m, `listen: 127.0.0.1:${port}`],
    'proxy: {terminates_tls: true, addresses: [127.0.0.1]}',
  ])
  await startDaemon(instance, 'authz', 'proxied.yaml')
  const base = `http://127.0.0.1:${port}`
  const host = { host: 'auth.example' }
  const jwks = await raw(`${base}/jwks`, host)
  assert.equal(jwks.status, 200)
  assert.match(jwks.headers['strict-transport-security'], /^max-age=31536000/)
  const { challenge } = pkce()
  const authorize = authorizationUrl({ ...instance, issuer: base }, client, challenge)
  const started = await raw(authorize, host)
  assert.equal(started.status, 303)
  const cookie = started.headers['set-cookie'][0]
  assert.match(cookie, /^__Host-sallyport_browser=.*; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
  const attempt = async (i) => {
    const body = new URLSearchParams({ request: new URL(started.headers.location, base).searchParams.get('request'), username: 'carol', password: `guess${i}` }).toString()
    const headers = [
      'Host', 'auth.example', 'Origin', site, 'Content-Type', 'application/x-www-form-urlencoded', 'Content-Length', String(body.length),
      'Cookie', cookie.split(';')[0],
      'X-Forwarded-For', `198.51.100.${i}`, // the client's own line
      'X-Forwarded-For', '203.0.113.5', // the proxy's
    ]
    return (await raw(`${base}/sign-in`, headers, 'POST', body)).status
  }
  const statuses = []
  for (let i = 0; i < 7; i++) statuses.push(await attempt(i))
  assert.deepEqual(statuses, [403, 403, 403, 403, 403, 429, 429])
  const lines = (await readFile(instance.logs.audit, 'utf8')).trim().split('\n').map((line) => JSON.parse(line))
  assert.ok(lines.some((l) => l.event === 'sign_in.failed' && l.address === '203.0.113.5'))
  assert.ok(!lines.some((l) => l.address?.startsWith('198.51.100.')))
})

test('sign-ins that leave while a password is compared harm nobody', async () => {
  const browser = new Browser()
  const { page } = await begin(browser)
  const cookie = [...browser.cookies].map(([n, v]) => `${n}=${v}`).join('; ')
  const body = (i) => new URLSearchParams({ request: handleOf(page), username: `leaver${i}`, password: 'x' }).toString()
  await Promise.all(Array.from({ length: 60 }, (_, i) =>
    new Promise((resolve) => {
      const request = http.request(`${issuer}/sign-in`, {
        method: 'POST', agent: false, headers: { cookie, origin: issuer, 'content-type': 'application/x-www-form-urlencoded' },
      })
      request.on('error', resolve).on('close', resolve)
      request.end(body(i), () => setImmediate(() => request.destroy()))
    })))
  await until('the daemon to answer', async () => (await fetch(`${issuer}/health`)).status === 200)
  assert.doesNotMatch(await readFile(instance.logs.authz, 'utf8'), /AddressSanitizer|runtime error/)
})

test('no secret stands in a log', async () => {
  const basic = await register(issuer, { token_endpoint_auth_method: 'client_secret_basic' })
  const authorization = `Basic ${Buffer.from(`${basic.client_id}:${basic.client_secret}`).toString('base64')}`
  const got = await getCode(instance, basic, 'alice')
  const tokens = (await redeem(instance, basic, got, {}, { authorization })).json
  await postForm(`${issuer}/token`, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, { authorization })
  await redeem(instance, basic, got, {}, { authorization }) // a replay
  await refresh(instance, client, tokens.refresh_token) // another client's
  await fetch(`${instance.admin.url}/clients`, { headers: { authorization: `Bearer ${instance.admin.token}` } })
  const page = await begin(new Browser())
  const typo = new Browser()
  await typo.submit((await begin(typo)).page, { username: 'my-secret-in-the-wrong-field', password: 'x' })
  assert.ok(page)
  const secrets = [
    got.code, got.verifier, basic.client_secret, tokens.access_token, tokens.refresh_token, instance.admin.token, instance.resource_server.client_secret,
    ...instance.people.map((p) => p.password), ...got.browser.cookies.values(), 'my-secret-in-the-wrong-field', 'Winter2026',
  ]
  const logs = (await Promise.all(Object.values(instance.logs).map((file) => readFile(file, 'utf8')))).join('\n')
  for (const secret of secrets) assert.ok(!logs.includes(secret), `${secret} stands in a log`)
  assert.ok(mcp)
})
