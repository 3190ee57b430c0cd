// SPDX-License-Identifier: Apache-2.0
// The quick start as a person uses it: again and again, side by side, stopped, and from nothing.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFile, mkdtemp, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { atEnd } from './lib/ending.mjs'
import { getTokens, modern, refresh, toolNames } from './lib/client.mjs'
import { etc, freePort, isGone } from './lib/programs.mjs'

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'contrib', 'quickstart')
const folder = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
const states = ['one', 'two', 'three'].map((name) => join(folder, name))

/** Runs it to its end: {code, stdout, stderr}. */
const quickstart = (...args) =>
  new Promise((resolve) => execFile('flock', ['-o', join(folder, 'lock'), program, ...args], { maxBuffer: 16 << 20 }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr })))

atEnd('folder=$1 program=$2; shift 2; for state; do flock "$folder/lock" "$program" --state "$state" --reset; done; rm -rf -- "$folder"', folder, program, ...states)

/** Starts an instance, or the same again, and reads what --json wrote. */
async function start(state, ...more) {
  const json = `${state}.json`
  const done = await quickstart('--state', state, '--authz-port', '0', '--mcp-port', '0', '--json', json, ...more)
  assert.equal(done.code, 0, `${done.stdout}\n${done.stderr}`)
  const instance = JSON.parse(await readFile(json, 'utf8'))
  instance.person = (name) => instance.people.find((p) => p.username === name)
  return { instance, json, ...done }
}

const secrets = (instance) => [...instance.people.map((p) => p.password), instance.resource_server.client_secret, instance.admin.token]
const kept = ({ issuer, mcp, state, people, resource_server, admin }) => ({ issuer, mcp, state, people, resource_server, admin })
const answers = (url) => fetch(`${new URL(url).origin}/health`).then((r) => r.status, () => 0)

const first = await start(states[0], '--no-demo-flow')
const { instance } = first
const tokens = await getTokens(instance, 'alice')

test('the first run shows its progress, each password once, and how to go on', async () => {
  for (const step of ['Making a private PostgreSQL cluster', 'Applying the schema', 'Starting authz', 'Starting mcp']) assert.match(first.stdout, new RegExp(`^${step}.*done \\(\\d+ s\\)$`, 'm'))
  for (const { username, password } of instance.people) {
    assert.equal(first.stdout.split(password).length, 2, username)
    assert.match(first.stdout, new RegExp(`^ +${username} +${password} `, 'm'))
  }
  for (const secret of [instance.resource_server.client_secret, instance.admin.token]) assert.ok(!first.stdout.includes(secret))
  for (const words of ['claude mcp add', 'modelcontextprotocol/inspector', 'mcp-remote', '--status', instance.mcp, instance.issuer]) assert.ok(first.stdout.includes(words), words)
  assert.equal(await answers(instance.issuer), 200)
  assert.equal(await answers(instance.mcp), 200)
})

test('the file for scripts is private and whole', async () => {
  const { mode, uid } = await stat(first.json)
  assert.equal(mode & 0o7777, 0o600)
  assert.equal(uid, process.getuid())
  assert.deepEqual(Object.keys(instance).filter((k) => k !== 'person').sort(), ['admin', 'issuer', 'logs', 'mcp', 'people', 'pids', 'resource_server', 'state'])
  assert.deepEqual(instance.people.map((p) => p.username), ['alice', 'bob', 'carol'])
  for (const pid of Object.values(instance.pids)) process.kill(pid, 0)
  for (const log of Object.values(instance.logs)) assert.ok((await stat(log)).isFile(), log)
  await writeFile(`${states[0]}.open`, 'x', { mode: 0o644 })
  const again = await quickstart('--state', states[0], '--no-demo-flow', '--json', `${states[0]}.open`)
  assert.equal(again.code, 0)
  assert.equal((await stat(`${states[0]}.open`)).mode & 0o7777, 0o600, 'a file that was open to others is closed')
})

