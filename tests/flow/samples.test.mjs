// SPDX-License-Identifier: Apache-2.0
// contrib/samples: each is loaded into a server, checked, and called, with what it gives and what it refuses.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { getTokens, modern, toolNames } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { etc, freePort, must, startDaemon, until, verb, writeEtc } from './lib/programs.mjs'
import { startTokenServer } from './lib/token_server.mjs'

const top = fileURLToPath(new URL('../..', import.meta.url))
const samples = join(top, 'contrib', 'samples')
const packages = join(top, 'tests', 'upstreams')
const filesystem = '@modelcontextprotocol/server-filesystem/dist/index.js'

// operations and support, as the quick start has them
const instance = await startInstance(undefined, ['--authz-port', '0', '--mcp-port', '0', '--no-demo-flow'])
const stub = await startTokenServer()
const owner = await stat(instance.logs.audit) // the daemons' user

const call = async (server, token, name, args = {}) => (await modern(server, token, 'tools/call', { name, arguments: args })).json
const result = async (...args) => {
  const answer = await call(...args)
  assert.ok(answer.result && !answer.result.isError, JSON.stringify(answer))
  return answer.result
}
const rows = async (...args) => (await result(...args)).structuredContent.rows
const unknown = (answer) => assert.deepEqual([answer.error?.code, answer.error?.message], [-32602, 'Unknown tool'], JSON.stringify(answer))
function refused(answer, words) {
  assert.equal(answer.result?.isError, true, JSON.stringify(answer))
  assert.match(answer.result.content[0].text, words)
}
const explain = (...args) => verb(instance, 'mcp', ['explain', '--authz-config', etc(instance, 'authz.yaml'), ...args])
const write = 'logs:read deployments:read deployments:write hosts:read tickets:read accounts:read'
const [alice, bob, carol] = (await Promise.all([getTokens(instance, 'alice'), getTokens(instance, 'bob', { scope: write }), getTokens(instance, 'carol', { scope: write })])).map((t) => t.access_token)
/** A token by which its person has approved one roll_back. */
const approved = async (username, args) =>
  (await getTokens(instance, username, { scope: write, authorization_details: JSON.stringify([{ type: 'mcp_approval', locations: [instance.mcp], tool: 'roll_back', arguments: args }]) })).access_token

test('company, operations and support: the check is green', async () => {
  const done = await verb(instance, 'mcp', ['check'])
  assert.equal(done.code, 0, done.stdout + done.stderr)
})

test('operations: a choice of statements, a program, a write with the name of who asked', async () => {
  const latest = await rows(instance, alice, 'list_deployments', { which: 'latest' })
  assert.equal(latest.length, 10)
  assert.deepEqual(latest.find((row) => row.service === 'payments' && row.environment === 'production').version, '4.30.0')
  const dana = await rows(instance, alice, 'list_deployments', { which: 'by_person', person: 'dana' })
  assert.ok(dana.length > 1 && dana.every((row) => row.deployed_by === 'dana'))
  refused(await call(instance, alice, 'list_deployments', { which: 'by_person' }), /person/)
  refused(await call(instance, alice, 'list_deployments', { which: 'everything' }), /which/)

  const { lines, truncated } = (await result(instance, bob, 'disk_report')).structuredContent
  assert.match(lines[0], /^ *1M-blocks +Used +Avail +Use%$/)
  assert.match(lines[1], /^ *\d+ +\d+ +\d+ +\d+%$/)
  assert.equal(truncated, false)
  unknown(await call(instance, alice, 'disk_report'))
  refused(await call(instance, bob, 'disk_report', { path: '/etc' }), /path/)

  const staging = { service: 'search', environment: 'staging' }
  const [row] = await rows(instance, await approved('bob', staging), 'roll_back', staging)
  assert.deepEqual([row.service, row.environment, row.status, row.deployed_by], ['search', 'staging', 'running', 'bob'])
})

