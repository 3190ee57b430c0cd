// SPDX-License-Identifier: Apache-2.0
// Attacks by and on clients that are described by a document: keeping others out of it, two ids for one client, and a document that changes under a click.
// libcurl says itself that names below localhost are this machine, so the sites of these tests need no resolver.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request } from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { Browser } from './lib/browser.mjs'
import { authorizationUrl, getTokens, pkce, REDIRECT_URI } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, must, startDaemon, until, writeEtc } from './lib/programs.mjs'

const instance = await startInstance()
const folder = await mkdtemp(join(tmpdir(), 'sallyport-sites-'))
after(() => rm(folder, { recursive: true, force: true }))
const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=Sites of the test', '-addext', 'subjectAltName=DNS:*.site.localhost', '-keyout', keyFile, '-out', certificateFile])

const documents = new Map() // "host/path" to the text of a document
const slow = new Set() // answers that are held back
const site = https.createServer({ key: await readFile(keyFile), cert: await readFile(certificateFile) }, (request, response) => {
  const page = `${request.headers.host.split(':')[0]}${request.url}`
  if (page.startsWith('slow')) return slow.add(response)
  const text = documents.get(page)
  response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(text ?? '{}')
})
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve))
after(() => site.close() && site.closeAllConnections())
const port = site.address().port
const urlOf = (page) => `https://${page.replace('/', `:${port}/`)}`

function serve(page, members = {}, client_id = urlOf(page)) {
  documents.set(page, JSON.stringify({ client_id, client_name: `App at ${page}`, redirect_uris: ['http://127.0.0.1/callback'], token_endpoint_auth_method: 'none', ...members }))
  return { client_id, redirect_uris: [REDIRECT_URI] }
}

await writeEtc(instance, 'attack.crt', await readFile(certificateFile, 'utf8'))
let count = 0
/** A daemon that has asked nobody yet. */
async function fresh(settings = '') {
  const listen = await freePort()
  const issuer = `http://127.0.0.1:${listen}`
  const file = `attack-${++count}.yaml`
  await deriveConfig(instance, 'authz.yaml', file, [
    [/^issuer: .*$/m, `issuer: ${issuer}`],
    [/^listen: .*$/m, `listen: 127.0.0.1:${listen}`],
    `client_documents: {${settings}exceptions: [{host: "*.site.localhost", port: ${port}, addresses: [127.0.0.0/8, "::1"], ca_file: attack.crt}]}`,
  ])
  return { ...instance, issuer, daemon: await startDaemon(instance, 'authz', file) }
}

/** The status of an authorization request from an address of its own. */
const askFrom = (localAddress, where, client_id) => new Promise((resolve, reject) => {
  const url = authorizationUrl(where, { client_id, redirect_uris: [REDIRECT_URI] }, pkce().challenge)
  request(url, { localAddress, agent: false }, (answer) => answer.resume().on('end', () => resolve(answer.statusCode))).on('error', reject).end()
})

test('one address that invents URLs at a site keeps nobody else from it', async () => {
  const where = await fresh()
  const honest = serve('popular.site.localhost/client.json')
  for (let i = 0; i < 60; i++) assert.equal(await askFrom('127.0.0.2', where, urlOf(`popular.site.localhost/invented-${i}`)), 400)
  // Nor does it help to ask for what is there when one's own share is used up: nothing of that is kept for others.
  assert.equal(await askFrom('127.0.0.2', where, honest.client_id), 400)
  assert.equal(await askFrom('127.0.0.3', where, honest.client_id), 303)
  await where.daemon.stop()
})

test('one address that sends us to sites that do not answer keeps nobody else from the others', async () => {
  const where = await fresh('timeout: 30s, ')
  const honest = serve('quick.site.localhost/client.json')
  const waiting = []
  for (let i = 0; i < 40; i++) waiting.push(askFrom('127.0.0.2', where, urlOf(`slow${i}.site.localhost/client.json`)).catch(() => 0))
  await until('the slow sites to be asked', () => slow.size > 0)
  assert.equal(await askFrom('127.0.0.3', where, honest.client_id), 303)
  assert.ok(slow.size <= 16, `${slow.size} at once`)
  for (const response of slow) response.destroy()
  assert.deepEqual([...new Set(await Promise.all(waiting))], [400])
  await where.daemon.stop()
})

test('another spelling of an address is another client or none, and passes no list', async () => {
  const where = await fresh('deny: ["*.site.localhost"], ')
  const listed = serve('listed.site.localhost/client.json')
  const spellings = [
    listed.client_id, listed.client_id.replace('listed', 'LISTED'), listed.client_id.replace('localhost', 'localhost.'), listed.client_id.replace('https://', 'https://user@'),
    listed.client_id.replace('https:', 'HTTPS:'), listed.client_id.replace('listed', '%6cisted'), listed.client_id.replace('https://', 'https:/'), listed.client_id.replace('listed', 'x\\@listed'),
  ]
  for (const client_id of spellings) assert.equal(await askFrom('127.0.0.1', where, client_id), 400, client_id)
  await where.daemon.stop()
  const open = await fresh()
  serve('two.site.localhost/client.json')
  const [, rest] = urlOf('two.site.localhost/client.json').split('/client')
  for (const path of ['/clien%74', '/./client', '/x/../client', '/client.json?', '//client', '/CLIENT', '/%2e/client'])
    assert.equal(await askFrom('127.0.0.1', open, urlOf(`two.site.localhost${path}${rest}`)), 400, path)
  for (const more of ['#', '#x', ' ', '\t', '\u0000', '\u200b']) assert.equal(await askFrom('127.0.0.1', open, urlOf('two.site.localhost/client.json') + more), 400, JSON.stringify(more))
  await open.daemon.stop()
})

test('who allows a document has seen that one', async () => {
  const where = await fresh()
  const page = 'turns.site.localhost/client.json'
  const client = serve(page)
  const browser = new Browser()
  let shown = await browser.open(authorizationUrl(where, client, pkce().challenge))
  const person = instance.person('alice')
  shown = await browser.submit(shown, { username: person.username, password: person.password })
  assert.match(shown.html, /name="decision"/)
  // The name stays; where answers go, and who proves what, do not.
  serve(page, { redirect_uris: ['http://127.0.0.1/callback', 'https://elsewhere.example/cb'] })
  await must(instance, 'authz', ['client', 'refresh', client.client_id])
  assert.equal(await askFrom('127.0.0.1', where, client.client_id), 303)
  const again = await browser.submit(shown, { decision: 'approve' })
  assert.equal(again.redirect, undefined, 'what was shown is not what would be allowed')
  assert.match(again.html, /name="decision"/)
  assert.match((await browser.submit(again, { decision: 'approve' })).redirect, /[?&]code=/)
})

test('a document that changes its mind takes no grant along, and its client none of its neighbour', async () => {
  const where = await fresh()
  const mine = serve('mine.site.localhost/a.json'), other = serve('mine.site.localhost/b.json')
  const tokens = await getTokens(where, 'alice', {}, mine)
  assert.ok(tokens.access_token)
  documents.set('mine.site.localhost/b.json', documents.get('mine.site.localhost/a.json'))
  assert.equal(await askFrom('127.0.0.1', where, other.client_id), 400, 'the document of one id is not that of another')
})
