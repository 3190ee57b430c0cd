// SPDX-License-Identifier: Apache-2.0
// Secrets planted in every place of a real instance, which is then used and misused: none of them stands anywhere that somebody else reads.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { mkdir, readFile, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { Browser } from './lib/browser.mjs'
import { authorizationUrl, getCode, getTokens, pkce, postForm, postJson, redeem, refresh, register } from './lib/client.mjs'
import { startFixture } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, freePort, startDaemon, until, verb, writeEtc } from './lib/programs.mjs'

const planted = new Map() // secret -> place
const plant = (place, secret = `canary${randomBytes(12).toString('hex')}`) => {
  if (typeof secret === 'string' && secret.length >= 8) planted.set(secret, place)
  return secret
}
const seen = [] // [where, text] that others may read
const look = (where, text) => seen.push([where, typeof text === 'string' ? text : JSON.stringify(text)])
const answered = (where, { status, headers, text }) => look(where, `${status} ${JSON.stringify([...headers])} ${text}`)

const instance = await startInstance()
const logs = dirname(instance.logs.audit)
for (const { username, password } of instance.people) plant(`password of ${username}`, password)

// ---- a service that says again what it is told, as answer and as error ----

const echo = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const text = `got ${Buffer.concat(chunks)} with ${request.headers.authorization ?? ''} ${request.headers['x-api-key'] ?? ''}, have ${result}`
  response.writeHead(Number(request.url.slice(1)), { 'content-type': 'application/json', 'x-secret': result })
  response.end(JSON.stringify({ text, error: { message: text }, password: own }))
})
await new Promise((resolve) => echo.listen(0, '127.0.0.1', resolve))
after(() => echo.close())
const result = plant('upstream answer', `gh${'p_'}${randomBytes(18).toString('hex')}`)
const own = plant('result member')
const bearer = plant('credential file'), basic = plant('basic credential'), key = plant('credential header')

// ---- a server with secrets in its settings ----

const schema = { type: 'object', additionalProperties: false, properties: { text: { type: 'string', maxLength: 1000 }, password: { type: 'string', maxLength: 100 }, count: { type: 'integer' } } }
const tool = (name, more) => [`tools/${name}.yaml`, { name, title: name, description: name, scope: 'logs:read', tier: 'read', input: schema, ...more }]
const http = (status, credential, more = {}) => ({ http: { method: 'POST', url: `http://127.0.0.1:${echo.address().port}/${status}`, body: { json: { $arguments: true } }, credential, answers: { error: '/error/message' } }, ...more })
const nothing = { input: { type: 'object', additionalProperties: false, properties: {} } }
const sql = (statement) => ({ ...nothing, sql: { statement, parameters: [], timeout: '2s' }, result: { columns: ['x'], rows: 5 } })
const tools = [
  tool('fine', http(200, { file: 'bearer.secret' })), tool('stranger', http(200, { file: 'basic.secret', as: 'basic' }, { untrusted: true })),
  tool('refused', http(400, { file: 'bearer.secret' })), tool('broken', http(500, { file: 'key.secret', as: 'header', header: 'X-API-Key' })),
  tool('keyed', http(200, { file: 'key.secret', as: 'header', header: 'X-API-Key' })),
  tool('rows', sql(`select '${plant('row of a result', `gh${'p_'}${randomBytes(18).toString('hex')}`)}' as x`)),
  tool('fails', sql(`select ('${plant('error of a statement')}' || pg_sleep(0)::text)::int as x`)),
  tool('slow', { ...nothing, command: { path: '/bin/sleep', arguments: ['3'] } }),
]
await mkdir(etc(instance, 'canary/tools'), { recursive: true, mode: 0o755 })
await writeEtc(instance, 'canary/tools/bearer.secret', `${bearer}\n`)
await writeEtc(instance, 'canary/tools/basic.secret', `user:${basic}\n`)
await writeEtc(instance, 'canary/tools/key.secret', `${key}\n`)
plant('client secret of introspection', (await readFile(etc(instance, 'mcp-introspection.secret'), 'utf8')).trim())
for (const line of (await readFile(etc(instance, 'authz.secrets'), 'utf8')).split('\n')) plant('master secret', line.split(' ')[1])
const password = (role) => [new RegExp(`(user=${role}[^"\\n]*)"`), (_, before) => `${before} password=${plant(`database password of ${role}`)}"`]
const server = await startFixture(instance, 'canary', tools,
  `commands: ${JSON.stringify({ allowed: ['/bin/sleep'] })}`,
  `outbound: ${JSON.stringify({ hosts: [{ host: '127.0.0.1', port: echo.address().port, plain: true, addresses: ['127.0.0.1/32'] }] })}`,
  [/^(  read: .*user=sallyport_tools_read[^"\n]*)"/m, (_, before) => `${before} password=${plant('database password of tools')}"`],
  [/^audit_log:.*$/m, (line) => line.replace('audit.log', 'audit-canary.log')])
const port = await freePort()
await deriveConfig(instance, 'authz.yaml', 'authz-canary.yaml', [
  password('sallyport_authz'),
  [/^listen:.*$/m, `listen: 127.0.0.1:${port}`],
  [/^audit_log:.*$/m, (line) => line.replace('audit.log', 'audit-canary.log').replace('authz.log', 'authz-canary.log')],
])
const authz = await startDaemon(instance, 'authz', 'authz-canary.yaml')

/** All processes of the instance: the daemons of the quick start, those of this test, and their children. */
async function processes() {
  const all = new Map()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const read = (file) => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '')
    const parent = Number(/^PPid:\s*(\d+)/m.exec(await read('status'))?.[1])
    all.set(Number(name), { parent, cmdline: await read('cmdline'), environ: await read('environ'), limits: await read('limits') })
  }
  const mine = new Set([server.daemon.pid, authz.pid, ...[...all].filter(([, { cmdline }]) => cmdline.includes(dirname(logs))).map(([pid]) => pid)])
  for (let grows = true; grows;) {
    grows = false
    for (const [pid, { parent }] of all) if (mine.has(parent) && !mine.has(pid)) grows = Boolean(mine.add(pid))
  }
  return [...mine].filter((pid) => all.has(pid) && pid !== process.pid).map((pid) => ({ pid, ...all.get(pid) }))
}

