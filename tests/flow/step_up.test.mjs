// SPDX-License-Identifier: Apache-2.0
// A tool wants more than the token at hand: a sign-in of a moment ago, or a person's word for this one call. The client is told what to ask for,
// asks, and comes back.
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { decodeJwt } from 'jose'
import pg from 'pg'
import { Browser } from './lib/browser.mjs'
import { authorizationUrl, getCode, getTokens, legacy, modern, pkce, postForm, redeem, refresh, register } from './lib/client.mjs'
import { startFixture, tool } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, must, verb, writeEtc } from './lib/programs.mjs'

const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport'
const instance = await startInstance()
const server = instance.resource_server
const destroys = { tier: 'destroy', approval: 'step_up', input: { type: 'object', additionalProperties: false, properties: { id: { type: 'string', maxLength: 6000 }, n: { type: 'integer', minimum: 0, maximum: 9 } } } }
const files = [
  tool('plain', [{ answer: 'plain' }]),
  tool('fresh', [{ answer: 'fresh' }], { authentication: { max_age: '5m' } }),
  tool('classed', [{ answer: 'classed' }], { authentication: { acr: ['phr', PASSWORD] } }),
  tool('wipe', [{ answer: 'wiped' }], { title: 'Wipe a record', ...destroys }),
  tool('wipe_too', [{ answer: 'wiped, too' }], destroys),
  tool('asks', [{ ask: [{ key: 'more', method: 'elicitation/create', params: { message: 'Why?', requestedSchema: { type: 'object', properties: { why: { type: 'string' } }, required: ['why'] } } }] }, { answer: 'because {{more.content.why}}' }], destroys),
  tool('admins', [{ answer: 'x' }], { ...destroys, scope: 'tools:admin' }),
  tool('hardware', [{ answer: 'hardware' }], { authentication: { acr: ['phrh'], max_age: '1h' } }),
]
const audit = (name) => [/^audit_log:.*$/m, (line) => line.replace('audit.log', `audit-${name}.log`)]
const secrets = ['secrets: step.secrets']
await writeEtc(instance, 'step.secrets', (await verb(instance, 'authz', ['secret', 'new'])).stdout)
const fixture = { mcp: (await startFixture(instance, 'step', files, ...secrets, audit('step'))).url }
const other = { mcp: (await startFixture(instance, 'step2', files, ...secrets, audit('step2'))).url }
const scopes = await verb(instance, 'mcp-fixture', ['scopes'], { config: 'step.yaml' })
assert.equal(scopes.code, 0, scopes.stderr)
await must(instance, 'authz', ['resource', 'put', instance.mcp, '--name', 'Demo', '--default', '--scopes', '-'], { input: scopes.stdout })
const records = async () => (await readFile(instance.logs.audit.replace('audit.log', 'audit-step.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line)).filter((event) => event.event === 'tool_call')

/** The database's administrator, in the instance's cluster. */
const database = new pg.Client(Object.fromEntries(
  [.../^database: "(.*)"$/m.exec(await readFile(etc(instance, 'authz.yaml'), 'utf8'))[1].replace('dbname=', 'database=').matchAll(/(\w+)=(\S+)/g)]
    .map(([, name, value]) => [name, name === 'user' ? 'postgres' : value])))
database.on('error', () => {}) // the cluster may be gone before it
await database.connect()
after(() => database.end())
/** All sign-ins so far were some time ago. */
const later = (time) => database.query(`UPDATE authz.sessions SET created_at = created_at - interval '${time}'`)

const text = (answer) => answer.json.result.content[0].text
const introspect = async (token) =>
  (await postForm(`${instance.issuer}/introspect`, { token }, { authorization: `Basic ${Buffer.from(`${server.client_id}:${server.client_secret}`).toString('base64')}` })).json
const errorOf = async (more, browser = new Browser()) => {
  const client = await register(instance.issuer)
  const answer = await browser.open(authorizationUrl(instance, client, pkce().challenge, more))
  return new URL(answer.redirect).searchParams.get('error')
}
/** The members of a challenge. */
const challengeOf = (answer) => Object.fromEntries([...answer.headers.get('www-authenticate').matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))

// ---- authz ----

test('a token says how and when its person signed in, and goes on saying so', async () => {
  const before = Math.floor(Date.now() / 1000)
  const tokens = await getTokens(instance, 'alice', { scope: 'openid logs:read', acr_values: `phr ${PASSWORD}`, max_age: '60' })
  const { acr, auth_time } = decodeJwt(tokens.access_token)
  assert.equal(acr, PASSWORD)
  assert.ok(auth_time >= before - 1 && auth_time <= Date.now() / 1000 + 1)
  for (const said of [decodeJwt(tokens.id_token), await introspect(tokens.access_token)]) assert.deepEqual([said.acr, said.auth_time], [acr, auth_time])
  const refreshed = (await refresh(instance, tokens.client, tokens.refresh_token)).json
  for (const said of [decodeJwt(refreshed.access_token), await introspect(refreshed.access_token)]) assert.deepEqual([said.acr, said.auth_time], [acr, auth_time])
  const metadata = await (await fetch(`${instance.issuer}/.well-known/openid-configuration`)).json()
  assert.deepEqual(metadata.acr_values_supported, [PASSWORD])
  assert.ok(metadata.claims_supported.includes('acr'))
})

test('a class that nobody can reach is said at once', async () => {
  assert.equal(await errorOf({ acr_values: 'phr' }), 'unmet_authentication_requirements')
  assert.equal(await errorOf({ acr_values: 'phr phrh', prompt: 'none' }), 'unmet_authentication_requirements')
  assert.equal(await errorOf({ max_age: 'soon' }), 'invalid_request')
})

test('a sign-in that is too old is made again, and checked again at the end', async () => {
  const client = await register(instance.issuer)
  const browser = new Browser()
  const alice = instance.person('alice')
  const first = await redeem(instance, client, await getCode(instance, client, 'alice', { scope: 'logs:read' }, browser))
  await later('10 minutes')
  const open = (more) => browser.open(authorizationUrl(instance, client, pkce().challenge, { scope: 'logs:read', ...more }))
  assert.ok((await open({})).html.includes('name="decision"'), 'the session lives')
  assert.ok((await open({ max_age: '700' })).html.includes('name="decision"'))
  assert.equal(new URL((await open({ max_age: '500', prompt: 'none' })).redirect).searchParams.get('error'), 'login_required')
  // A page that was opened in time is no way around it: nothing comes back from it but a sign-in.
  const opened = await open({ max_age: '700' })
  await later('10 minutes')
  const decided = await browser.submit(opened, { decision: 'approve' })
  assert.ok(decided.html.includes('name="password"'))
  const wrong = await browser.submit(decided, { username: alice.username, password: 'wrong' })
  assert.equal(wrong.status, 403)
  const signedIn = await browser.submit(wrong, { username: alice.username, password: alice.password })
  assert.ok(signedIn.html.includes('name="decision"'))
  assert.match((await browser.submit(signedIn, { decision: 'approve' })).redirect, /[?&]code=/)
  // max_age=0 asks as prompt=login does
  assert.ok((await open({ max_age: '0' })).html.includes('name="password"'))
  const again = await redeem(instance, client, await getCode(instance, client, 'alice', { scope: 'logs:read', max_age: '0' }, browser))
  assert.ok(decodeJwt(again.json.access_token).auth_time > decodeJwt(first.json.access_token).auth_time - 1)
})

// ---- mcp ----

test('a tool that wants a fresh sign-in says so, and has it', async () => {
  const client = await register(instance.issuer)
  const browser = new Browser()
  const get = async (more) => (await redeem(instance, client, await getCode(instance, client, 'alice', { scope: 'logs:read', ...more }, browser))).json
  let tokens = await get()
  assert.equal(text(await modern(fixture, tokens.access_token, 'tools/call', { name: 'fresh' })), 'fresh')
  await later('10 minutes')
  tokens = await get()
  for (const era of [modern, legacy]) {
    assert.equal(text(await era(fixture, tokens.access_token, 'tools/call', { name: 'plain' })), 'plain')
    const refused = await era(fixture, tokens.access_token, 'tools/call', { name: 'fresh' })
    assert.equal(refused.status, 401)
    assert.match(refused.headers.get('www-authenticate'), /^Bearer error="insufficient_user_authentication", /)
    const { max_age, acr_values, scope, resource_metadata } = challengeOf(refused)
    assert.deepEqual([max_age, acr_values, scope], ['300', undefined, 'logs:read'])
    assert.match(resource_metadata, /oauth-protected-resource/)
    assert.equal(refused.json.error, 'insufficient_user_authentication')
    const line = (await records()).at(-1)
    assert.deepEqual([line.outcome, line.rule, line.tool], ['denied', 'authentication', 'fresh'])
  }
  // a refresh is no sign-in
  const refreshed = (await refresh(instance, client, tokens.refresh_token)).json
  const refused = await modern(fixture, refreshed.access_token, 'tools/call', { name: 'fresh' })
  assert.equal(refused.status, 401)
  const { max_age, scope } = challengeOf(refused)
  tokens = await get({ max_age, scope })
  for (const era of [modern, legacy]) assert.equal(text(await era(fixture, tokens.access_token, 'tools/call', { name: 'fresh' })), 'fresh')
})

test('a tool that wants a class says which', async () => {
  const { access_token } = await getTokens(instance, 'alice', { scope: 'logs:read' })
  assert.equal(text(await modern(fixture, access_token, 'tools/call', { name: 'classed' })), 'classed')
  const refused = await modern(fixture, access_token, 'tools/call', { name: 'hardware' })
  const { error, acr_values, max_age } = challengeOf(refused)
  assert.deepEqual([refused.status, error, acr_values, max_age], [401, 'insufficient_user_authentication', 'phrh', '3600'])
  assert.equal(await errorOf({ acr_values }), 'unmet_authentication_requirements')
})

test('nobody claims a sign-in that was none', async () => {
  const { access_token } = await getTokens(instance, 'alice', { scope: 'logs:read' })
  const [head, , signature] = access_token.split('.')
  const forged = [head, Buffer.from(JSON.stringify({ ...decodeJwt(access_token), acr: 'phrh' })).toString('base64url'), signature].join('.')
  assert.equal(challengeOf(await modern(fixture, forged, 'tools/call', { name: 'hardware' })).error, 'invalid_token')
  // neither may the operator's words about a person
  const claimed = await verb(instance, 'authz', ['person', 'claims', 'alice', '-'], { input: '{"acr": "phrh", "auth_time": 9999999999}' })
  assert.notEqual(claimed.code, 0)
  // nor a service, which has no person
  const service = await verb(instance, 'authz', ['client', 'add', '--name', 'Robot', '--json', '--client-credentials', '--scope', 'logs:read'])
  assert.equal(service.code, 0, service.stderr)
  const robot = JSON.parse(service.stdout)
  const own = await postForm(`${instance.issuer}/token`, { grant_type: 'client_credentials', max_age: '1', acr_values: 'phrh' }, { authorization: `Basic ${Buffer.from(`${robot.client_id}:${robot.client_secret}`).toString('base64')}` })
  assert.equal(own.status, 200, own.text)
  const refused = await modern(fixture, own.json.access_token, 'tools/call', { name: 'fresh' })
  assert.equal(challengeOf(refused).error, 'insufficient_user_authentication')
})

test('a file that asks for what nobody can give in time is refused', async () => {
  await deriveConfig(instance, 'mcp.yaml', 'hasty.yaml', [[/^tools: .*$/m, 'tools: hasty']])
  await mkdir(etc(instance, 'hasty'), { mode: 0o755 })
  const hasty = { name: 'hasty', title: 'Hasty', description: 'Hasty', scope: 'logs:read', tier: 'read', input: { type: 'object', additionalProperties: false, properties: {} }, static: { content: [{ type: 'text', text: 'x' }] } }
  for (const [authentication, words] of [[{ max_age: '5s' }, /max_age: must be 30s to 365d/], [{}, /authentication/], [{ acr: ['a b'] }, /acr/]]) {
    await writeEtc(instance, 'hasty/hasty.yaml', JSON.stringify({ ...hasty, authentication }))
    const told = await verb(instance, 'mcp', ['check'], { config: 'hasty.yaml' })
    assert.equal(told.code, 1)
    assert.match(told.stderr, words)
  }
})

// ---- a person approves one call ----

const browsers = { alice: new Browser(), bob: new Browser() }
const clients = { alice: await register(instance.issuer), bob: await register(instance.issuer) }
const tokenOf = async (username, more = {}) => {
  const answer = await redeem(instance, clients[username], await getCode(instance, clients[username], username, { scope: 'logs:read', ...more }, browsers[username]))
  assert.equal(answer.status, 200, answer.text)
  return answer.json
}
const wanted = (tool, args, more = {}) => [{ type: 'mcp_approval', locations: [instance.mcp], tool, arguments: args, ...more }]
const approve = (details, username = 'alice') => tokenOf(username, { authorization_details: JSON.stringify(details) })
const call = (token, name, args, { era = modern, of = fixture } = {}) => era(of, token, 'tools/call', { name, arguments: args })
const wipe = { id: 'r-1', n: 3 }

for (const [name, era] of [['2026-07-28', modern], ['2025-11-25', legacy]])
  test(`${name}: a call is approved at authz, and runs once`, async () => {
    const plain = await tokenOf('alice')
    const refused = await call(plain.access_token, 'wipe', wipe, { era })
    assert.equal(refused.status, 403)
    const { error, scope } = challengeOf(refused)
    assert.deepEqual([error, scope], ['insufficient_authorization_details', 'logs:read'])
    assert.deepEqual([refused.json.error, refused.json.authorization_details], [error, wanted('wipe', wipe)])
    let line = (await records()).at(-1)
    assert.deepEqual([line.outcome, line.approval, line.tool], ['denied', 'demanded', 'wipe'])
    // the client sends on what it got
    const page = await browsers.alice.open(authorizationUrl(instance, clients.alice, pkce().challenge, { scope, authorization_details: JSON.stringify(refused.json.authorization_details) }))
    for (const words of ['Approve one call', 'Wipe a record <code>wipe</code>', 'deletes data', '<dt>id</dt>\n<dd><code>&quot;r-1&quot;</code></dd>', '<dt>n</dt>\n<dd><code>3</code></dd>'])
      assert.ok(page.html.includes(words), `${words} in ${page.html}`)
    const tokens = await approve(refused.json.authorization_details)
    const [granted, ...others] = tokens.authorization_details
    assert.deepEqual(others, [])
    assert.deepEqual(Object.keys(granted).sort(), ['arguments_digest', 'locations', 'tool', 'type'])
    assert.ok(tokens.expires_in <= 300)
    const claims = decodeJwt(tokens.access_token)
    assert.equal(claims.exp - claims.iat, tokens.expires_in)
    for (const said of [claims, await introspect(tokens.access_token)]) assert.deepEqual(said.authorization_details, [granted])
    assert.equal(text(await call(tokens.access_token, 'wipe', wipe, { era })), 'wiped')
    const lines = await records()
    line = lines.at(-1)
    assert.deepEqual([line.outcome, line.approval, line.username], ['allowed', 'accepted', 'alice'])
    assert.ok(lines.some((other) => other.request === line.request && other.outcome === 'started' && other.approval === 'accepted'))
    const again = await call(tokens.access_token, 'wipe', wipe, { era })
    assert.deepEqual([again.status, again.json.error, again.json.authorization_details], [403, error, wanted('wipe', wipe)])
    assert.match(again.json.error_description, /has been used/)
    assert.equal((await records()).at(-1).approval, 'used')
    // what it opens beside, it goes on opening; and a refresh is no approval
    assert.equal(text(await call(tokens.access_token, 'plain', {}, { era })), 'plain')
    const fresh = await approve(wanted('wipe', wipe))
    const refreshed = (await refresh(instance, clients.alice, fresh.refresh_token)).json
    assert.equal(refreshed.authorization_details, undefined)
    assert.equal(decodeJwt(refreshed.access_token).authorization_details, undefined)
    assert.equal((await call(refreshed.access_token, 'wipe', wipe, { era })).status, 403)
    assert.equal(text(await call(fresh.access_token, 'wipe', wipe, { era })), 'wiped')
  })

test('an approval is of one person, tool and arguments', async () => {
  const { access_token } = await approve(wanted('wipe', wipe))
  const bob = await tokenOf('bob')
  for (const [token, name, args] of [
    [access_token, 'wipe', { id: 'r-2', n: 3 }], [access_token, 'wipe', { id: 'r-1' }], [access_token, 'wipe', { ...wipe, n: 4 }], [access_token, 'wipe_too', wipe], [bob.access_token, 'wipe', wipe],
  ]) {
    const refused = await call(token, name, args)
    assert.deepEqual([refused.status, refused.json.error], [403, 'insufficient_authorization_details'])
    assert.deepEqual(refused.json.authorization_details, wanted(name, args))
  }
  // nobody writes himself an approval
  const [head, , signature] = bob.access_token.split('.')
  const forged = [head, Buffer.from(JSON.stringify({ ...decodeJwt(bob.access_token), authorization_details: decodeJwt(access_token).authorization_details })).toString('base64url'), signature].join('.')
  assert.equal((await call(forged, 'wipe', wipe)).status, 401)
  // the order of members does not matter: none of that has used it
  assert.equal(text(await call(access_token, 'wipe', { n: 3, id: 'r-1' })), 'wiped')
  assert.equal(text(await call((await approve(wanted('wipe', wipe), 'bob')).access_token, 'wipe', wipe)), 'wiped')
  assert.equal((await records()).at(-1).username, 'bob')
})

test('of many calls at once, at two processes, one runs', async () => {
  for (let round = 0; round < 3; round++) {
    const { access_token } = await approve(wanted('wipe', wipe))
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => call(access_token, 'wipe', wipe, { of: i % 2 ? fixture : other })))
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, ...Array(9).fill(403)])
  }
})

