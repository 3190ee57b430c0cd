// SPDX-License-Identifier: Apache-2.0
// A person in a real browser: the pages work without JavaScript, under their own content security policy, on a phone, by keyboard.
// SCREENSHOTS=DIR keeps a picture of each page.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { chromium } from 'playwright-core'
import { authorizationUrl, pkce, redeem, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const skip = executablePath === undefined && 'no Chromium is installed'
const instance = skip ? undefined : await startInstance()
const browser = skip ? undefined : await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
const callbacks = []
const receiver = createServer((request, response) => {
  if (request.url.startsWith('/callback')) callbacks.push(new URL(request.url, 'http://127.0.0.1'))
  response.end('back at the client')
})
await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve))
const redirect = `http://127.0.0.1:${receiver.address().port}/callback`
after(async () => {
  await browser?.close()
  receiver.close()
})

async function open(options = {}) {
  const context = await browser.newContext({ javaScriptEnabled: false, ...options })
  const page = await context.newPage()
  const complaints = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText}`))
  page.on('request', (request) => {
    const { origin } = new URL(request.url())
    if (origin !== new URL(instance.issuer).origin && origin !== new URL(redirect).origin) complaints.push(`asked ${request.url()}`)
  })
  return { context, page, complaints }
}

const picture = async (page, name) => {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true })
}

async function fillIn(page, person, password = person.password) {
  await page.getByLabel(/name/i).first().fill(person.username)
  await page.getByLabel(/password/i).fill(password)
  await page.getByRole('button', { name: /sign in/i }).click()
}

test('sign-in and consent, as a person sees them', { skip }, async () => {
  const client = await register(instance.issuer, { client_name: 'Notes & <b>Tasks</b>', redirect_uris: [redirect] })
  const { page, complaints, context } = await open()
  const { verifier, challenge } = pkce()
  await page.goto(authorizationUrl(instance, client, challenge, { scope: 'logs:read deployments:read customers:read tools:admin' }))
  assert.equal(await page.locator('html').getAttribute('lang'), 'en')
  assert.equal(await page.locator('h1').count(), 1)
  assert.equal(await page.getByLabel(/password/i).getAttribute('autocomplete'), 'current-password')
  await picture(page, '1-sign-in')
  const alice = instance.person('alice')
  await fillIn(page, alice, 'not the password')
  assert.equal(await page.getByRole('alert').count(), 1)
  await picture(page, '2-wrong-password')
  await fillIn(page, alice)
  const text = await page.locator('main').innerText()
  assert.match(text, /Notes & <b>Tasks<\/b>/)
  assert.match(text, new RegExp(new URL(redirect).host.replaceAll('.', '\\.')))
  assert.match(text, /Search service logs|query_logs/)
  assert.match(text, /alice/)
  await picture(page, '3-consent')
  const before = callbacks.length
  await page.getByRole('button', { name: /allow|approve/i }).click()
  await page.waitForURL(`${redirect}**`)
  const callback = callbacks.slice(before)[0]
  assert.equal(callback.searchParams.get('iss'), instance.issuer)
  assert.equal(callback.searchParams.get('state'), 'st-1')
  const answer = await redeem(instance, client, { code: callback.searchParams.get('code'), verifier })
  assert.equal(answer.status, 200)
  assert.doesNotMatch(answer.json.scope, /tools:admin/)
  const cookies = await context.cookies(instance.issuer)
  assert.ok(cookies.length >= 1)
  for (const cookie of cookies) {
    assert.equal(cookie.httpOnly, true)
    assert.equal(cookie.sameSite, 'Lax')
  }
  assert.deepEqual(complaints.filter((c) => !/status of 403/.test(c)), [])
  await context.close()
})

test('a signed-in person is asked again for consent, not for the password; and may deny or sign out', { skip }, async () => {
  const client = await register(instance.issuer, { client_name: 'Second', redirect_uris: [redirect] })
  const { page, context } = await open()
  await page.goto(authorizationUrl(instance, client, pkce().challenge))
  await fillIn(page, instance.person('bob'))
  await page.goto(authorizationUrl(instance, client, pkce().challenge))
  assert.equal(await page.getByLabel(/password/i).count(), 0)
  const before = callbacks.length
  await page.getByRole('button', { name: /deny|cancel/i }).click()
  await page.waitForURL(`${redirect}**`)
  assert.equal(callbacks.slice(before)[0].searchParams.get('error'), 'access_denied')
  await page.goto(authorizationUrl(instance, client, pkce().challenge))
  await page.getByRole('button', { name: /sign out|not you/i }).click()
  await page.goto(authorizationUrl(instance, client, pkce().challenge))
  assert.equal(await page.getByLabel(/password/i).count(), 1)
  await context.close()
})

test('the pages fit a narrow phone and a dark room', { skip }, async () => {
  const client = await register(instance.issuer, { client_name: 'A client with a rather long name that somebody chose, 64 ch', redirect_uris: [redirect] })
  const { page, context } = await open({ viewport: { width: 320, height: 640 }, colorScheme: 'dark', javaScriptEnabled: true })
  await page.goto(authorizationUrl(instance, client, pkce().challenge))
  await picture(page, '4-narrow-sign-in')
  await fillIn(page, instance.person('carol'))
  await picture(page, '5-narrow-consent')
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.equal(overflow, 0)
  await context.close()
})

test('an error is a page that says what to do', { skip }, async () => {
  const { page, context } = await open()
  await page.goto(authorizationUrl(instance, { client_id: 'gone', redirect_uris: [redirect] }, pkce().challenge))
  assert.equal(await page.locator('h1').count(), 1)
  await picture(page, '6-error')
  await context.close()
})

test('another site cannot decide in a person’s name', { skip }, async () => {
  const client = await register(instance.issuer, { redirect_uris: [redirect] })
  const { page, context } = await open()
  await page.goto(authorizationUrl(instance, client, pkce().challenge))
  await fillIn(page, instance.person('alice'))
  const handle = await page.locator('input[name=request]').first().inputValue()
  const action = `${instance.issuer}/consent`
  const thief = createServer((request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(`<form method="post" action="${action}"><input name="request" value="${handle}"><button name="decision" value="approve">win</button></form><iframe src="${action}?request=${handle}"></iframe>`)
  })
  await new Promise((resolve) => thief.listen(0, '127.0.0.1', resolve))
  try {
    const evil = await context.newPage()
    await evil.goto(`http://localhost:${thief.address().port}/`)
    const before = callbacks.length
    const [response] = await Promise.all([evil.waitForResponse((r) => r.url() === action && r.request().method() === 'POST'), evil.getByRole('button', { name: 'win' }).click()])
    assert.equal(response.status(), 403)
    assert.equal(callbacks.length, before)
  } finally {
    thief.close()
  }
  await context.close()
})
