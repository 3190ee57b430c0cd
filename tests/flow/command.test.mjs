// SPDX-License-Identifier: Apache-2.0
// Tools that run a program: what it gets, what it can never do, and that nothing of it stays (common/spawner.h, mcp/backend/command/backend_command.c).
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { getTokens, postForm } from './lib/client.mjs'
import { events, startFixture } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, isGone, until, verb, writeEtc } from './lib/programs.mjs'

const folder = await mkdtemp(join(tmpdir(), 'sallyport-programs-'))
after(() => rm(folder, { recursive: true, force: true }))
await chmod(folder, 0o755)
const inside = join(folder, 'inside')
const shared = join(folder, 'shared')
for (const [path, mode] of [[inside, 0o755], [shared, 0o777]]) {
  await mkdir(path)
  await chmod(path, mode)
}
await writeFile(join(inside, 'note'), 'a note\n', { mode: 0o644 })
await symlink('/etc/passwd', join(inside, 'link'))

const SCRIPTS = {
  show: 'for a in "$@"; do printf \'%s\\001\' "$a"; done',
  tree: "trap '' TERM HUP INT; (trap '' TERM; echo begun; sleep 1000; :) & wait; wait",
  bomb: 'echo begun; b() { b | b & }; b; sleep 1000',
  connect: 'exec 3<>"/dev/tcp/127.0.0.1/$1" && echo connected',
  speak: "printf 'one\\n\\303'; sleep 0.3; printf '\\244 two\\n'; sleep 0.3; printf 'end\\n'",
  fail: 'echo out; echo "the password is hunter2" >&2; exit "$1"',
  write: 'echo kept >"$1/kept"; yes | head -c 300000; echo done >"$1/done"',
  signals: 'kill -9 "$1" "$2"; kill -9 -1; kill -0 "$1" && echo reached; setsid true && echo left; echo end',
  wrong: 'echo x >"$1/x"; echo end',
  halves: "printf 'the key is glpat-0123456789'; sleep 0.2; printf 'abcdefghij.\\nand more\\n'; sleep 0.2; printf 'end'",
}
for (const [name, text] of Object.entries(SCRIPTS)) {
  await writeFile(join(folder, name), `#!/bin/bash\n${text}\n`)
  await chmod(join(folder, name), 0o755)
}
const script = (name) => join(folder, name)

