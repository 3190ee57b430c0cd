// SPDX-License-Identifier: Apache-2.0
// What the operator wants to hear of at once: rules over the calls, told to the log, a webhook and a command.
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { modern } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, home, until, verb, writeEtc } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const instance = await startInstance()
const stub = await startTokenServer()
const told = []
const hook = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  told.push(JSON.parse(Buffer.concat(chunks)))
  response.end()
})
await new Promise((resolve) => hook.listen(0, '127.0.0.1', resolve))
after(() => { hook.closeAllConnections(); hook.close() })

const tool = (name, tier, statement) => JSON.stringify({
  name, title: name, description: `Test tool ${name}`, scope: tier === 'read' ? 'logs:read' : 'tools:admin', tier,
  input: { type: 'object', additionalProperties: false, properties: {} },
  sql: { statement, parameters: [], timeout: '5s', ...(tier === 'read' ? {} : { write: true }) }, result: { columns: ['x'] },
})
await mkdir(etc(instance, 'alert-tools'), { mode: 0o755 })
await writeEtc(instance, 'alert-tools/look.yaml', tool('look', 'read', 'select 1 as x'))
await writeEtc(instance, 'alert-tools/remove.yaml', tool('remove', 'destroy', 'select 2 as x'))
const { port } = hook.address()
const today = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const alerts = {
  rules: [
    { name: 'failing', when: 'failures', count: 3, within: '1m' },
    { name: 'burst', when: 'calls', by: 'client', count: 12, within: '1m' },
    { name: 'deletion', when: 'destroy', quiet: '0s' },
    // a day that is neither today nor, should midnight come, tomorrow
    { name: 'night', when: 'out_of_hours', days: [today[(new Date().getUTCDay() + 3) % 7]] },
    { name: 'first', when: 'new_tool' },
  ],
  webhook: { url: `http://127.0.0.1:${port}/hook` },
  command: { path: '/bin/sh', arguments: ['-c', 'read -r alert; case $alert in *\'"alert":"failing"\'*) exit 3;; *\'"alert":"burst"\'*) sleep 600; exit 0;; esac'] },
}
const changes = (more) => [
  [/^tools: .*$/m, 'tools: alert-tools'], `outbound: ${JSON.stringify({ hosts: [{ host: '127.0.0.1', port, plain: true, addresses: ['127.0.0.1'] }] })}`,
  'approval: {destroy: none}', 'commands: {allowed: [/bin/sh]}', `alerts: ${JSON.stringify(more)}`,
]
const server = await startMcpServer(instance, stub, 'alerts', changes(alerts))
const call = (who, name) => modern({ ...instance, mcp: server.mcp }, stub.mint(server.mcp, { scope: 'logs:read tools:admin', sub: who, client_id: `client of ${who}` }), 'tools/call', { name, arguments: {} })
const of = (name) => told.filter((alert) => alert.alert === name)

test('failures of one source, told once', async () => {
  for (let i = 0; i < 5; i++) await call('eve', 'nothing')
  await call('bob', 'nothing')
  await until('the alert', () => of('failing').length > 0)
  assert.deepEqual(of('failing').map((alert) => [alert.source, alert.count, alert.when, alert.seen, alert.client]), [['eve', 3, 'failures', 'denied', 'client of eve']])
  await until('the command', () => server.daemon.stderr.includes('the command for alerts has failed'))
})

test('deletions, each; and out of hours what changes something', async () => {
  await call('ann', 'look')
  await call('ann', 'remove')
  await call('ann', 'remove')
  await until('the alerts', () => of('deletion').length === 2 && of('night').length > 0)
  assert.deepEqual(of('night').map((alert) => [alert.username, alert.tool]), [['ann', 'remove']])
})

test('a tool that a person has not used before', async () => {
  await until('the alerts', () => of('first').length === 2)
  assert.deepEqual(of('first').map((alert) => [alert.username, alert.tool]).sort(), [['ann', 'look'], ['ann', 'remove']])
})

test('bursts of one client', async () => {
  for (let i = 0; i < 12; i++) await call('max', 'look')
  await until('the alert', () => of('burst').length > 0)
  assert.deepEqual(of('burst').map((alert) => [alert.source, alert.count]), [['client of max', 12]])
})

test('a command that does not end is ended', async () => {
  await until('the end', () => server.daemon.stderr.includes('the command for alerts has taken too long'))
  await until('to be told of', () => (server.daemon.stderr.match(/the command for alerts has failed/g) ?? []).length === 2)
})

test('each alert is a record of the audit log, and a line of the log', async () => {
  const records = (await readFile(`${home(instance)}/logs/audit-alerts.log`, 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line)).filter((record) => record.event === 'alert')
  assert.deepEqual(records.map((record) => record.alert).sort(), told.map((alert) => alert.alert).sort())
  assert.match(server.daemon.stderr, /"message":"alert","alert":"failing","source":"eve"/)
})

test('what cannot be delivered is refused at start', async () => {
  for (const [more, words] of [
    [{ ...alerts, webhook: { url: 'https://elsewhere.example/' } }, /alerts\.webhook\.url: is at no host of outbound/],
    [{ ...alerts, command: { path: '/bin/cat' } }, /alerts\.command\.path: is none of commands\.allowed/],
    [{ rules: [alerts.rules[0], alerts.rules[0]] }, /alerts\.rules\[1\]\.name: stands here twice/],
    [{ rules: [{ name: 'x', when: 'out_of_hours', from: '20:00', to: '06:00' }] }, /alerts\.rules\[0\]\.from: must be before/],
    [{ rules: [{ name: 'x', when: 'noon' }] }, /when/],
  ]) {
    await deriveConfig(instance, 'mcp.yaml', 'broken.yaml', changes(more))
    const done = await verb(instance, 'mcp', ['check'], { config: 'broken.yaml' })
    assert.equal(done.code, 1)
    assert.match(done.stderr, words)
  }
})