test('operations: who may touch production', async () => {
  const arguments_ = { service: 'search', environment: 'production' }
  refused(await call(instance, bob, 'roll_back', arguments_), /not allowed.*environment.*Take an environment that you may change/s)
  assert.equal((await call(instance, carol, 'roll_back', arguments_)).error, 'insufficient_authorization_details')
  assert.equal((await rows(instance, await approved('carol', arguments_), 'roll_back', arguments_))[0].deployed_by, 'carol')
  unknown(await call(instance, alice, 'roll_back', arguments_))
  const why = await explain('--as', 'bob', '--tool', 'roll_back', '--arguments', JSON.stringify(arguments_))
  assert.equal(why.code, 1, why.stderr)
  assert.match(why.stdout, /rule +own-environments: .*does not hold.*at "\/environment"/)
  const carols = await explain('--as', 'carol', '--tool', 'roll_back', '--arguments', JSON.stringify(arguments_))
  assert.equal(carols.code, 0)
  assert.match(carols.stdout, /^approval +each call needs its person's/m)
  assert.match(carols.stdout, /^verdict +allowed, once its person approves the call$/m)
})

test('support: a person sees the own region, by the database, and is told so by a rule', async () => {
  for (const [token, regions] of [[alice, ['north']], [bob, ['south']], [carol, ['north', 'south', 'west']]]) {
    const all = await rows(instance, token, 'list_accounts', { limit: 100 })
    assert.deepEqual([...new Set(all.map((row) => row.region))].sort(), regions)
    assert.equal(all.length, regions.map((region) => ({ north: 26, south: 27, west: 27 })[region]).reduce((a, b) => a + b))
  }
  refused(await call(instance, bob, 'list_accounts', { region: 'north' }), /not allowed.*region.*Take one of your own regions/s)
  const tickets = await result(instance, bob, 'open_tickets')
  assert.equal(tickets._meta['sallyport/untrusted'], true)
  assert.match(tickets.content[0].text, /T-2666/)
  assert.doesNotMatch(tickets.content[0].text, /north|west/)
  unknown(await call(instance, alice, 'open_tickets'))
  // without the rule, and with claims that nobody proved: the wall of the database
  const socket = /^database: .*host=(\S+)/m.exec(await readFile(etc(instance, 'authz.yaml'), 'utf8'))[1]
  const { stdout } = await promisify(execFile)('psql', ['-XqAt', '-d', `host=${socket} port=5432 dbname=sallyport user=sallyport_tools_read`, '-c',
    `set sallyport.claims = '{"regions": ["north"]}'; select count(*) from sample.accounts`])
  assert.equal(stdout.trim(), '0')
})

test('README: the first tool, as it stands there', async () => {
  const page = await readFile(join(top, 'README.md'), 'utf8')
  const yaml = /## Your first tool[\s\S]*?```yaml\n([\s\S]*?)```/.exec(page)[1]
  const args = /--call 'errors_by_service=(\{.*?\})'/.exec(page)[1]
  await writeFile(etc(instance, 'tools/errors_by_service.yaml'), yaml, { mode: 0o644 })
  await until('the new tool', async () => (await toolNames(instance, alice)).includes('errors_by_service'))
  assert.ok((await rows(instance, alice, 'errors_by_service', JSON.parse(args))).every(({ service, errors }) => service && errors >= 1))
  assert.equal((await verb(instance, 'mcp', ['check'])).code, 0)
  await rm(etc(instance, 'tools/errors_by_service.yaml'))
})

// ---- those that stand for themselves -----------------------------------------------------------

const readers = /^ +read: \{conninfo: "(.*?)"/m.exec(await readFile(etc(instance, 'mcp.yaml'), 'utf8'))[1]

/** A server with one sample, whose files are copied; `change(folder)` fits them to this machine. */
async function startSample(name, change = async () => {}) {
  const folder = etc(instance, `sample-${name}`)
  const at = (path) => join(folder, path)
  await cp(join(samples, name), folder, { recursive: true })
  await chmod(folder, 0o755)
  after(() => rm(folder, { recursive: true, force: true }))
  await change(at)
  const [port, config] = [await freePort(), `sample-${name}/mcp.yaml`]
  const indented = async (file) => (await readFile(at(file), 'utf8')).replace(/^#.*\n/gm, '').replace(/^/gm, '  ')
  const folders = (await readdir(folder)).filter((entry) => ['tools', 'resources', 'prompts'].includes(entry)).map((entry) => `${entry}: ${entry}\n`)
  await writeEtc(instance, config, `resource: http://127.0.0.1:${port}/mcp
name: sample
listen: 127.0.0.1:${port}
audit_log: ${dirname(instance.logs.audit)}/audit-${name}.log
authorization_server: ${stub.issuer}
introspection: {client_id: x, client_secret_file: ../mcp-introspection.secret}
scopes:
${await indented('scopes.yaml')}
databases: {read: {conninfo: "${readers}"}}
${folders.join('')}${await readFile(at('settings.yaml'), 'utf8')}`)
  const server = { mcp: `http://127.0.0.1:${port}/mcp`, at, config: etc(instance, config) }
  server.start = async () => {
    const check = await verb(instance, 'mcp', ['check'], { config })
    assert.equal(check.code, 0, check.stdout + check.stderr)
    await startDaemon(instance, 'mcp', config)
    await until('the server to be ready', async () => (await fetch(`http://127.0.0.1:${port}/health`)).status === 200)
    return server
  }
  server.mint = (scope) => stub.mint(server.mcp, { scope })
  return server
}
const replaceIn = async (file, ...changes) => writeFile(file, changes.reduce((text, [from, to]) => text.replaceAll(from, to), await readFile(file, 'utf8')))

test('handbook: pages as tools and as resources, drafts that may be written', async () => {
  const server = await (await startSample('handbook', async (at) => {
    await chown(at('drafts'), owner.uid, owner.gid)
  })).start()
  const reader = server.mint('handbook:read'), writer = server.mint('handbook:read drafts:write')
  const { entries } = (await result(server, reader, 'list_pages')).structuredContent
  assert.deepEqual(entries.map(({ name, kind }) => [name, kind]), [['policies', 'folder'], ['welcome.md', 'file']])
  const travel = await readFile(join(samples, 'handbook/handbook/policies/travel.md'), 'utf8')
  assert.equal((await result(server, reader, 'read_page', { path: 'policies/travel.md' })).content[0].text, travel)
  assert.match((await result(server, reader, 'read_page', { path: 'policies/travel.md', from: 3, count: 1 })).content[0].text, /^1\. Take the train[^\n]*\n$/)
  const uri = 'handbook://policies/travel'
  assert.equal((await modern(server, reader, 'resources/read', { uri }, { 'mcp-name': uri })).json.result.contents[0].text, travel)
  refused(await call(server, reader, 'read_page', { path: '../mcp.yaml' }), /./)
  await result(server, writer, 'save_draft', { name: 'travel', text: '# Travel\n' })
  await result(server, writer, 'save_draft', { name: 'travel', text: '# Travel, better\n' })
  assert.equal(await readFile(server.at('drafts/travel.md'), 'utf8'), '# Travel, better\n')
  refused(await call(server, writer, 'save_draft', { name: '../handbook/welcome', text: 'x' }), /name/)
  unknown(await call(server, reader, 'save_draft', { name: 'x', text: 'x' }))
})

test('upstream: two official servers, by their approved definitions', { skip: existsSync(join(packages, 'node_modules', filesystem)) ? false : 'the packages of tests/upstreams are not installed' }, async () => {
  const place = await mkdtemp(join(tmpdir(), 'sallyport-sample-'))
  after(() => rm(place, { recursive: true, force: true }))
  await chmod(place, 0o755)
  await mkdir(join(place, 'team'), { mode: 0o755 })
  await writeFile(join(place, 'team', 'plan.txt'), 'the plan', { mode: 0o644 })
  await writeFile(join(place, 'secret.txt'), 'a secret', { mode: 0o644 })
  const server = await startSample('upstream', async (at) => {
    const here = [['/usr/bin/node', process.execPath], ['/opt/mcp', packages.replace(/\/$/, '')], ['/srv/team', join(place, 'team')]]
    for (const file of ['settings.yaml', 'upstreams/files.yaml', 'upstreams/everything.yaml']) await replaceIn(at(file), ...here)
  })
  for (const name of ['files', 'everything']) {
    const waits = await verb(instance, 'mcp', ['approve', name], { config: server.config })
    assert.equal(waits.code, 0, `${waits.stdout}${waits.stderr}`)
  }
  await server.start()
  const files = server.mint('files:read'), demo = server.mint('demo:use')
  assert.deepEqual(await toolNames(server, demo), ['demo_echo', 'demo_get-sum'])
  assert.ok(!(await toolNames(server, files)).some((name) => /write|edit|move|create|demo/.test(name)))
  const read = await result(server, files, 'files_read_text_file', { path: join(place, 'team', 'plan.txt') })
  assert.match(read.content[0].text, /the plan/)
  assert.equal(read._meta['sallyport/untrusted'], true)
  refused(await call(server, files, 'files_read_text_file', { path: join(place, 'secret.txt') }), /denied|outside/)
  assert.equal((await result(server, demo, 'demo_get-sum', { a: 2, b: 3 })).content[0].text, 'The sum of 2 and 3 is 5.')
  assert.match((await result(server, files, 'about_files')).content[0].text, /minutes of meetings/)
  unknown(await call(server, demo, 'demo_get-env'))
  unknown(await call(server, files, 'files_write_file', { path: join(place, 'team', 'x'), content: 'x' }))
})

test('openapi: the tools are what the import makes of the document, and work', async () => {
  const key = 'the key of the orders'
  const api = createServer(async (request, response) => {
    const answer = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (request.headers['x-api-key'] !== key) return answer(401, {})
    const order = { id: 7, status: 'sent', customer: 'C-1013' }
    if (request.method === 'GET' && request.url === '/v2/orders?status=sent') return answer(200, { orders: [order] })
    if (request.method === 'GET' && request.url === '/v2/orders/7') return answer(200, order)
    if (request.method === 'POST' && request.url === '/v2/orders/7/cancellation') return answer(409, { message: 'it was sent already' })
    answer(404, { message: 'there is no such order' })
  })
  await new Promise((resolve) => api.listen(0, '127.0.0.1', resolve))
  after(() => {
    api.closeAllConnections()
    api.close()
  })
  const { port } = api.address()
  const server = await startSample('openapi', async (at) => {
    // the command that the document's comment says
    const words = /^# {3}sallyport-mcp (import .*)$/m.exec(await readFile(at('orders.yaml'), 'utf8'))[1].split(' ')
    await mkdir(at('again'))
    await chown(at('again'), owner.uid, owner.gid)
    await must(instance, 'mcp', words.map((word) => ({ 'orders.yaml': at('orders.yaml'), tools: at('again') })[word] ?? word))
    assert.deepEqual((await readdir(at('again'))).sort(), (await readdir(at('tools'))).sort())
    for (const file of await readdir(at('again'))) assert.equal(await readFile(at(`again/${file}`), 'utf8'), await readFile(at(`tools/${file}`), 'utf8'), file)
    for (const file of await readdir(at('tools'))) await replaceIn(at(`tools/${file}`), ['https://orders.example.com', `http://127.0.0.1:${port}`], ['/etc/sallyport/orders.secret', at('orders.secret')])
    await replaceIn(at('settings.yaml'), ['{host: orders.example.com}', `{host: 127.0.0.1, port: ${port}, plain: true, addresses: [127.0.0.1]}`])
    await writeEtc(instance, 'sample-openapi/orders.secret', `${key}\n`)
  })
  await server.start()
  const reader = server.mint('orders:read'), writer = server.mint('orders:read orders:write')
  assert.deepEqual(await toolNames(server, reader), ['orders_get', 'orders_list'])
  assert.deepEqual((await result(server, reader, 'orders_list', { status: 'sent' })).structuredContent, { orders: [{ id: 7, status: 'sent', customer: 'C-1013' }] })
  assert.equal((await result(server, reader, 'orders_get', { id: 7 })).structuredContent.status, 'sent')
  refused(await call(server, reader, 'orders_get', { id: 8 }), /there is no such order/)
  refused(await call(server, reader, 'orders_get', { id: '../admin' }), /id/)
  refused(await call(server, writer, 'orders_cancel', { id: 7, reason: 'too late' }), /it was sent already/)
  unknown(await call(server, reader, 'orders_cancel', { id: 7, reason: 'x' }))
})
