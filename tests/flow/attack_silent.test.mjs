// SPDX-License-Identifier: Apache-2.0
// Codes that nobody was asked for: every way into /authorize that another site could take to have an answer sent without a page, and what may
// change between a consent and its next use.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { chromium } from 'playwright-core'
import { Browser } from './lib/browser.mjs'
import { authorizationUrl, getCode, pkce, postJson, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const skip = executablePath === undefined && 'no Chromium is installed'
const instance = await startInstance()
const { issuer } = instance

const ask = (client, more = {}) => authorizationUrl(instance, client, pkce().challenge, { scope: 'logs:read', ...more })
/** What the server answers to a navigation with these Fetch Metadata headers: 'code', 'page' or an error. */
async function answer(browser, url, headers) {
  const page = await browser.open(url, { headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', ...headers } })
  if (!page.redirect) return page.status === 200 ? 'page' : `${page.status}`
  const query = new URL(page.redirect).searchParams
  return query.has('code') ? 'code' : query.get('error')
}

const browser = skip ? undefined : await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
after(() => browser?.close())

/** A page of alice, who has allowed a client with a web address before. */
async function remembered(name) {
  const client = await register(issuer, { client_name: name, redirect_uris: ['https://web.example/cb'] })
  const context = await browser.newContext()
  await context.route('https://web.example/**', (route) => route.fulfill({ contentType: 'text/html', body: '<p>back' }))
  const page = await context.newPage()
  const person = instance.person('alice')
  await page.goto(ask(client))
  await page.getByLabel(/name/i).first().fill(person.username)
  await page.getByLabel(/password/i).fill(person.password)
  await page.getByRole('button', { name: /sign in/i }).click()
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForURL(/web\.example/)
  return { client, page }
}

test('an address that another site redirects to is no direct navigation of a client that anybody can name', { skip }, async () => {
  // An authorization server of its own, to which a client sends its person: a browser that an application opened tells of no site, and goes on doing so after the redirect.
  let target
  const evil = createServer((request, response) => response.writeHead(302, { location: target }).end())
  await new Promise((resolve) => evil.listen(0, '127.0.0.1', resolve))
  after(() => evil.close())
  const { client, page } = await remembered('Web')
  target = ask(client)
  await page.goto(`http://localhost:${evil.address().port}/authorize`)
  assert.match(page.url(), /\/consent\?/, page.url())
  assert.equal(await page.getByRole('button', { name: 'Allow' }).count(), 1)
  await page.context().close()
})

test('a client that returns to this server itself makes no request of this server’s own', { skip }, async () => {
  const { client, page } = await remembered('Web too')
  const evil = await register(issuer, { client_name: 'Evil', redirect_uris: [ask(client, { state: undefined })] })
  const requests = []
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(ask(evil))
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.waitForURL(/consent\?/)
  assert.deepEqual(requests.filter((url) => url.startsWith('https://web.example')), [])
  assert.match(await page.locator('main').innerText(), /Web too/)
  await page.context().close()
})

test('a remembered consent is used by navigations only', async () => {
  const client = await register(issuer, { client_name: 'Navigates', software_version: String(process.pid) })
  const { browser } = await getCode(instance, client, 'bob', { scope: 'logs:read' })
  assert.equal(await answer(browser, ask(client), { 'sec-fetch-site': 'none' }), 'code')
  assert.equal(await answer(browser, ask(client), { 'sec-fetch-site': 'same-site' }), 'code')
  for (const [mode, dest] of [['no-cors', 'image'], ['no-cors', 'empty'], ['cors', 'empty'], ['', 'document']])
    assert.equal(await answer(browser, ask(client), { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': mode, 'sec-fetch-dest': dest }), 'page', `${mode} ${dest}`)
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, {}, { 'sec-fetch-site': 'none', 'sec-purpose': 'prefetch;prerender' }, { 'sec-fetch-site': 'same-origin, none' }])
    assert.equal(await answer(browser, ask(client), headers), 'page', JSON.stringify(headers))
  assert.equal(await answer(browser, ask(client, { prompt: 'none' }), { 'sec-fetch-site': 'cross-site' }), 'consent_required')
  assert.equal(await answer(browser, ask(client, { prompt: 'none consent' }), { 'sec-fetch-site': 'none' }), 'invalid_request')
  assert.equal(await answer(browser, ask(client, { prompt: 'login' }), { 'sec-fetch-site': 'none' }), 'page')
})

test('what a client makes of itself after a consent is asked about anew', async () => {
  const client = await register(issuer, { client_name: 'Weather', software_version: String(process.pid), redirect_uris: ['http://127.0.0.1/weather'] })
  const { browser } = await getCode(instance, client, 'bob', { scope: 'logs:read' })
  assert.equal(await answer(browser, ask(client), { 'sec-fetch-site': 'none' }), 'code')
  const replace = async (members) => {
    const replaced = await fetch(client.registration_client_uri, {
      method: 'PUT',
      headers: { authorization: `Bearer ${client.registration_access_token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ client_id: client.client_id, grant_types: ['authorization_code'], ...members }),
    })
    assert.equal(replaced.status, 200, await replaced.clone().text())
    Object.assign(client, members)
  }
  await replace({ client_name: 'Weather', redirect_uris: ['http://127.0.0.1/weather'], software_version: '2' })
  assert.equal(await answer(browser, ask(client), { 'sec-fetch-site': 'none' }), 'code', 'a new version of it is the same')
  await replace({ client_name: 'Payroll', redirect_uris: ['http://127.0.0.1/weather'] })
  assert.equal(await answer(browser, ask(client), { 'sec-fetch-site': 'none' }), 'page', 'another name')
  assert.equal((await getCode(instance, client, 'bob', { scope: 'logs:read' }, browser)).location.searchParams.has('code'), true)
  await replace({ client_name: 'Payroll', redirect_uris: ['http://127.0.0.1/elsewhere'] })
  assert.equal(await answer(browser, ask(client), { 'sec-fetch-site': 'none' }), 'page', 'another path of the same host')
})

test('an administrator who changes a client has its people asked anew', async () => {
  const headers = { authorization: `Bearer ${instance.admin.token}`, 'content-type': 'application/json' }
  const made = await postJson(`${issuer}/admin/clients`, { client_name: 'House', redirect_uris: ['https://house.example/cb'], token_endpoint_auth_method: 'none' }, headers)
  assert.equal(made.status, 201, made.text)
  const { browser } = await getCode(instance, made.json, 'bob', { scope: 'logs:read' })
  assert.equal(await answer(browser, ask(made.json), { 'sec-fetch-site': 'same-site' }), 'code')
  assert.equal(await answer(browser, ask(made.json), { 'sec-fetch-site': 'none' }), 'page')
  const patch = async (members) => {
    const done = await fetch(`${issuer}/admin/clients/${made.json.client_id}`, { method: 'PATCH', headers, body: JSON.stringify(members) })
    assert.equal(done.status, 200, await done.clone().text())
    Object.assign(made.json, members)
  }
  await patch({ enabled: false })
  await patch({ enabled: true })
  assert.equal(await answer(browser, ask(made.json), { 'sec-fetch-site': 'same-site' }), 'code', 'nothing of what was shown is another')
  await patch({ redirect_uris: ['https://house.example/other'] })
  assert.equal(await answer(browser, ask(made.json), { 'sec-fetch-site': 'same-site' }), 'page')
})
