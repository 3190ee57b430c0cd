// SPDX-License-Identifier: Apache-2.0
// A single-page application: oidc-client-ts in a real browser, on another origin than the server. Discovery, registration, the code flow, refreshing
// and revoking all go through the browser's CORS checks; what must not be reached from a page cannot be.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { chromium } from 'playwright-core'
import { startInstance } from './lib/instance.mjs'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const skip = executablePath === undefined && 'no Chromium is installed'
const instance = skip ? undefined : await startInstance()
const library = await readFile(new URL('../node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js', import.meta.url))

// The application: a page and the library. It is served under another name than the server, so that nothing is same-site.
const application = createServer((request, response) => {
  const script = request.url === '/oidc.js'
  response.setHeader('content-type', script ? 'text/javascript' : 'text/html; charset=utf-8')
  response.end(script ? library : '<!doctype html><title>An application</title><script src="/oidc.js"></script><p>An application')
})
await new Promise((resolve) => application.listen(0, '127.0.0.1', resolve))
const home = `http://localhost:${application.address().port}/`
const browser = skip ? undefined : await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
after(async () => {
  await browser?.close()
  application.close()
})

/** Registers from inside the page, as an application without a server does. */
const registerInPage = (page) => page.evaluate(async ({ issuer, home }) => {
  const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()
  const answer = await fetch(metadata.registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'An application in a page', redirect_uris: [home], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'none' }),
  })
  return answer.json()
}, { issuer: instance.issuer, home })

const settingsOf = (client) => ({
  authority: instance.issuer,
  client_id: client.client_id,
  redirect_uri: home,
  scope: 'openid profile logs:read customers:read',
  loadUserInfo: true,
  resource: instance.mcp,
  automaticSilentRenew: false,
  monitorSession: false,
})

/** Runs a method of a fresh UserManager in the page; what it returns must be JSON. */
const inPage = (page, client, body, more = {}) => page.evaluate(async ({ settings, body, more }) => {
  const manager = new window.oidc.UserManager({ ...settings, ...more, userStore: new window.oidc.WebStorageStateStore({ store: window.localStorage }) })
  return await new Function('manager', `return (async () => { ${body} })()`)(manager)
}, { settings: settingsOf(client), body, more })

test('oidc-client-ts in a page on another origin: registration, code flow, refresh, revocation', { skip }, async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  const complaints = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  await page.goto(home)
  const client = await registerInPage(page)
  assert.match(client.client_id, /^client_/)

  await inPage(page, client, 'await manager.signinRedirect()').catch(() => {}) // the page is left while it waits
  await page.waitForURL(`${instance.issuer}/**`)
  const alice = instance.person('alice')
  await page.getByLabel(/name/i).first().fill(alice.username)
  await page.getByLabel(/password/i).fill(alice.password)
  await page.getByRole('button', { name: /sign in/i }).click()
  await page.getByRole('button', { name: /allow/i }).click()
  await page.waitForURL(`${home}?**`)

  const user = await inPage(page, client, 'const u = await manager.signinCallback(); return { token: u.access_token, refresh: u.refresh_token, scopes: u.scopes, profile: u.profile }')
  assert.ok(user.token)
  assert.deepEqual([...user.scopes].sort(), ['customers:read', 'logs:read', 'openid', 'profile'])
  assert.equal(user.profile.preferred_username, 'alice') // of userinfo
  const renewed = await inPage(page, client, 'const u = await manager.signinSilent(); return { token: u.access_token, refresh: u.refresh_token }')
  assert.notEqual(renewed.token, user.token)
  assert.notEqual(renewed.refresh, user.refresh)
  await inPage(page, client, 'await manager.revokeTokens(["refresh_token"])')
  const refused = await inPage(page, client, 'try { await manager.signinSilent({ forceIframeAuth: false }); return "renewed" } catch (error) { return error.error ?? error.message }',
    { stateStore: undefined }).catch((error) => error.message)
  assert.notEqual(refused, 'renewed')
  assert.deepEqual(complaints.filter((text) => /CORS|Access-Control/.test(text)), [])
  await context.close()
})

test('a page elsewhere reads what it may and nothing else', { skip }, async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(home)
  const reach = (path, init) => page.evaluate(async ({ url, init }) => {
    try {
      const answer = await fetch(url, init)
      return { status: answer.status, challenge: answer.headers.get('www-authenticate') }
    } catch {
      return 'blocked'
    }
  }, { url: instance.issuer + path, init })
  const form = (fields, headers = {}) => ({ method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers }, body: new URLSearchParams(fields).toString() })
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration', '/jwks']) assert.equal((await reach(path)).status, 200, path)
  const basic = { authorization: 'Basic bm9ib2R5Om5vdGhpbmc=' } // needs a preflight
  const token = await reach('/token', form({ grant_type: 'refresh_token', refresh_token: 'x' }, basic))
  assert.equal(token.status, 401)
  assert.match(token.challenge, /^Basic /) // exposed to the page
  assert.equal((await reach('/revoke', form({ token: 'x' }, basic))).status, 401)
  for (const path of ['/authorize', '/sign-in', '/consent', '/admin/clients', '/style.css']) assert.equal(await reach(path), 'blocked', path)
  assert.equal(await reach('/introspect', form({ token: 'x' }, basic)), 'blocked')
  assert.equal(await reach('/sign-out', form({})), 'blocked')
  await context.close()
})
