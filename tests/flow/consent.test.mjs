// SPDX-License-Identifier: Apache-2.0
// Who is asked, and who is not: consent that is remembered, scopes that are kept, roles and groups, as a person in a real browser meets them.
// SCREENSHOTS=DIR keeps a picture of each page.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { chromium } from 'playwright-core'
import { authorizationUrl, getTokens, pkce, postForm, postJson, redeem, refresh, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { verb } from './lib/programs.mjs'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const skip = executablePath === undefined && 'no Chromium is installed'
const instance = await startInstance()
const browser = skip ? undefined : await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
// The client's own address, and another site with a link and a redirect.
const answers = []
const receiver = createServer((request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1')
  if (url.pathname === '/callback') answers.push(url)
  // As many clients do, it goes on elsewhere once it has the code.
  if (url.searchParams.has('state') && url.searchParams.get('state').startsWith('on')) return response.writeHead(302, { location: `http://localhost:${other.address().port}/done` }).end()
  response.setHeader('content-type', 'text/html').end('<p>back at the client')
})
let target = ''
const other = createServer((request, response) => {
  if (request.url === '/redirect') return response.writeHead(302, { location: target }).end()
  response.setHeader('content-type', 'text/html').end(request.url === '/done' ? '<p>all done' : `<a href="${request.url === '/hop' ? '/redirect' : target.replaceAll('&', '&amp;')}">connect</a>`)
})
for (const server of [receiver, other]) await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const redirect = `http://127.0.0.1:${receiver.address().port}/callback`
const elsewhere = `http://localhost:${other.address().port}`
after(async () => {
  await browser?.close()
  for (const server of [receiver, other]) server.closeAllConnections(), server.close()
})

async function authz(...args) {
  const done = await verb(instance, 'authz', args)
  if (done.code !== 0) throw new Error(done.stderr)
  return done
}

async function visitor(username) {
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  const complaints = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  return { context, page, complaints, person: instance.person(username) }
}

const picture = async (page, name) => {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true })
}

async function signIn(page, person) {
  await page.getByLabel(/name/i).first().fill(person.username)
  await page.getByLabel(/password/i).fill(person.password)
  await page.getByRole('button', { name: /sign in/i }).click()
}

/** What came back to the client while `act` ran. */
async function answerOf(page, act) {
  const before = answers.length
  await act()
  await page.waitForURL(/\/callback\?|\/done/)
  assert.equal(answers.length, before + 1)
  return answers.at(-1).searchParams
}

const allow = (page) => answerOf(page, () => page.getByRole('button', { name: 'Allow' }).click())
const asked = (page) => page.getByRole('button', { name: /allow|go back/i }).count()
const ask = (client, more = {}) => {
  const { verifier, challenge } = pkce()
  return { verifier, url: authorizationUrl(instance, client, challenge, more) }
}
const scopeOf = async (client, request, parameters) => {
  const answer = await redeem(instance, client, { code: parameters.get('code'), verifier: request.verifier })
  assert.equal(answer.status, 200, answer.text)
  return answer.json
}

test('the second connection asks nobody, unless another site, the client or a new wish makes it', { skip }, async () => {
  const client = await register(instance.issuer, { client_name: 'Daily', redirect_uris: [redirect] })
  const { page, person, context, complaints } = await visitor('alice')
  let request = ask(client, { scope: 'logs:read' })
  await page.goto(request.url)
  await signIn(page, person)
  assert.match(await page.locator('main').innerText(), /is remembered/)
  await picture(page, 'consent-1-first')
  const tokens = await scopeOf(client, request, await allow(page))
  assert.equal(tokens.scope, 'logs:read')

  request = ask(client, { scope: 'logs:read', state: 'again' })
  const silent = await answerOf(page, () => page.goto(request.url))
  assert.equal(silent.get('state'), 'again')
  assert.equal(silent.get('iss'), instance.issuer)
  assert.equal((await scopeOf(client, request, silent)).scope, 'logs:read')

  // A link on a page of another site, by itself and with a redirect in between.
  target = ask(client, { scope: 'logs:read' }).url
  for (const path of ['/link', '/hop']) {
    await page.goto(elsewhere + path)
    await page.getByRole('link').click()
    await page.waitForURL(/\/consent\?/)
    assert.equal(await asked(page), 1)
    assert.match(await page.locator('main').innerText(), /Already allowed/)
  }
  await picture(page, 'consent-2-another-site')
  await page.goto(ask(client, { scope: 'logs:read', prompt: 'consent' }).url)
  assert.equal(await asked(page), 1)

  // Step-up: the client asks for the new scope only, and gets both.
  request = ask(client, { scope: 'deployments:read' })
  await page.goto(request.url)
  const text = await page.locator('main').innerText()
  assert.ok(text.indexOf('deployments:read') < text.indexOf('Already allowed') && text.indexOf('Already allowed') < text.indexOf('logs:read'), text)
  await picture(page, 'consent-3-step-up')
  const more = await scopeOf(client, request, await allow(page))
  assert.equal(more.scope, 'deployments:read logs:read')
  // The older grant lives on: it may be another device's.
  assert.equal((await refresh(instance, client, tokens.refresh_token)).json.scope, 'logs:read')

  // prompt=none gets its answer without a page.
  assert.ok((await answerOf(page, () => page.goto(ask(client, { scope: 'logs:read', prompt: 'none' }).url))).get('code'))
  assert.equal((await answerOf(page, () => page.goto(ask(client, { scope: 'customers:read', prompt: 'none' }).url))).get('error'), 'consent_required')
  await context.clearCookies()
  assert.equal((await answerOf(page, () => page.goto(ask(client, { scope: 'logs:read', prompt: 'none' }).url))).get('error'), 'login_required')

  // After a fresh sign-in what was allowed is not asked again: the answer follows the form at once.
  await page.goto(ask(client, { scope: 'logs:read' }).url)
  assert.ok((await answerOf(page, () => signIn(page, person))).get('code'))
  assert.deepEqual(complaints, [])
  await context.close()
})