test('a second run keeps everything, and shows no secret', async () => {
  await appendFile(etc(instance, 'authz.yaml'), '# a word of the operator\n')
  const second = await start(states[0], '--no-demo-flow')
  assert.deepEqual(kept(second.instance), kept(instance))
  assert.deepEqual(second.instance.pids, instance.pids, 'nothing was started again')
  for (const secret of secrets(instance)) assert.ok(!(second.stdout + second.stderr).includes(secret))
  assert.match(await readFile(etc(instance, 'authz.yaml'), 'utf8'), /# a word of the operator\n$/)
  const next = await refresh(instance, tokens.client, tokens.refresh_token)
  assert.equal(next.status, 200)
  Object.assign(tokens, next.json)
})

test('--status, --stop, and a start after that: same ports, people, clients and grants', async () => {
  const running = await quickstart('--state', states[0], '--status')
  assert.equal(running.code, 0)
  for (const [name, pid] of Object.entries(instance.pids)) assert.match(running.stdout, new RegExp(`^${name} +running, process ${pid}$`, 'm'))
  const stopped = await quickstart('--state', states[0], '--stop')
  assert.equal(stopped.code, 0, stopped.stderr)
  const resting = await quickstart('--state', states[0], '--status')
  assert.equal(resting.code, 1)
  assert.equal(resting.stdout.match(/not running/g).length, 3)
  assert.equal(await answers(instance.issuer), 0)
  assert.equal(await answers(instance.mcp), 0)
  for (const [name, pid] of Object.entries(instance.pids)) assert.ok(await isGone(pid), name)
  assert.equal((await quickstart('--state', states[0], '--stop')).code, 0, 'what is stopped can be stopped')
  const again = await start(states[0], '--no-demo-flow')
  assert.deepEqual(kept(again.instance), kept(instance))
  for (const secret of secrets(instance)) assert.ok(!(again.stdout + again.stderr).includes(secret))
  instance.pids = again.instance.pids
  const next = await refresh(instance, tokens.client, tokens.refresh_token)
  assert.equal(next.status, 200)
  Object.assign(tokens, next.json)
  assert.deepEqual(await toolNames(instance, next.json.access_token), ['deployment_status', 'get_customer', 'list_accounts', 'list_deployments', 'query_logs'])
})

test('the demo says what alice and bob see, and shows no secret', async () => {
  const { stdout, stderr } = await start(states[0])
  assert.match(stdout, /\nWho sees which tool\n\n +tool +alice +bob +\n/)
  assert.match(stdout, /\n +get_customer +yes +- *\n/)
  assert.match(stdout, /\n +read_ticket +- +yes *\n/)
  assert.match(stdout, /\n +alice +answer +/)
  assert.match(stdout, /\n +bob +refused +/)
  assert.match(stdout, /\n +alice +list_accounts \{"region":"north"\}: allowed\n/)
  assert.match(stdout, /\n +bob +list_accounts \{"region":"north"\}: refused by the rule own-regions\n/)
  assert.match(stdout, /\n +bob +roll_back .*: refused by the rule own-environments\n/)
  assert.match(stdout, /\n +bob +roll_back \{"service":"search","environment":"staging"\}: refused at first; approved there, it ran once\n/)
  assert.match(stdout, /Steps: \d+ fine, \d+ with a note, 0 failed\./)
  assert.ok(stdout.split('\n').length <= 60, `a screen or two, not ${stdout.split('\n').length} lines`)
  const whole = await readFile(/^Each step and verdict: (.*)$/m.exec(stdout)[1], 'utf8')
  assert.match(whole, /\n 1 {2}Call without a token\n {4}asked /)
  assert.match(whole, /Call roll_back, approved\n/)
  assert.match(whole, /\nrule +own-regions: .*does not hold.*\nlimits .*\nverdict +refused/)
  for (const secret of secrets(instance)) assert.ok(!whole.includes(secret))
  for (const secret of secrets(instance)) assert.ok(!(stdout + stderr).includes(secret))
  assert.equal(/sp(c_(?!client_)|[rsabgq]_)[A-Za-z0-9_-]{40}|eyJ[A-Za-z0-9_-]{20}/.exec(stdout + stderr), null)
})

test('two instances side by side know nothing of each other', async () => {
  const other = (await start(states[1], '--no-demo-flow')).instance
  assert.notEqual(other.issuer, instance.issuer)
  assert.notEqual(other.mcp, instance.mcp)
  for (const secret of secrets(instance)) assert.ok(!secrets(other).includes(secret))
  assert.equal((await modern(other, tokens.access_token, 'tools/list')).status, 401)
  assert.equal((await refresh(other, tokens.client, tokens.refresh_token)).json.error, 'invalid_client')
  assert.ok((await getTokens(other, 'bob')).access_token)
  await quickstart('--state', states[1], '--stop')
  assert.equal(await answers(instance.issuer), 200)
  assert.equal((await modern(instance, tokens.access_token, 'tools/list')).status, 200)
})

test('--reset leaves nothing, and the next run makes everything anew', async () => {
  const before = JSON.parse(await readFile(`${states[1]}.json`, 'utf8'))
  const done = await quickstart('--state', states[1], '--reset')
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(await readdir(states[1]).catch(() => []), [])
  const status = await quickstart('--state', states[1], '--status')
  assert.equal(status.code, 1)
  assert.match(status.stdout, /There is no instance in /)
  const { instance: fresh } = await start(states[1], '--no-demo-flow')
  for (const secret of secrets(before)) assert.ok(!secrets(fresh).includes(secret))
  assert.equal((await modern(instance, tokens.access_token, 'tools/list')).status, 200, 'the other instance goes on')
})

test('a port that is taken, or was another before, is refused in words', async () => {
  const port = await freePort()
  const blocker = createServer().listen(port, '127.0.0.1')
  await new Promise((resolve) => blocker.on('listening', resolve))
  const taken = await quickstart('--state', states[2], '--authz-port', String(port), '--mcp-port', '0', '--no-demo-flow')
  assert.equal(taken.code, 1)
  assert.match(taken.stderr, new RegExp(`port ${port} is taken by another program.*--authz-port`))
  blocker.close()
  await new Promise((resolve) => blocker.on('close', resolve))
  const now = await quickstart('--state', states[2], '--authz-port', String(port), '--mcp-port', '0', '--no-demo-flow')
  assert.equal(now.code, 0, now.stderr)
  const moved = await quickstart('--state', states[0], '--authz-port', String(port), '--no-demo-flow')
  assert.equal(moved.code, 1)
  assert.match(moved.stderr, /clients know it.*--reset/)
})

test('what is no option is refused, with the usage', async () => {
  for (const args of [['--nothing'], ['--state'], ['--authz-port', 'x'], ['--mcp-port', '70000'], ['--json']]) {
    const done = await quickstart(...args)
    assert.equal(done.code, 2, args.join(' '))
    assert.match(done.stderr, /^quickstart: /)
  }
  assert.match((await quickstart('--help')).stdout, /--no-demo-flow/)
})
