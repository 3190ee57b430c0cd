// SPDX-License-Identifier: Apache-2.0
// A tool wants more than the token at hand: a sign-in of a moment ago. The client is told what to ask for, asks, and comes back.
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { decodeJwt } from 'jose'
import pg from 'pg'
import { Browser } from './lib/browser.mjs'
import { authorizationUrl, getCode, getTokens, legacy, modern, pkce, postForm, redeem, refresh, register } from './lib/client.mjs'
import { startFixture, tool } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, verb, writeEtc } from './lib/programs.mjs'

const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport'
const instance = await startInstance()
const server = instance.resource_server
const files = [
  tool('plain', [{ answer: 'plain' }]),
  tool('fresh', [{ answer: 'fresh' }], { authentication: { max_age: '5m' } }),
  tool('classed', [{ answer: 'classed' }], { authentication: { acr: ['phr', PASSWORD] } }),
  tool('hardware', [{ answer: 'hardware' }], { authentication: { acr: ['phrh'], max_age: '1h' } }),
]
const audit = [/^audit_log:.*$/m, (line) => line.replace('audit.log', 'audit-step.log')]
const fixture = { mcp: (await startFixture(instance, 'step', files, audit)).url }
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