test('a client whose callback goes on elsewhere is not held up by the policy of the page', { skip }, async () => {
  const client = await register(instance.issuer, { client_name: 'Goes on', redirect_uris: [redirect] })
  const { page, person, context, complaints } = await visitor('alice')
  await page.goto(ask(client, { scope: 'logs:read', state: 'on-1' }).url)
  await signIn(page, person)
  assert.ok((await allow(page)).get('code'))
  await page.waitForURL(/\/done/, { timeout: 5000 })
  assert.deepEqual(complaints, [])
  await context.close()
})

test('an application with a scheme of its own gets its answer through the page’s policy', { skip }, async () => {
  const client = await register(instance.issuer, { client_name: 'Scheme', redirect_uris: ['com.example.notes:/callback'] })
  const { page, person, context, complaints } = await visitor('alice')
  await page.goto(ask(client, { scope: 'logs:read' }).url)
  await signIn(page, person)
  assert.match(await page.locator('main').innerText(), /com\.example\.notes:/)
  const [answer] = await Promise.all([
    page.waitForResponse((r) => r.url().endsWith('/consent') && r.request().method() === 'POST'),
    page.getByRole('button', { name: 'Allow' }).click(),
  ])
  assert.match((await answer.allHeaders()).location, /^com\.example\.notes:\/callback\?code=/)
  assert.deepEqual(complaints.filter((c) => /Content Security Policy|form-action/i.test(c)), [])
  await context.close()
})

test('another place of the same client, a withdrawn consent and a lost scope are asked about anew', { skip }, async () => {
  const local = redirect.replace('127.0.0.1', 'localhost')
  const client = await register(instance.issuer, { client_name: 'Moves', redirect_uris: [redirect, local] })
  const { page, person, context } = await visitor('bob')
  const name = person.username
  await page.goto(ask(client, { scope: 'logs:read tickets:read' }).url)
  await signIn(page, person)
  await allow(page)
  await page.goto(ask(client, { scope: 'logs:read', redirect_uri: local }).url)
  assert.equal(await asked(page), 1)
  assert.match((await authz('person', 'consents', name)).stdout, new RegExp(`${client.client_id}\tMoves\t127\\.0\\.0\\.1\t.*logs:read tickets:read`))

  let request = ask(client, { scope: 'logs:read' })
  const both = await scopeOf(client, request, await answerOf(page, () => page.goto(request.url)))
  await authz('person', 'scope', name, 'logs:read deployments:read users:read')
  assert.equal((await refresh(instance, client, both.refresh_token)).json.scope, 'logs:read')
  request = ask(client, { scope: 'logs:read tickets:read' })
  assert.equal((await scopeOf(client, request, await answerOf(page, () => page.goto(request.url)))).scope, 'logs:read')
  await page.goto(ask(client, { scope: 'tickets:read' }).url)
  assert.match(await page.locator('main').innerText(), /may not give any/)
  await picture(page, 'consent-4-lost')
  await authz('person', 'scope', name, 'logs:read deployments:read tickets:read users:read')

  assert.match((await authz('person', 'forget', name, client.client_id, '--revoke')).stdout, /^1 consents withdrawn, \d+ grants revoked/)
  assert.equal((await refresh(instance, client, both.refresh_token)).json.error, 'invalid_grant')
  await page.goto(ask(client, { scope: 'logs:read' }).url)
  assert.equal(await asked(page), 1)
  assert.doesNotMatch(await page.locator('main').innerText(), /Already allowed/)
  await context.close()
})

