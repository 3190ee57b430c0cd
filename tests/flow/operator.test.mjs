// SPDX-License-Identifier: Apache-2.0
// The operator's verbs of both programs, and that what they say is so for the people and clients.
import assert from 'node:assert/strict'
import { cp, readFile, rm } from 'node:fs/promises'
import { test } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import { Browser } from './lib/browser.mjs'
import { REDIRECT_URI, authorizationUrl, getCode, getTokens, modern, pkce, postForm, redeem, refresh, register, toolNames } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, must, until, verb, writeEtc } from './lib/programs.mjs'

const instance = await startInstance()
const { issuer } = instance
const authz = (args, options) => verb(instance, 'authz', args, options)
const list = async (what) => JSON.parse(await must(instance, 'authz', [what, 'list', '--json']))
const introspect = async (token) => {
  const { client_id, client_secret } = instance.resource_server
  return (await postForm(`${issuer}/introspect`, { token }, { authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` })).json
}

/** One clear line on standard error, nothing on standard output. */
function assertRefused(done, words, what = words) {
  assert.equal(done.code, 1, `${what}: ${done.stdout}${done.stderr}`)
  assert.match(done.stderr, /^sallyport-(authz|mcp): [^\n]+\n$/)
  assert.match(done.stderr, words)
  assert.equal(done.stdout, '')
}

async function signInStatus(username, password, browser = new Browser()) {
  const client = await register(issuer)
  const page = await browser.open(authorizationUrl(instance, client, pkce().challenge))
  return (await browser.submit(page, { username, password })).status
}

test('a person is added with a password from standard input, and signs in', async () => {
  const added = await authz(['person', 'add', 'dora', '--display', 'Dora (analyst)', '--scope', 'logs:read customers:read'], { input: 'a password of dora\n' })
  assert.deepEqual(added, { code: 0, stdout: '', stderr: '' })
  instance.people.push({ username: 'dora', password: 'a password of dora', scopes: [] })
  const tokens = await getTokens(instance, 'dora')
  assert.deepEqual(tokens.scope.split(' ').sort(), ['customers:read', 'logs:read'])
  const dora = (await list('person')).find((p) => p.username === 'dora')
  assert.deepEqual([dora.display_name, dora.scope.split(' ').sort(), dora.enabled, dora.living_grants], ['Dora (analyst)', ['customers:read', 'logs:read'], true, 1])
  assert.match(await must(instance, 'authz', ['person', 'list']), /^username\t.*\n(.*\n)*dora\tDora/)
})

test('what is no person is refused, and no password is ever an argument', async () => {
  assertRefused(await authz(['person', 'add', 'dora'], { input: 'a password of dora\n' }), /there is a person of this name/)
  assertRefused(await authz(['person', 'add', 'DORA'], { input: 'a password of dora\n' }), /there is a person of this name/)
  assertRefused(await authz(['person', 'add', 'eve'], { input: 'short\n' }), /password/)
  assertRefused(await authz(['person', 'add', 'eve'], { input: '' }), /password/)
  assertRefused(await authz(['person', 'add', 'eve'], { input: Buffer.from('\xff\xfe\xfd password\n', 'latin1') }), /password/)
  assertRefused(await authz(['person', 'add', 'eve', '--display', 'E\u202Eve'], { input: 'a good password\n' }), /display name/)
  assertRefused(await authz(['person', 'add', 'eve', '--scope', 'a"b'], { input: 'a good password\n' }), /scope/)
  assertRefused(await authz(['person', 'scope', 'nobody', 'logs:read']), /there is nobody of this name/)
  assertRefused(await authz(['person', 'disable', 'nobody']), /there is nobody of this name/)
  assertRefused(await authz(['person', 'password', 'nobody'], { input: 'a good password\n' }), /there is nobody of this name/)
  assert.equal((await authz(['person', 'add', 'eve', '--password', 'x'])).code, 2)
  assert.equal((await authz(['person', 'add', 'eve', 'a good password'])).code, 2)
  assert.ok(!(await list('person')).some((p) => p.username === 'eve'))
})

test('disabling a person ends what is theirs; enabling lets them sign in anew', async () => {
  const tokens = await getTokens(instance, 'dora')
  const client = await register(issuer)
  const waiting = await getCode(instance, client, 'dora')
  assert.equal((await introspect(tokens.access_token)).active, true)
  await must(instance, 'authz', ['person', 'disable', 'dora'])
  assert.equal((await refresh(instance, tokens.client, tokens.refresh_token)).json.error, 'invalid_grant')
  assert.equal((await redeem(instance, client, waiting)).json.error, 'invalid_grant')
  assert.deepEqual(await introspect(tokens.access_token), { active: false })
  assert.equal((await modern(instance, tokens.access_token, 'tools/list')).status, 401)
  assert.equal(await signInStatus('dora', 'a password of dora'), 403)
  const again = await waiting.browser.open(authorizationUrl(instance, client, pkce().challenge))
  assert.match(again.html, /name="password"/, 'the session ended too')
  await must(instance, 'authz', ['person', 'enable', 'dora'])
  assert.equal((await refresh(instance, tokens.client, tokens.refresh_token)).json.error, 'invalid_grant', 'what was ended stays so')
  assert.equal((await getTokens(instance, 'dora')).token_type, 'Bearer')
})

test('a new password takes the place of the old one', async () => {
  await must(instance, 'authz', ['person', 'password', 'dora'], { input: 'another password of dora\n' })
  assert.equal(await signInStatus('dora', 'a password of dora'), 403)
  instance.person('dora').password = 'another password of dora'
  assert.equal((await getTokens(instance, 'dora')).token_type, 'Bearer')
})

test('new scopes hold at once, for living grants too', async () => {
  const tokens = await getTokens(instance, 'dora')
  assert.deepEqual(await toolNames(instance, tokens.access_token), ['get_customer', 'query_logs'])
  await must(instance, 'authz', ['person', 'scope', 'dora', 'logs:read deployments:read'])
  const cut = await refresh(instance, tokens.client, tokens.refresh_token)
  assert.equal(cut.json.scope, 'logs:read')
  assert.deepEqual(await toolNames(instance, cut.json.access_token), ['query_logs'])
  assert.deepEqual((await getTokens(instance, 'dora')).scope.split(' ').sort(), ['deployments:read', 'logs:read'])
  await must(instance, 'authz', ['person', 'scope', 'dora', ''])
  assert.equal((await list('person')).find((p) => p.username === 'dora').scope, '')
})

test('clients: added, listed, disabled, enabled, deleted', async () => {
  const text = await must(instance, 'authz', ['client', 'add', '--name', 'CI', '--redirect-uri', REDIRECT_URI])
  const { id, secret } = /^client_id +(?<id>\S+)\nclient_secret +(?<secret>\S+)\n$/.exec(text).groups
  const client = { client_id: id, redirect_uris: [REDIRECT_URI] }
  const basic = { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
  assert.equal((await redeem(instance, client, await getCode(instance, client, 'alice'), {}, basic)).status, 200)
  assert.ok(!(await must(instance, 'authz', ['client', 'list'])).includes(secret), 'a secret is shown once')
  const row = (await list('client')).find((c) => c.client_id === id)
  assert.deepEqual([row.name, row.origin, row.enabled, row.auth_method], ['CI', 'admin', true, 'client_secret_basic'])
  await must(instance, 'authz', ['client', 'disable', id])
  const off = await fetch(authorizationUrl(instance, client, pkce().challenge), { redirect: 'manual' })
  assert.equal(off.status, 400)
  await off.arrayBuffer()
  await must(instance, 'authz', ['client', 'enable', id])
  assert.ok((await getCode(instance, client, 'alice')).code)
  await must(instance, 'authz', ['client', 'delete', id])
  assertRefused(await authz(['client', 'delete', id]), /there is no client of this id/)
  assertRefused(await authz(['client', 'disable', id]), /there is no client of this id/)
  const open = JSON.parse(await must(instance, 'authz', ['client', 'add', '--id', 'my-desktop', '--name', 'Desktop', '--public', '--redirect-uri', REDIRECT_URI, '--json']))
  assert.deepEqual(open, { client_id: 'my-desktop' })
  assertRefused(await authz(['client', 'add', '--id', 'my-desktop', '--name', 'Again', '--public', '--redirect-uri', REDIRECT_URI]), /there is a client of this id/)
  assert.equal((await getTokens(instance, 'alice', {}, { client_id: 'my-desktop', redirect_uris: [REDIRECT_URI] })).token_type, 'Bearer')
})

test('a client of the operator is judged as a registration is', async () => {
  for (const uri of ['javascript:alert(1)', 'http://app.example/cb', 'https://app.example/cb#x', '/cb', ''])
    assertRefused(await authz(['client', 'add', '--name', 'x', '--redirect-uri', uri]), /: /)
  assertRefused(await authz(['client', 'add', '--name', 'x', '--public', '--resource', instance.mcp]), /never public/)
  assertRefused(await authz(['client', 'add', '--name', 'x']), /--redirect-uri/)
  assertRefused(await authz(['client', 'add', '--name', 'x\u0007', '--redirect-uri', REDIRECT_URI]), /name/)
  assertRefused(await authz(['client', 'add', '--name', 'x'.repeat(65), '--redirect-uri', REDIRECT_URI]), /name/)
  assertRefused(await authz(['client', 'add', '--id', 'a b\u00e9', '--name', 'x', '--redirect-uri', REDIRECT_URI]), /id/)
  const many = Array.from({ length: 11 }, (_, i) => ['--redirect-uri', `https://app.example/${i}`]).flat()
  assertRefused(await authz(['client', 'add', '--name', 'x', ...many]), /redirect/)
  assertRefused(await authz(['client', 'add', '--name', 'x', '--resource', 'https://app.example/#x']), /https:\/\/app\.example\/#x: /)
})

test('a key that is rotated in at once signs; what the old one signed is still accepted', async () => {
  const before = await getTokens(instance, 'alice')
  const old = decodeProtectedHeader(before.access_token).kid
  assert.equal((await modern(instance, before.access_token, 'tools/list')).status, 200)
  const unseen = await getTokens(instance, 'alice')
  const kid = /^(\S+) is published and signs\n$/.exec(await must(instance, 'authz', ['key', 'rotate', '--now']))[1]
  const keys = await list('key')
  assert.deepEqual(keys.map((k) => [k.kid, k.signs]).sort(), [[kid, true], [old, false]].sort())
  process.kill(instance.pids.authz, 'SIGHUP')
  const tokens = await until('the new key to sign', async () => {
    const next = await getTokens(instance, 'alice')
    return decodeProtectedHeader(next.access_token).kid === kid ? next : undefined
  })
  const published = (await (await fetch(`${issuer}/jwks`)).json()).keys
  assert.deepEqual(published.map((k) => k.kid).sort(), [kid, old].sort())
  for (const key of published) assert.deepEqual([key.use, key.alg, key.d], ['sig', 'ES256', undefined])
  for (const { access_token } of [before, unseen, tokens]) assert.equal((await modern(instance, access_token, 'tools/list')).status, 200)
  assert.equal((await introspect(unseen.access_token)).active, true)
  const waiting = /^(\S+) is published, and signs after five minutes/.exec(await must(instance, 'authz', ['key', 'rotate']))[1]
  const three = await list('key')
  assert.equal(three.length, 3)
  assert.equal(three.find((k) => k.kid === waiting).signs, false)
})

test('admin keys are shown once, listed without their text, and revoked by name', async () => {
  const key = (await must(instance, 'authz', ['admin-key', 'add', 'deploy', '--scope', 'admin:clients', '--expires', '1h'])).trim()
  assert.match(key, /^spa_[A-Za-z0-9_-]+$/)
  const use = async () => {
    const answer = await fetch(`${instance.admin.url}/clients`, { headers: { authorization: `Bearer ${key}` } })
    await answer.arrayBuffer()
    return answer.status
  }
  assert.equal(await use(), 200)
  assertRefused(await authz(['admin-key', 'add', 'deploy', '--scope', 'admin:clients']), /a living key has this name/)
  const text = await must(instance, 'authz', ['admin-key', 'list'])
  assert.match(text, /^deploy\tadmin:clients\t.*\talive$/m)
  assert.ok(!text.includes(key.slice(4, 20)))
  await must(instance, 'authz', ['admin-key', 'revoke', 'deploy'])
  assert.equal(await use(), 401)
  assertRefused(await authz(['admin-key', 'revoke', 'deploy']), /no living key/)
  assert.equal((await list('admin-key')).find((k) => k.name === 'deploy').state, 'revoked')
  for (const expires of ['0s', '1', 'soon', '-1d', '11y', '4000d']) assertRefused(await authz(['admin-key', 'add', 'x', '--scope', 'a', `--expires=${expires}`]), /--expires/)
})

test('resources are listed with what their scopes open', async () => {
  const resource = (await list('resource')).find((r) => JSON.stringify(r).includes(instance.mcp))
  assert.ok(resource)
  const scopes = await must(instance, 'mcp', ['scopes'])
  assert.equal(await must(instance, 'authz', ['resource', 'put', instance.mcp, '--name', 'Sallyport demo', '--default', '--scopes', '-'], { input: scopes }), `${instance.mcp} has 6 scopes\n`)
  for (const input of ['', '{', '[]', '{"scopes":{}}', '{"scopes":[{"name":"a"}]}', '{"scopes":[{"name":"","title":"x"}]}'])
    assertRefused(await authz(['resource', 'put', instance.mcp, '--name', 'x', '--scopes', '-'], { input }), /scope/)
  assertRefused(await authz(['resource', 'put', instance.mcp, '--name', 'x', '--scopes', '/nonexistent']), /^sallyport-authz: \/nonexistent: No such file/)
  assertRefused(await authz(['resource', 'put', 'http://host/#x', '--name', 'x']), /http:\/\/host\/#x: /)
})

test('secret new gives a line for the secrets file that is not there yet', async () => {
  const line = await must(instance, 'authz', ['secret', 'new'])
  assert.match(line, /^2 [A-Za-z0-9_-]{43}\n$/)
  assert.notEqual(await must(instance, 'authz', ['secret', 'new']), line)
  assert.match(await must(instance, 'authz', ['secret', 'new'], { config: '/nonexistent.yaml' }), /^1 /)
})

test('authz check: a good configuration, and broken ones by file and line', async () => {
  assert.equal(await must(instance, 'authz', ['check']), `${etc(instance, 'authz.yaml')} is fine\n`)
  const line = async (file, pattern) => (await readFile(file, 'utf8')).split('\n').findIndex((l) => pattern.test(l)) + 1
  const broken = [
    [['made_up: 1'], /^made_up/, /made_up/],
    [[[/^issuer: .*$/m, 'issuer: 5']], /^issuer/, /issuer/],
    [['registration: maybe'], /^registration/, /registration/],
    [['lifetimes: {code: soon}'], /^lifetimes/, /lifetimes\.code/],
    [['workers: 1000'], /^workers/, /workers/],
    [['workers: 2', 'workers: 2'], undefined, /workers/],
    [['tls: {certificate: x}'], /^tls/, /key/],
    [['listen: [broken'], undefined, /./],
    [['a: "\u0007"'], undefined, /./],
  ]
  for (const [changes, where, words] of broken) {
    const file = await deriveConfig(instance, 'authz.yaml', 'broken.yaml', changes)
    const done = await authz(['check'], { config: 'broken.yaml' })
    assertRefused(done, words)
    assert.match(done.stderr, new RegExp(`^sallyport-authz: ${file}:${where ? await line(file, where) : '\\d+'}: `), done.stderr)
    assertRefused(await authz(['serve'], { config: 'broken.yaml' }), words)
  }
  const judged = [
    [['lifetimes: {code: 1h}'], /lifetimes\.code: must be whole seconds from 1 to 600/],
    [[[/^issuer: .*$/m, 'issuer: http://idp.example']], /issuer: /],
    [[[/^issuer: .*$/m, 'issuer: https://idp.example/?x']], /issuer: /],
    [[[/^secrets: .*$/m, 'secrets: none.secrets']], /none\.secrets: No such file/],
    [[[/^templates: .*$/m, 'templates: /nonexistent']], /\/nonexistent/],
    [[[/^listen: .*$/m, 'listen: 0.0.0.0:9400']], /listen: .*loopback only/],
    [[[/^listen: .*$/m, 'listen: [127.0.0.1:9400, localhost:9401]']], /listen: localhost:9401: must be a numeric address/],
    [['tls: {certificate: none.crt, key: none.key}'], /tls\.certificate: .*\/none\.crt: No such file/],
    [['tls: {certificate: authz.yaml, key: none.key}'], /tls\.key: .*\/none\.key: No such file/],
    [['tls: {certificate: authz.yaml, key: authz.yaml}'], /tls\.certificate cannot be read as a PEM certificate/],
    [['proxy: {terminates_tls: true, addresses: [10.0.0.1, 10.0.0.0/8]}'], /proxy\.addresses: 10\.0\.0\.0\/8 is not one numeric address/],
    [[[/^audit_log: .*$/m, 'audit_log: /nonexistent/audit.log']], /audit_log: there is no folder \/nonexistent/],
  ]
  for (const [changes, words] of judged) {
    await deriveConfig(instance, 'authz.yaml', 'broken.yaml', changes)
    assertRefused(await authz(['check'], { config: 'broken.yaml' }), words)
  }
  const [, secret] = (await must(instance, 'authz', ['secret', 'new'])).trim().split(' ')
  for (const [text, words] of [['x\n', /broken\.secrets:1: /], [`1 ${secret}\n1 ${secret}\n`, /broken\.secrets:2: the id stands twice/], [`# none\n`, /broken\.secrets/], [`1 ${secret.slice(1)}\n`, /broken\.secrets:1: /]]) {
    await writeEtc(instance, 'broken.secrets', text)
    await deriveConfig(instance, 'authz.yaml', 'broken.yaml', [[/^secrets: .*$/m, 'secrets: broken.secrets']])
    const done = await authz(['check'], { config: 'broken.yaml' })
    assertRefused(done, words)
    assert.ok(!done.stderr.includes(secret.slice(1, 20)), 'a secret is never in a message')
  }
  assertRefused(await authz(['check'], { config: '/nonexistent.yaml' }), /^sallyport-authz: \/nonexistent\.yaml: /)
  assert.equal(JSON.parse(await must(instance, 'authz', ['schema', 'config'])).title, 'Configuration of sallyport-authz')
  assert.equal(JSON.parse(await must(instance, 'authz', ['schema', 'client'])).title, 'Client metadata (RFC 7591)')
})

test('the database away, or not migrated: one clear line', async () => {
  await deriveConfig(instance, 'authz.yaml', 'broken.yaml', [[/^admin_database: .*$/m, 'admin_database: "host=/nonexistent dbname=x user=y"']])
  assertRefused(await authz(['person', 'list'], { config: 'broken.yaml' }), /nonexistent/)
  await deriveConfig(instance, 'authz.yaml', 'broken.yaml', [[/^admin_database: .*\n/m, '']])
  assertRefused(await authz(['person', 'list'], { config: 'broken.yaml' }), /admin_database is not set/)
  await deriveConfig(instance, 'authz.yaml', 'broken.yaml', [[/^(admin_database: .*)dbname=sallyport/m, '$1dbname=postgres']])
  assertRefused(await authz(['person', 'list'], { config: 'broken.yaml' }), /migrate/)
})

test('a slip of the pen is noted, a resource that is not there refused', async () => {
  const added = await authz(['client', 'add', '--name', 'X', '--resource', 'https://nope.example/mcp'])
  assertRefused(added, /no such resource/)
  const scopes = instance.person('bob').scopes.join(' ')
  const noted = await authz(['person', 'scope', 'bob', `${scopes} logs:raed`])
  assert.equal(noted.code, 0)
  assert.match(noted.stderr, /no resource has the scope logs:raed/)
  await must(instance, 'authz', ['person', 'scope', 'bob', scopes])
  const service = await authz(['client', 'add', '--id', 'slip', '--name', 'Slip', '--client-credentials', '--scope', 'logs:read logs:raed'])
  assert.equal(service.code, 0)
  assert.equal(service.stderr, 'note: no resource has the scope logs:raed\n')
  await must(instance, 'authz', ['client', 'delete', 'slip'])
  const key = await authz(['admin-key', 'add', 'slip', '--scope', 'admin:client'])
  assert.equal(key.code, 0)
  assert.match(key.stderr, /the scope admin:clients and no other/)
  await must(instance, 'authz', ['admin-key', 'revoke', 'slip'])
})

test('what is no verb, or has other arguments, is a usage error', async () => {
  const wrong = [[], ['nothing'], ['person'], ['person', 'nothing'], ['person', 'add'], ['person', 'add', 'a', 'b'], ['person', 'list', 'x'], ['person', 'scope', 'alice'], ['client', 'add'], ['client', 'add', '--nothing'],
    ['client', 'disable'], ['key', 'rotate', 'x'], ['admin-key', 'add', 'x'], ['resource', 'put'], ['resource', 'put', 'http://x/'], ['secret', 'new', 'x'], ['serve', 'x'], ['check', 'x'], ['migrate'], ['--nothing']]
  for (const args of wrong) {
    const done = await authz(args)
    assert.equal(done.code, 2, args.join(' '))
    assert.notEqual(done.stderr, '')
    assert.equal(done.stdout, '')
  }
  assert.match((await authz(['nothing'])).stderr, /there is no verb nothing; --help lists the verbs/)
  assert.match((await authz(['group', '--help'])).stderr, /^Usage: sallyport-authz .* group put .*\n.* group list .*\n.* group delete NAME\n$/)
  for (const args of [[], ['nothing'], ['serve', 'x'], ['check', 'x'], ['scopes', 'x'], ['schema'], ['schema', 'x'], ['catalogue', 'x'], ['doctor'], ['--nothing']])
    assert.equal((await verb(instance, 'mcp', args)).code, 2, args.join(' '))
  for (const name of ['authz', 'mcp']) {
    assert.match(await must(instance, name, ['--help']), /Usage: /)
    assert.match(await must(instance, name, ['--version']), new RegExp(`^sallyport-${name} \\S+\n$`))
  }
})

test('X-10: behind a restored backup nothing of before lives, and everybody can begin anew', async () => {
  const tokens = await getTokens(instance, 'alice')
  const admin = (await must(instance, 'authz', ['admin-key', 'add', 'before', '--scope', 'admin:clients'])).trim()
  const api = (await must(instance, 'authz', ['api-key', 'add', 'before', '--person', 'alice', '--resource', instance.mcp, '--scope', 'logs:read'])).trim()
  assert.equal((await introspect(api)).active, true)
  const before = (await (await fetch(`${issuer}/jwks`)).json()).keys.map((key) => key.kid)
  assert.match(await must(instance, 'authz', ['revoke', 'all']), /^[1-9]\d* sessions ended\n[1-9]\d* grants ended\n\d+ remembered consents ended\n1 API keys ended\n[1-9]\d* admin keys ended\n\d+ initial access tokens ended\n[1-9]\d* signing keys ended\nnew signing key: \S+\n$/)
  assert.equal((await refresh(instance, tokens.client, tokens.refresh_token)).json.error, 'invalid_grant')
  assert.equal((await introspect(tokens.access_token)).active, false)
  assert.equal((await introspect(api)).active, false)
  assert.equal((await fetch(`${issuer}/admin/clients`, { headers: { authorization: `Bearer ${admin}` } })).status, 401)
  await until('mcp to refuse the token', async () => (await modern(instance, tokens.access_token, 'tools/list')).status === 401)
  await until('only the new key to be published', async () => {
    const now = (await (await fetch(`${issuer}/jwks`)).json()).keys.map((key) => key.kid)
    return now.length === 1 && !before.includes(now[0])
  })
  const anew = await getTokens(instance, 'alice')
  assert.deepEqual(await toolNames(instance, anew.access_token), await toolNames(instance, (await getTokens(instance, 'alice')).access_token))
  assert.equal((await authz(['revoke', 'all', 'now'])).code, 2)
})

test('the audit log has no password, secret or key', async () => {
  const audit = await readFile(instance.logs.audit, 'utf8')
  const log = await readFile(instance.logs.authz, 'utf8')
  const secrets = [...instance.people.map((p) => p.password), instance.resource_server.client_secret, instance.admin.token, 'a password of dora']
  for (const text of secrets) for (const where of [audit, log]) assert.ok(!where.includes(text))
  assert.equal(/sp(c_(?!client_)|[rsa]_)[A-Za-z0-9_-]{40}|eyJ[A-Za-z0-9_-]{20}/.exec(audit + log), null)
})

/* ---- sallyport-mcp ---- */

const goodTool = `name: extra_tool
title: Extra
description: Gives what it got.
scope: logs:read
tier: read
input:
  type: object
  additionalProperties: false
  properties:
    text: {type: string, maxLength: 10}
sql:
  statement: select $1::text as text
  parameters: [text]
result:
  columns: [text]
`

async function checkWith(tool) {
  await rm(etc(instance, 'more-tools'), { recursive: true, force: true })
  await cp(etc(instance, 'tools'), etc(instance, 'more-tools'), { recursive: true })
  await writeEtc(instance, 'more-tools/zz_extra.yaml', tool)
  await deriveConfig(instance, 'mcp.yaml', 'more.yaml', [[/^tools: .*$/m, 'tools: more-tools']])
  return verb(instance, 'mcp', ['check'], { config: 'more.yaml' })
}

test("mcp check: the server's own database, in a role that may work with it", async () => {
  for (const [user, words] of [['sallyport_tools_read', /broken\.yaml: database: .*permission denied for schema mcp/], ['nobody_here', /broken\.yaml: database: /]]) {
    await deriveConfig(instance, 'mcp.yaml', 'broken.yaml', [['user=sallyport_mcp', `user=${user}`]])
    assertRefused(await verb(instance, 'mcp', ['check'], { config: 'broken.yaml' }), words)
  }
})

test('mcp check: good tools, and each broken one by its file', async () => {
  assert.equal(await must(instance, 'mcp', ['check']), `${etc(instance, 'mcp.yaml')}: fine, 7 tools, 1 resource, 1 template, 1 prompt\n`)
  const good = await checkWith(goodTool)
  assert.equal(good.stdout, `${etc(instance, 'more.yaml')}: fine, 8 tools, 1 resource, 1 template, 1 prompt\n`, good.stderr)
  const broken = [
    [/^scope: .*\n/m, '', /scope/],
    [/^scope: .*$/m, 'scope: nobody:knows', /scope: nobody:knows is not among the scopes/],
    [/^scope: .*$/m, 'scope: ""', /scope/],
    ['maxLength: 10', 'maxLenght: 10', /maxLenght/],
    ['maxLength: 10', 'pattern: "("', /pattern/],
    ['maxLength: 10', 'x-mcp-header: "X Y"', /x-mcp-header/],
    ['maxLength: 10', '$ref: "https://evil.example/schema"', /\$ref|evil/],
    ['  additionalProperties: false\n', '', /additionalProperties/],
    ['additionalProperties: false', 'additionalProperties: true', /additionalProperties/],
    ['type: object', 'type: array', /type/],
    ['tier: read', 'tier: write', /write/],
    ['tier: read', 'tier: destroy', /write/],
    ['tier: read', 'tier: any', /tier/],
    ['parameters: [text]', 'parameters: [text]\n  write: true', /write/],
    ['parameters: [text]', 'parameters: []', /parameters/],
    ['parameters: [text]', 'parameters: [other]', /parameters/],
    ['parameters: [text]', 'parameters: [text]\n  timeout: 1h', /timeout/],
    ['select $1::text as text', 'select $2::text as text', /parameters/],
    ['select $1::text as text', 'selekt $1::text as text', /statement/],
    ['select $1::text as text', 'select $1::text as text, authz.nothing()', /statement/],
    ['select $1::text as text', 'select secret_digest as text from authz.clients where client_id = $1::text', /statement.*denied/],
    ['select $1::text as text', 'select $1::text as text; select 1', /statement/],
    ['select $1::text as text', 'delete from sample.users where email = $1::text returning email as text', /statement/],
    ['columns: [text]', 'columns: [other]', /columns/],
    ['columns: [text]', 'columns: []', /columns/],
    ['name: extra_tool', 'name: query_logs', /query_logs/],
    ['name: extra_tool', 'name: "a b"', /name/],
    ['title: Extra', 'title: "Ex\\u202Etra"', /title/],
    ['title: Extra', 'title: Extra\nmade_up: 1', /made_up/],
    ['title: Extra', 'title: Extra\ntitle: Again', /title/],
    ['title: Extra', 'title: [Extra', /./],
  ]
  for (const [from, to, words] of broken) {
    const text = goodTool.replace(from, to)
    assert.notEqual(text, goodTool, String(from))
    const done = await checkWith(text)
    assertRefused(done, words, to)
    assert.match(done.stderr, /more-tools\/(zz_extra|query_logs)\.yaml/, done.stderr)
  }
  await checkWith(goodTool.replace(/^scope: .*\n/m, ''))
  assertRefused(await verb(instance, 'mcp', ['serve'], { config: 'more.yaml' }), /zz_extra\.yaml.*scope/)
})

test('mcp check: resources and prompts, each broken one by its file and place', async () => {
  const [ticket, report] = [await readFile(etc(instance, 'resources/ticket.yaml'), 'utf8'), await readFile(etc(instance, 'prompts/incident_report.yaml'), 'utf8')]
  const cases = [
    ['resources/ticket.yaml', ticket, 'from sample.tickets\n', 'from sample.nothing\n', /ticket\.yaml: \/sql\/statement/],
    ['resources/ticket.yaml', ticket, 'select id from', 'select iban from', /ticket\.yaml: \/complete\/ticket_id\/sql\/statement/],
    ['resources/ticket.yaml', ticket, 'columns: [id,', 'columns: [idd,', /ticket\.yaml: .*idd/],
    ['resources/ticket.yaml', ticket, '{ticket_id}', '{+ticket_id*}', /ticket\.yaml: \/uri_template/],
    ['prompts/incident_report.yaml', report, 'incident_report.md', '../incident_report.md', /incident_report\.yaml: \/static\/messages\/1\/resource\/file/],
    ['prompts/incident_report.yaml', report, '{{audience}}', '{{audiense}}', /incident_report\.yaml: \/static\/messages\/0\/text: .*audiense/],
    ['prompts/incident_report.yaml', report, 'scope: logs:read', 'scope: nobody:knows', /incident_report\.yaml: \/scope/],
  ]
  for (const [file, text, from, to, words] of cases) {
    const broken = text.replace(from, to)
    assert.notEqual(broken, text, from)
    await writeEtc(instance, file, broken)
    assertRefused(await verb(instance, 'mcp', ['check']), words, to)
    await writeEtc(instance, file, text)
  }
  await must(instance, 'mcp', ['check'])
})

test('mcp check: a table that the tools’ role may not read', async () => {
  const done = await checkWith(goodTool.replace(/^( *statement:).*$/m, '$1 select name as text from sample.migrations where name = $$1::text'))
  assert.equal(done.code, 1)
  assert.match(done.stderr, /permission denied/)
})

test('mcp check: a broken configuration by file and line', async () => {
  const broken = [
    ['made_up: 1'],
    [[/^resource: .*$/m, 'resource: ftp://x/']],
    [[/^audit_log: .*\n/m, '']],
    [[/^tools: .*$/m, 'tools: nowhere']],
    [[/cache|client_secret_file: [^}]*/, 'client_secret_file: nowhere']],
    ['initial_scopes: [nobody:knows]'],
    [[/^authorization_server: .*$/m, 'authorization_server: http://idp.example']],
    [[/^( {2}read: \{conninfo: ".*)dbname=sallyport/m, '$1dbname=nothing']],
    [[/^databases:\n(.*\n)+/m, 'databases: {}\n']],
  ]
  for (const changes of broken) {
    await deriveConfig(instance, 'mcp.yaml', 'broken.yaml', changes)
    assertRefused(await verb(instance, 'mcp', ['check'], { config: 'broken.yaml' }), /etc\//)
  }
  assertRefused(await verb(instance, 'mcp', ['check'], { config: '/nonexistent.yaml' }), /nonexistent\.yaml/)
})

test('N-4: a line break in what becomes a header is refused where it is set', async () => {
  const broken = (text) => JSON.stringify(`${text}\r\nX-Injected: yes`)
  for (const [name, change] of [
    ['authz', [/^issuer: (.*)$/m, `issuer: ${broken(issuer)}`]],
    ['mcp', [/^resource: (.*)$/m, `resource: ${broken(instance.mcp)}`]],
    ['mcp', [/^authorization_server: (.*)$/m, `authorization_server: ${broken(issuer)}`]],
    ['mcp', `allowed_origins: [${broken('https://a.example')}]`],
    ['mcp', `initial_scopes: [${broken('logs:read')}]`],
  ]) {
    await deriveConfig(instance, `${name}.yaml`, 'broken.yaml', [change])
    const done = await verb(instance, name, ['check'], { config: 'broken.yaml' })
    assertRefused(done, /broken\.yaml/, JSON.stringify(change))
    assert.ok(!done.stderr.includes('\nX-Injected'), 'nor does it break a line of the log')
  }
  await writeEtc(instance, 'resource.json', JSON.stringify({ scopes: [{ name: 'a\r\nX: y', title: 'A' }] }))
  assertRefused(await authz(['resource', 'put', 'https://other.example/mcp', '--name', 'Other', '--scopes', etc(instance, 'resource.json')]), /scope/)
  assertRefused(await authz(['resource', 'put', 'https://other.example/mcp\r\nX: y', '--name', 'Other']), /./)
})

test('every setting stands in contrib/doc/settings.md', async () => {
  const [, authz, mcp] = (await readFile(new URL('../../contrib/doc/settings.md', import.meta.url), 'utf8')).split(/^## .*\.yaml$/m)
  for (const [name, page] of [['authz', authz], ['mcp', mcp]]) {
    const names = Object.keys(JSON.parse(await must(instance, name, ['schema', 'config'])).properties)
    assert.ok(names.length > 15, names.join(' '))
    assert.deepEqual(names.filter((setting) => !page.includes(`\`${setting}\``)), [], name)
  }
})

test('mcp scopes, catalogue and schema say what the files say', async () => {
  const { scopes } = JSON.parse(await must(instance, 'mcp', ['scopes']))
  assert.deepEqual(scopes.find((s) => s.name === 'logs:read'), {
    name: 'logs:read',
    title: 'Search the logs of services',
    tools: [
      { name: 'query_logs', title: 'Search service logs', tier: 'read' },
      { name: 'payments_runbook', title: 'Runbook of the payments service', tier: 'read' },
      { name: 'incident_report', title: 'Write an incident report', tier: 'read' },
    ],
  })
  assert.deepEqual(scopes.find((s) => s.name === 'tools:admin').tools.map((t) => [t.name, t.tier]), [['create_user', 'write'], ['run_migration', 'write']])
  const catalogue = await must(instance, 'mcp', ['catalogue'])
  assert.match(catalogue, /^logs:read {2}\(Search the logs of services\)\n {2}query_logs +read +Search service logs\n/m)
  assert.match(catalogue, /read_ticket.*; result marked as untrusted/)
  assert.match(catalogue, /run_migration.*could be granted the scope/)
  assert.match(catalogue, /sample:\/\/tickets\/\{ticket_id\} +template +Support tickets; result marked as untrusted/)
  assert.match(catalogue, /incident_report +prompt /)
  for (const what of ['tool', 'resource', 'prompt', 'config']) assert.equal(JSON.parse(await must(instance, 'mcp', ['schema', what])).$schema, 'https://json-schema.org/draft/2020-12/schema')
})