test('X-11: secrets planted everywhere stand in no log, record, error, page or process', async () => {
  // ---- the way to tokens, right and wrong ----
  const client = await register(instance.issuer, { token_endpoint_auth_method: 'client_secret_post' })
  plant('client secret', client.client_secret)
  plant('registration token', client.registration_access_token)
  const browser = new Browser()
  const wrong = plant('wrong password')
  const page = await browser.open(authorizationUrl(instance, client, pkce().challenge))
  look('sign-in page', page.html)
  look('refused sign-in', (await browser.submit(page, { username: 'alice', password: wrong })).html ?? '')
  const code = await getCode(instance, client, 'alice', {}, new Browser())
  plant('code', code.code)
  plant('verifier', code.verifier)
  for (const value of code.browser.cookies.values()) plant('cookie', value)
  const secret = { client_secret: client.client_secret }
  answered('wrong client secret', await redeem(instance, client, code, { client_secret: plant('wrong client secret') }))
  answered('wrong verifier', await redeem(instance, client, { ...code, verifier: plant('wrong verifier', randomBytes(32).toString('base64url')) }, secret))
  const tokens = await redeem(instance, client, code, secret)
  assert.equal(tokens.status, 200, tokens.text)
  plant('access token', tokens.json.access_token)
  plant('refresh token', tokens.json.refresh_token)
  const next = await refresh(instance, client, tokens.json.refresh_token, secret)
  assert.equal(next.status, 200, next.text)
  plant('access token', next.json.access_token)
  plant('refresh token', next.json.refresh_token)
  answered('code again', await redeem(instance, client, code, secret))
  answered('no refresh token', await refresh(instance, client, `${next.json.refresh_token}x`, secret))
  const { access_token: token, refresh_token: other } = await getTokens(instance, 'alice')
  plant('access token', token)
  plant('refresh token', other)
  answered('introspection by nobody', await postForm(`${instance.issuer}/introspect`, { token, client_id: 'x', client_secret: plant('secret of nobody') }))
  answered('at the other authz', await postForm(`http://127.0.0.1:${port}/token`, { grant_type: 'refresh_token', refresh_token: plant('forged refresh token', `spr_${randomBytes(40).toString('base64url')}`), client_id: client.client_id }))

  // ---- calls, right and wrong ----
  const call = async (name, args, authorization = `Bearer ${token}`) => answered(name, await postJson(server.url,
    { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } },
    { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25', authorization }))
  for (const { 1: { name, http: asks } } of tools.slice(0, -1)) await call(name, asks ? { password: plant('argument'), text: 'hello' } : {})
  await call('fine', { password: plant('argument that is wrong'), count: 'no number' })
  await call('fine', { password: plant('argument beside an unknown one'), unknown: 1 })
  await call('nobody knows it', { password: plant('argument of an unknown tool') })
  await call('fine', {}, `Bearer ${plant('forged token', `${token.slice(0, -8)}AAAAAAAA`)}`)
  await call('fine', {}, `Basic ${plant('credential of another kind', randomBytes(20).toString('base64'))}`)
  const slow = call('slow', {})
  await until('the program runs', async () => (await processes()).some(({ cmdline }) => cmdline.startsWith('/bin/sleep')))

  // ---- who looks from outside ----
  for (const { pid, cmdline, environ, limits } of await processes()) {
    look(`arguments of ${pid}`, cmdline)
    look(`environment of ${pid}`, environ)
    if (/sbin\/sallyport-/.test(cmdline.split('\0')[0])) assert.match(limits, /^Max core file size\s+0\s+0/m, cmdline)
  }
  await slow
  for (const base of [instance.issuer, server.url.replace(/\/mcp$/, '')])
    for (const path of ['/health', '/.well-known/oauth-authorization-server', '/.well-known/oauth-protected-resource/mcp', '/metrics', '/nothing'])
      look(base + path, await (await fetch(base + path)).text())
  for (const [name, config] of [['mcp', 'canary.yaml'], ['authz', 'authz-canary.yaml']]) {
    const { stdout, stderr } = await verb(instance, name, ['check'], { config })
    look(`check of ${name}`, stdout + stderr)
  }
  await server.daemon.stop()
  await authz.stop()
  look('words of the server', server.daemon.stdout + server.daemon.stderr)
  look('words of authz', authz.stdout + authz.stderr)
  // PostgreSQL's own log tells the values of statements that fail, which only its administrator reads
  for (const name of (await readdir(logs)).filter((file) => file !== 'postgres.log')) look(`logs/${name}`, await readFile(join(logs, name), 'latin1'))

  // ---- nothing of it is there ----
  let bytes = 0
  const found = new Set()
  for (const [where, text] of seen) {
    bytes += text.length
    for (const [secret, place] of planted)
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, ''), Buffer.from(secret).toString('hex')])
        if (text.includes(form)) found.add(`${place} in ${where}`)
  }
  console.log(`# X-11: ${planted.size} secrets planted, ${seen.length} places with ${bytes} bytes looked at`)
  assert.ok(planted.size >= 40 && seen.length >= 40)
  assert.deepEqual([...found], [])
})