const string = { type: 'string' }
const integer = { type: 'integer' }
function tool(name, properties, command, more = {}) {
  const input = { type: 'object', additionalProperties: false, properties, required: Object.keys(properties).filter((key) => !key.startsWith('o')) }
  return [`tools/${name}.yaml`, { name, title: name, description: `Test tool ${name}`, scope: 'logs:read', tier: 'read', input, command, ...more }]
}
const TOOLS = [
  tool('show', { a: string, o: string, b: string, items: { type: 'array', items: string } },
    { path: script('show'), arguments: ['fixed', '--name={o}', '{a}', '--', '{b}', '{items...}'] },
    { guards: { characters: ['controls', 'invisible'] } }), // so that the backend sees them
  tool('environment', {}, { path: '/usr/bin/env', interpreter: true, arguments: [], environment: { LANG: 'C.UTF-8', A: 'b=c d' } }),
  tool('where', {}, { path: '/bin/pwd', arguments: ['-P'], folder: inside }),
  tool('descriptors', {}, { path: '/bin/ls', arguments: ['/proc/self/fd'], readable: ['/proc'] }),
  tool('read', { path: string }, { path: '/bin/cat', arguments: ['--', '{path}'], folder: inside }),
  tool('echo', { text: string }, { path: '/bin/cat', arguments: [], input: '{text}', output: 'text' }),
  tool('all', { text: string, n: integer }, { path: '/bin/cat', arguments: [], input: '{...}', output: 'json' },
    { output: { type: 'object', required: ['n'], properties: { text: string, n: { type: 'integer', maximum: 5 } } } }),
  tool('lines', { text: string }, { path: '/bin/cat', arguments: [], input: '{text}', output: 'lines' }, { output: { type: 'object', required: ['lines'] } }),
  tool('json', { text: string }, { path: '/bin/cat', arguments: [], input: '{text}', output: 'json' }),
  tool('stranger', { text: string }, { path: '/bin/cat', arguments: [], input: '{text}' }, { untrusted: true, guards: { characters: ['invisible'] } }),
  tool('connect', { port: integer }, { path: script('connect'), arguments: ['{port}'] }),
  tool('connect_allowed', { port: integer }, { path: script('connect'), arguments: ['{port}'], network: true }),
  tool('tree', {}, { path: script('tree'), arguments: [], timeout: '5m', stream: true }),
  tool('halves', {}, { path: script('halves'), arguments: [], stream: true }),
  tool('halves_wrong', {}, { path: script('halves'), arguments: [], stream: true, output: 'json' }),
  tool('late_change', {}, { path: script('tree'), arguments: [], timeout: '300ms' }, { tier: 'write' }),
  tool('fail_change', {}, { path: script('fail'), arguments: ['3'] }, { tier: 'write' }),
  tool('wrong_change', {}, { path: script('speak'), arguments: [], output: 'json' }, { tier: 'write' }),
  tool('late', {}, { path: script('tree'), arguments: [], timeout: '300ms' }),
  tool('bomb', {}, { path: script('bomb'), arguments: [], timeout: '2s', limits: { processes: 20 } }),
  tool('yes', { text: string }, { path: '/usr/bin/yes', arguments: ['--', '{text}'], bytes: '65537B' }),
  tool('yes_lines', {}, { path: '/usr/bin/yes', arguments: [], bytes: '1KiB', output: 'lines' }),
  tool('yes_json', {}, { path: '/usr/bin/yes', arguments: [], bytes: '1KiB', output: 'json' }),
  tool('bytes', {}, { path: '/usr/bin/printf', arguments: ['a\\377\\000\\303b'] }),
  tool('speak', {}, { path: script('speak'), arguments: [], stream: true }),
  tool('fail', { status: integer }, { path: script('fail'), arguments: ['{status}'], success: [0, 4], failures: { 3: 'There is no such branch.' } }),
  tool('write', {}, { path: script('write'), arguments: [shared], writable: [shared], bytes: '1KiB' }, { tier: 'write' }),
  tool('wrong', {}, { path: script('wrong'), arguments: [shared] }),
  tool('signals', { a: integer, b: integer }, { path: script('signals'), arguments: ['{a}', '{b}'] }),
  tool('quick', {}, { path: '/bin/true', arguments: [] }),
]
const ALLOWED = ['/usr/bin/env', '/bin/pwd', '/bin/ls', '/bin/cat', '/usr/bin/yes', '/usr/bin/printf', '/bin/true', ...Object.keys(SCRIPTS).map(script)]
const COMMANDS = `commands: ${JSON.stringify({ allowed: ALLOWED })}`

const instance = await startInstance()
const alice = await getTokens(instance, 'alice')
const start = (name) => startFixture(instance, name, TOOLS, COMMANDS)
const fixture = await start('command')

/** Calls a tool in the modern era: the result, or the whole answer where there is none. */
async function call(name, args = {}, { to = fixture, tokens = alice, signal, meta = {}, whole = false } = {}) {
  const response = await fetch(to.url, {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call', 'mcp-name': name, authorization: `Bearer ${tokens.access_token}`,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: {
      name, arguments: args,
      _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, ...meta },
    } }),
  })
  if (whole) return response
  const body = await response.json()
  return body.result ?? { status: response.status, ...body }
}
const text = (result) => result.content?.[0].text
const audit = /^audit_log: (.*)$/m.exec(await readFile(etc(instance, 'command.yaml'), 'utf8'))[1]
const records = async (name) => (await readFile(audit, 'utf8')).trim().split('\n').map((line) => JSON.parse(line)).filter((r) => r.tool === name)
const refusal = (result) => (assert.equal(result.isError, true, JSON.stringify(result)), text(result))