test('two tabs are two decisions, and nobody decides on a page that somebody else was shown', { skip }, async () => {
  const client = await register(instance.issuer, { client_name: 'Tabs', redirect_uris: [redirect] })
  const { page, person, context } = await visitor('alice')
  await page.goto(ask(client, { scope: 'logs:read' }).url)
  await signIn(page, person)
  const second = await context.newPage()
  await second.goto(ask(client, { scope: 'deployments:read', state: 'two' }).url)
  assert.ok((await allow(page)).get('code'))
  assert.equal((await allow(second)).get('state'), 'two')
  await page.goBack()
  assert.match(await page.locator('main').innerText(), /expired or was answered already/)

  // Alice leaves a page open; bob signs in with the same browser in another tab.
  await page.goto(ask(client, { scope: 'customers:read' }).url)
  await second.goto(ask(client, { scope: 'logs:read', prompt: 'login' }).url)
  await signIn(second, instance.person('bob'))
  assert.match(await second.locator('main').innerText(), /Signed in as .*bob/s)
  const before = answers.length
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForURL(/\/consent\?/)
  assert.match(await page.locator('main').innerText(), /Signed in as .*bob/s)
  assert.match(await page.locator('main').innerText(), /may not give any/)
  await picture(page, 'consent-5-somebody-else')
  assert.equal(answers.length, before)
  await context.close()
})

test('an application of the house asks nobody, and only an administrator makes one', { skip }, async () => {
  const headers = { authorization: `Bearer ${instance.admin.token}` }
  const metadata = { client_name: 'Intranet', redirect_uris: [redirect], consent: 'implicit', default_resource: instance.mcp, scope: 'logs:read' }
  const added = await postJson(`${instance.issuer}/admin/clients`, metadata, headers)
  assert.equal(added.status, 201, added.text)
  assert.equal(added.json.consent, 'implicit')
  assert.equal(added.json.default_resource, instance.mcp)
  for (const [bad, words] of [[{ consent: 'always' }, /explicit or implicit/], [{ token_endpoint_auth_method: 'none' }, /implicit consent/], [{ default_resource: 'x' }, /default_resource/]]) {
    const refused = await postJson(`${instance.issuer}/admin/clients`, { ...metadata, ...bad }, headers)
    assert.equal(refused.status, 400)
    assert.match(refused.json.error_description, words)
  }
  const own = await register(instance.issuer, { redirect_uris: ['https://app.example/cb'], consent: 'implicit' })
  assert.equal(own.consent, undefined)
  const patched = await fetch(`${instance.issuer}/admin/clients/${own.client_id}`, { method: 'PATCH', headers: { ...headers, 'content-type': 'application/json' }, body: '{"consent":"implicit"}' })
  assert.equal(patched.status, 400)

  const { page, person, context } = await visitor('alice')
  const client = added.json
  const request = ask(client, { resource: undefined, scope: undefined })
  target = request.url
  await page.goto(elsewhere)
  await page.getByRole('link').click()
  const parameters = await answerOf(page, () => signIn(page, person))
  const answer = await postForm(`${instance.issuer}/token`, { grant_type: 'authorization_code', code: parameters.get('code'), code_verifier: request.verifier, redirect_uri: redirect }, {
    authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`,
  })
  assert.equal(answer.json.scope, 'logs:read', answer.text)
  await context.close()
})

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))

test('roles and groups give scopes, at once, and tokens name them', async () => {
  await authz('role', 'put', 'operator', '--scope', 'tools:admin')
  await authz('group', 'put', 'on-call', '--role', 'operator', '--scope', 'users:read')
  const before = await getTokens(instance, 'alice', { scope: 'logs:read users:read tools:admin' })
  assert.equal(before.scope, 'logs:read')
  assert.equal(claims(before.access_token).roles, undefined)
  await authz('person', 'groups', 'alice', 'on-call')
  const tokens = await getTokens(instance, 'alice', { scope: 'logs:read users:read tools:admin' })
  assert.equal(tokens.scope, 'logs:read tools:admin users:read')
  assert.deepEqual([claims(tokens.access_token).roles, claims(tokens.access_token).groups], [['operator'], ['on-call']])
  const shown = await postForm(`${instance.issuer}/introspect`, { token: tokens.access_token }, {
    authorization: `Basic ${Buffer.from(`${instance.resource_server.client_id}:${instance.resource_server.client_secret}`).toString('base64')}`,
  })
  assert.deepEqual([shown.json.roles, shown.json.groups], [['operator'], ['on-call']])
  assert.match((await authz('person', 'list')).stdout, /^alice\t.*tools:admin.*\toperator\ton-call\t/m)
  assert.match((await authz('group', 'list')).stdout, /^on-call\toperator\tusers:read\t1$/m)
  await authz('role', 'delete', 'operator')
  const after = await refresh(instance, tokens.client, tokens.refresh_token)
  assert.equal(after.json.scope, 'logs:read users:read')
  assert.equal(claims(after.json.access_token).roles, undefined)
  await assert.rejects(authz('person', 'roles', 'alice', 'operator'), /there is no role operator/)
  await assert.rejects(authz('group', 'put', 'x', '--role', 'nobody'), /there is no role nobody/)
  await assert.rejects(authz('person', 'groups', 'nobody', 'on-call'), /nobody of this name/)
  await authz('group', 'delete', 'on-call')
  assert.equal((await refresh(instance, tokens.client, after.json.refresh_token)).json.scope, 'logs:read')
})