test('an approval is asked for every time, and only by a person who can see it', async () => {
  await tokenOf('alice')
  const open = (more) => browsers.alice.open(authorizationUrl(instance, clients.alice, pkce().challenge, { scope: 'logs:read', ...more }), { headers: { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' } })
  assert.match((await open({})).redirect ?? '', /[?&]code=/, 'the scopes are remembered')
  const details = JSON.stringify(wanted('wipe', wipe))
  assert.ok((await open({ authorization_details: details })).html.includes('Approve one call'))
  assert.equal(new URL((await open({ authorization_details: details, prompt: 'none' })).redirect).searchParams.get('error'), 'consent_required')
  const denied = await browsers.alice.submit(await open({ authorization_details: details }), { decision: 'deny' })
  assert.equal(new URL(denied.redirect).searchParams.get('error'), 'access_denied')
  // behind the sign-in, too
  const signedOut = new Browser()
  const page = await signedOut.submit(await signedOut.open(authorizationUrl(instance, clients.alice, pkce().challenge, { scope: 'logs:read', authorization_details: details })), { username: 'alice', password: instance.person('alice').password })
  assert.ok(page.html.includes('Approve one call'))
})

test('a person sees what there is to see', async () => {
  const args = { id: '<b>x</b>\u202egnp.\n', n: 1 }
  const page = await browsers.alice.open(authorizationUrl(instance, clients.alice, pkce().challenge, { scope: 'logs:read', authorization_details: JSON.stringify(wanted('wipe', args)) }))
  assert.ok(page.html.includes('&quot;&lt;b&gt;x&lt;/b&gt;&lt;U+202E&gt;gnp.\\n&quot;'), page.html)
})

test('details that say anything else are refused', async () => {
  const [good] = wanted('wipe', wipe)
  const refused = async (value, more = {}) => errorOf({ scope: 'logs:read', authorization_details: typeof value === 'string' ? value : JSON.stringify(value), ...more })
  for (const value of [
    '{', '{}', '[]', '[1]', [good, good], [{ ...good, type: 'mcp_tool' }], [{ ...good, type: undefined }], [{ ...good, more: 1 }], [{ ...good, locations: ['https://other.example/mcp'] }],
    [{ ...good, locations: [] }], [{ ...good, locations: [instance.mcp, instance.mcp] }], [{ ...good, locations: instance.mcp }], [{ ...good, tool: '' }], [{ ...good, tool: 1 }], [{ ...good, tool: 'x'.repeat(200) }],
    [{ ...good, arguments: undefined }], [{ ...good, arguments: [] }], [{ ...good, arguments: { id: 'x'.repeat(5000) } }], '[{"type":"mcp_approval","tool":"wipe","tool":"plain","arguments":{}}]',
  ])
    assert.equal(await refused(value), 'invalid_authorization_details', JSON.stringify(value).slice(0, 200))
  const post = await postForm(`${instance.issuer}/token`, { grant_type: 'refresh_token', refresh_token: 'x', client_id: clients.alice.client_id, authorization_details: JSON.stringify([good]) })
  assert.equal(post.json.error, 'invalid_authorization_details')
  const metadata = await (await fetch(`${instance.issuer}/.well-known/oauth-authorization-server`)).json()
  assert.deepEqual(metadata.authorization_details_types_supported, ['mcp_approval'])
  // a tool that is not there, or that the person cannot have: said when it is known whose it would be
  for (const [tool, username] of [['nothing', 'alice'], ['admins', 'alice']]) {
    const answer = await browsers[username].open(authorizationUrl(instance, clients[username], pkce().challenge, { scope: 'logs:read', authorization_details: JSON.stringify(wanted(tool, {})) }))
    assert.equal(new URL(answer.redirect).searchParams.get('error'), 'invalid_authorization_details')
  }
})

test('arguments that nobody could read are not approved', async () => {
  const answer = await call((await tokenOf('alice')).access_token, 'wipe', { id: 'x'.repeat(4500) })
  assert.equal(answer.json.result.isError, true)
  assert.match(text(answer), /more than a person can read/)
})

test('a question of the tool itself does not make two calls of one approval', async () => {
  const { access_token } = await approve(wanted('asks', {}))
  const ask = async (more) => (await fetch(fixture.mcp, { method: 'POST', headers: { authorization: `Bearer ${access_token}`, accept: 'application/json, text/event-stream', 'content-type': 'application/json', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'asks' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'asks', arguments: {}, ...more, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } } } }) })).json()
  const { requestState } = (await ask({})).result
  const retry = { requestState, inputResponses: { more: { action: 'accept', content: { why: 'so' } } } }
  assert.equal((await ask(retry)).result.content[0].text, 'because so')
  for (const more of [retry, {}]) assert.equal((await ask(more)).error, 'insufficient_authorization_details')
})

test('without a database nothing could count once', async () => {
  await deriveConfig(instance, 'mcp.yaml', 'alone.yaml', [[/^tools: .*$/m, 'tools: alone'], [/^database: .*$/m, '']])
  await mkdir(etc(instance, 'alone'), { mode: 0o755 })
  await writeEtc(instance, 'alone/alone.yaml', JSON.stringify({ name: 'alone', title: 'Alone', description: 'Alone', scope: 'logs:read', tier: 'read', approval: 'step_up', input: { type: 'object', additionalProperties: false, properties: {} }, static: { content: [{ type: 'text', text: 'x' }] } }))
  const told = await verb(instance, 'mcp', ['check'], { config: 'alone.yaml' })
  assert.equal(told.code, 1)
  assert.match(told.stderr, /step_up needs database/)
})