/** Processes that run one of the test's own scripts. */
async function running(name) {
  const found = []
  for (const pid of await readdir('/proc'))
    if (/^[0-9]+$/.test(pid) && (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(script(name))) found.push(Number(pid))
  return found
}
const gone = (name) => until(`the end of ${name}`, async () => (await running(name)).length === 0)
const children = async (pid) => (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(Boolean).map(Number)

// ---- arguments

const OPENINGS = ['', '-', '--', '---', '-x', '--x=', '--upload-pack=', '-oProxyCommand=', '\u2212', '\u2013', '\uff0d', '\ufeff-', ' -', '\t-', '\n-', '\x1b-', '\x7f-',
  '\x85-', '\xa0-', "'-", '"-', '\\-', '{a}', '{items...}', '%s-', '@-', '+']
const PAYLOADS = ['', 'x', 'help', 'exec=/bin/sh', '; touch /tmp/x', '&& id', '$(id)', '`id`', '${IFS}id', '\nid', '\r\nid', "' -- '", '" -- "', '-- -x', '../../etc/passwd', '%n%n%n',
  '{o}', '~root', '*', '\u{1f600}']
// eslint-disable-next-line no-control-regex
const hasControl = (value) => /[\x00-\x1f\x7f-\x9f]/.test(value)

async function inTurns(items, width, work) {
  const left = [...items]
  await Promise.all(Array.from({ length: width }, async () => {
    while (left.length > 0) await work(left.pop())
  }))
}

test('C-1: no argument becomes an option, another argument or a command', async () => {
  const values = OPENINGS.flatMap((opening) => PAYLOADS.map((payload) => opening + payload))
  let refused = 0
  const shown = (result) => text(result).split('\x01').slice(0, -1)
  await inTurns(values, 12, async (value) => {
    const free = await call('show', { a: 'a', o: value, b: value, items: [value, 'last'] })
    const alone = await call('show', { a: value, b: 'b', items: [] })
    if (hasControl(value)) assert.match(refusal(free), /control characters/)
    else assert.deepEqual(shown(free), ['fixed', `--name=${value}`, 'a', '--', value, value, 'last'])
    if (hasControl(value) || value.startsWith('-')) {
      refused += 1
      assert.match(refusal(alone), /arguments\.a: must/)
      assert.ok(value === '' || !refusal(alone).includes(value) || value.length < 3, 'the value is not echoed')
    } else assert.deepEqual(shown(alone), ['fixed', value, '--', 'b'])
  })
  console.log(`# ${values.length * 5} generated arguments in ${values.length * 2} calls, ${refused} refused where they stand alone`)
})

test('C-1: an argument of another type, too long or too many is refused', async () => {
  assert.match(refusal(await call('show', { a: 'a', b: 7, items: [] })), /arguments/)
  assert.match(refusal(await call('show', { a: 'x'.repeat(100_000), b: '', items: [] })), /too long|arguments/)
  assert.match(refusal(await call('show', { a: 'a', b: '', items: Array(600).fill('x') })), /too long|arguments/)
})

// ---- what it gets

test('C-1: the environment, the folder and the descriptors are what the file says', async () => {
  assert.equal(text(await call('environment')), 'LANG=C.UTF-8\nA=b=c d\n')
  assert.equal(text(await call('where')), `${inside}\n`)
  assert.equal(text(await call('descriptors')), '0\n1\n2\n3\n', 'the last is its own')
  assert.equal(text(await call('echo', { text: 'in\n\u{1f600} out' })), 'in\n\u{1f600} out')
})

// ---- what it cannot

test('C-1: no network unless the file says so', async () => {
  const server = createServer((socket) => socket.end())
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  let connections = 0
  server.on('connection', () => (connections += 1))
  assert.match(refusal(await call('connect', { port: server.address().port })), /exit status/)
  assert.equal(connections, 0)
  assert.equal(text(await call('connect_allowed', { port: server.address().port })), 'connected\n')
  assert.equal(connections, 1)
  server.close()
})

test('C-1: files outside of what the file names are out of reach', async () => {
  assert.equal(text(await call('read', { path: 'note' })), 'a note\n')
  const outside = ['/etc/passwd', 'link', '../show', '/etc/hostname', etc(instance, 'mcp.yaml'), `/proc/${fixture.daemon.pid}/environ`, `/proc/${fixture.daemon.pid}/maps`,
    `/proc/${process.pid}/environ`, `/proc/${process.pid}/root/etc/passwd`, '/dev/mem', '/sys/kernel/security', shared]
  for (const path of outside) assert.match(refusal(await call('read', { path })), /exit status 1/, path)
  const wrong = await call('wrong')
  assert.equal(text(wrong), 'end\n')
  assert.deepEqual(await readdir(shared), [], 'nothing was written')
})

test('C-1: it can neither signal the server nor leave its group', async () => {
  const [spawner] = await children(fixture.daemon.pid)
  assert.equal(text(await call('signals', { a: fixture.daemon.pid, b: spawner })), 'end\n')
  assert.equal(await isGone(fixture.daemon.pid), false)
  assert.equal(await isGone(spawner), false)
})

test('C-1: a fork bomb is bounded, and ends with its call', async () => {
  let most = 0
  const bomb = call('bomb')
  await until('the bomb', async () => (most = Math.max(most, (await running('bomb')).length)) > 5)
  assert.match(refusal(await bomb), /took longer/)
  assert.ok(most <= 20, `${most} processes`)
  await gone('bomb')
})

// ---- output

test('huge output is cut on a character, says so, and ends the program', async () => {
  const cut = await call('yes', { text: 'ä' })
  assert.equal(cut.isError, undefined)
  assert.equal(cut.content.length, 2)
  assert.match(cut.content[0].text, /^(ä\n)+ä?$/)
  assert.ok(Buffer.byteLength(cut.content[0].text) > 65530)
  assert.match(cut.content[1].text, /cut after 65537 bytes/)
  const lines = (await call('yes_lines')).structuredContent
  assert.deepEqual([lines.truncated, new Set(lines.lines).size, lines.lines.length], [true, 1, 512])
  assert.match(refusal(await call('yes_json')), /too large/)
  assert.equal(text(await call('bytes')), 'a\ufffd\ufffd\ufffdb')
})

test('one that changes something is not left half-way by much output', async () => {
  const result = await call('write')
  assert.match(result.content[1].text, /cut after 1024 bytes/)
  assert.deepEqual((await readdir(shared)).sort(), ['done', 'kept'])
  for (const name of await readdir(shared)) await rm(join(shared, name))
})

test('output as JSON and as lines is checked by the output schema', async () => {
  assert.deepEqual((await call('all', { text: 'x\n"', n: 5 })).structuredContent, { text: 'x\n"', n: 5 })
  assert.match(refusal(await call('all', { text: 'x', n: 6 })), /withheld/)
  assert.deepEqual((await call('lines', { text: 'a\nb' })).structuredContent, { lines: ['a', 'b'], truncated: false })
  assert.deepEqual((await call('json', { text: '[1]' })).structuredContent, { result: [1] })
  for (const bad of ['', '{', '{"a":1,"a":2}', '1 2', 'NaN']) assert.match(refusal(await call('json', { text: bad })), /not what it should be/, bad)
  const stranger = await call('stranger', { text: 'hid\u200bden' })
  assert.match(text(stranger), /hidden/)
  assert.equal(stranger._meta['sallyport/untrusted'], true)
})

test('slow output comes as it is written, in whole characters', async () => {
  const response = await call('speak', {}, { whole: true, meta: { progressToken: 'p', 'io.modelcontextprotocol/logLevel': 'info' } })
  const all = (await events(response).rest()).map((event) => event.data).filter(Boolean)
  const said = all.filter((message) => message.method === 'notifications/message').map((message) => message.params.data)
  assert.equal(said.join(''), 'one\nä two\nend\n')
  assert.ok(said.length >= 2, JSON.stringify(said))
  assert.ok(said.every((part) => !part.includes('\ufffd')))
  assert.ok(all.some((message) => message.method === 'notifications/progress'))
  assert.equal(text(all.at(-1).result), 'one\nä two\nend\n')
})

test('a secret that is written in two halves leaves in no message, and is counted once', async () => {
  for (const name of ['halves', 'halves_wrong']) {
    const response = await call(name, {}, { whole: true, meta: { progressToken: 'p', 'io.modelcontextprotocol/logLevel': 'info' } })
    const all = (await events(response).rest()).map((event) => event.data).filter(Boolean)
    const said = all.filter((message) => message.method === 'notifications/message').map((message) => message.params.data)
    assert.ok(said.length >= 2, JSON.stringify(said))
    assert.equal(said.join(''), 'the key is [redacted: vendor_key].\nand more\nend')
    assert.doesNotMatch(JSON.stringify(all), /0123456789|abcdefghij/)
    assert.deepEqual((await records(name)).at(-1).redacted, { vendor_key: 1 })
  }
})

test('exit statuses become words, and standard error stays in the log', async () => {
  assert.equal(text(await call('fail', { status: 0 })), 'out\n')
  assert.equal(text(await call('fail', { status: 4 })), 'out\n')
  const known = refusal(await call('fail', { status: 3 }))
  assert.match(known, /^There is no such branch\./)
  const other = refusal(await call('fail', { status: 9 }))
  assert.match(other, /failed with exit status 9/)
  for (const words of [known, other]) assert.ok(!words.includes('hunter2') && !words.includes('out\n'))
  await until('the log', () => /"standard_error":"the password is hunter2\\n"/.test(fixture.daemon.stderr))
})

// ---- ends

test('C-1: the time is over for the whole group', async () => {
  const began = Date.now()
  assert.match(refusal(await call('late')), /took longer/)
  assert.ok(Date.now() - began < 10_000)
  await gone('tree')
})

test('a change that was broken off, or whose result is of no use, is neither done nor simply failed', async () => {
  assert.match(refusal(await call('late_change')), /took longer .* Whether it has changed anything is not known\. Find out before trying again\. \(request/)
  assert.match(refusal(await call('fail_change')), /^The command failed with exit status 3\. \(request/)
  assert.match(refusal(await call('wrong_change')), /What was asked for has been done all the same\. Do not ask for it again\. \(request/)
  assert.doesNotMatch(refusal(await call('late')), /not known/)
  const ends = async (name) => (await records(name)).map((r) => [r.outcome, r.effect])
  assert.deepEqual(await ends('late_change'), [['started', undefined], ['unknown', undefined]])
  assert.deepEqual(await ends('fail_change'), [['started', undefined], ['failed', undefined]])
  assert.deepEqual(await ends('wrong_change'), [['started', undefined], ['failed', 'committed']])
  await gone('tree')
})

async function beginTree(options = {}) {
  const left = new AbortController()
  const answer = call('tree', {}, { signal: left.signal, ...options }).catch((error) => error)
  await until('the tree', async () => (await running('tree')).length >= 2)
  return { left, answer }
}

test('C-1: the client leaves, and the group with it', async () => {
  const { left, answer } = await beginTree()
  left.abort()
  await answer
  await gone('tree')
})

test('C-1: a cancelled call ends its group', async () => {
  const post = (message) => fetch(fixture.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25', authorization: `Bearer ${alice.access_token}` },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
  const answer = post({ id: 'tree-1', method: 'tools/call', params: { name: 'tree', arguments: {} } }).then((response) => response.text(), () => {})
  await until('the tree', async () => (await running('tree')).length >= 2)
  await post({ method: 'notifications/cancelled', params: { requestId: 'tree-1' } })
  await answer
  await gone('tree')
})

test('C-1: a revoked token ends its group', async () => {
  const tokens = await getTokens(instance, 'alice')
  const { answer } = await beginTree({ tokens })
  await postForm(`${instance.issuer}/revoke`, { token: tokens.refresh_token, client_id: tokens.client.client_id })
  assert.equal((await answer).status, 401)
  await gone('tree')
})

test('C-1: a thousand calls leave no descriptor, no process and no zombie', async () => {
  const [spawner] = await children(fixture.daemon.pid)
  const open = async (pid) => (await readdir(`/proc/${pid}/fd`)).length
  await inTurns(Array(50).keys(), 8, () => call('quick'))
  const before = [await open(fixture.daemon.pid), await open(spawner)]
  await inTurns(Array(1000).keys(), 8, async () => assert.equal((await call('quick')).isError, undefined))
  // connections of this test's own client are the only thing that may differ
  const now = [await open(fixture.daemon.pid), await open(spawner)]
  assert.ok(Math.abs(now[0] - before[0]) <= 8, `${before[0]} -> ${now[0]}`)
  assert.equal(now[1], before[1])
  await until('no children', async () => (await children(spawner)).length === 0)
  assert.deepEqual(await children(fixture.daemon.pid), [spawner])
})

test('C-1: a killed server leaves nothing behind', async () => {
  const other = await start('command-killed')
  const [spawner] = await children(other.daemon.pid)
  const { answer } = await beginTree({ to: other })
  other.daemon.child.kill('SIGKILL')
  await answer
  await gone('tree')
  await until('the end of the spawner', () => isGone(spawner))
})

test('C-1: a killed spawner takes its programs along, and the server says so', async () => {
  const other = await start('command-spawner')
  const [spawner] = await children(other.daemon.pid)
  const { answer } = await beginTree({ to: other })
  process.kill(spawner, 'SIGKILL')
  assert.match(refusal(await answer), /could not be run/)
  await gone('tree')
  assert.match(refusal(await call('quick', {}, { to: other })), /cannot be run now/)
  assert.match(other.daemon.stderr, /the process that starts programs has ended/)
  await other.daemon.stop()
})

test('C-1: the server goes down, and its programs with it', async () => {
  const other = await start('command-stopped')
  const { answer } = await beginTree({ to: other })
  await other.daemon.stop()
  await answer
  assert.equal(other.daemon.code, 0, other.daemon.stderr)
  assert.deepEqual(await running('tree'), [])
})

// ---- files that are refused

test('C-1: files that ask for more than the configuration allows are refused', async () => {
  await mkdir(etc(instance, 'command-bad'), { mode: 0o755 })
  const config = async (name, commands) => deriveConfig(instance, 'mcp.yaml', name, [[/^tools: .*$/m, 'tools: command-bad'], `commands: ${JSON.stringify(commands)}`])
  const changing = join(folder, 'changing')
  await writeFile(changing, '#!/bin/sh\n')
  await chmod(changing, 0o777)
  await symlink('/bin/bash', join(folder, 'linked'))
  await config('command-bad.yaml', { allowed: ['/bin/cat', '/bin/sh', '/bin/nothing', changing, join(folder, 'linked')] })
  const refused = async (command, words, more = {}, properties = { x: string }) => {
    const [, file] = tool('bad', properties, command, more)
    await writeEtc(instance, 'command-bad/bad.yaml', JSON.stringify(file))
    const done = await verb(instance, 'mcp', ['check'], { config: 'command-bad.yaml' })
    assert.equal(done.code, 1, JSON.stringify(command))
    assert.match(done.stderr, words)
  }
  await refused({ path: '/bin/ls', arguments: ['--', '{x}'] }, /path: \/bin\/ls is not among commands\.allowed/)
  await refused({ path: 'cat', arguments: ['--', '{x}'] }, /path/)
  await refused({ path: '/bin/nothing', arguments: ['--', '{x}'] }, /No such file/)
  await refused({ path: changing, arguments: ['--', '{x}'] }, /others could change it/)
  for (const path of ['/bin/sh', join(folder, 'linked')]) await refused({ path, arguments: ['-c', '{x}'] }, /interpreter: true/)
  await refused({ path: '/bin/cat', arguments: ['-n{x}'] }, /an option takes its value/)
  await refused({ path: '/bin/cat', arguments: ['{y}'] }, /y is no argument/)
  await refused({ path: '/bin/cat', arguments: ['{x}{x}'] }, /more than one slot/)
  await refused({ path: '/bin/cat', arguments: [] }, /does not use it/)
  await refused({ path: '/bin/cat', arguments: ['{x...}'] }, /fixed --/, {}, { x: { type: 'array' } })
  await refused({ path: '/bin/cat', arguments: ['--', '{x}'], writable: [shared] }, /tier read must not write/)
  await refused({ path: '/bin/cat', arguments: ['--', '{x}'] }, /structuredContent only with/, { output: { type: 'object' } })
  await refused({ path: '/bin/cat', arguments: ['--', '{x}'], failures: { 0: 'No' } }, /among success/)
  await refused({ path: '/bin/cat', arguments: ['--', '{x}'], shell: true }, /shell/)
  // whatever no tool uses is looked at too
  await writeEtc(instance, 'command-bad/bad.yaml', JSON.stringify(tool('good', { x: string }, { path: '/bin/cat', arguments: ['--', '{x}'] })[1]))
  const done = await verb(instance, 'mcp', ['check'], { config: 'command-bad.yaml' })
  assert.equal(done.code, 1)
  assert.match(done.stderr, /commands\.allowed: \/bin\/nothing: No such file/)
  assert.match(done.stderr, /changing: others could change it/)
  await config('command-user.yaml', { allowed: ['/bin/cat'], user: 'no-such-user' })
  assert.match((await verb(instance, 'mcp', ['check'], { config: 'command-user.yaml' })).stderr, /commands: .*no-such-user/)
  await config('command-good.yaml', { allowed: ['/bin/cat'] })
  const good = await verb(instance, 'mcp', ['check'], { config: 'command-good.yaml' })
  assert.equal(good.code, 0, good.stderr)
})
