// SPDX-License-Identifier: Apache-2.0
// Tools and resources that are files below a declared root: what they reach, and what they do not.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, chown, link, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { modern } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { etc, home, verb } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'
import { join } from 'node:path'

const instance = await startInstance()
const stub = await startTokenServer()
const owner = await stat(instance.logs.audit) // the daemons' user
const files = join(home(instance), 'files')
const at = (path) => join(files, path)

async function folder(path) {
  await mkdir(path, { mode: 0o755 })
  await chown(path, owner.uid, owner.gid)
}
async function put(path, content, mode = 0o644) {
  await writeFile(path, content, { mode })
  await chown(path, owner.uid, owner.gid)
}
await folder(files)
for (const name of ['docs', 'docs/reports', 'docs-secret', 'drafts']) await folder(at(name))
await put(at('docs/notes.md'), 'one\ntwo\nthree\nfour\n')
await put(at('docs/reports/may.md'), 'May was fine: Grüße €')
await put(at('docs/reports/picture.png'), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2]))
await put(at('docs/reports/data.bin'), Buffer.from([0xff, 0xfe, 0, 1]))
await put(at('docs/long.md'), 'x'.repeat(1999) + '€' + 'y'.repeat(1000))
await put(at('docs/.env'), 'NAME=hidden')
await put(at('docs/private.md'), 'nobody reads it', 0o000)
await put(at('docs-secret/key'), 'a secret')
await symlink('../docs-secret/key', at('docs/link.md'))
await symlink('../docs-secret', at('docs/away'))
await symlink('notes.md', at('docs/near.md'))
await link(at('docs-secret/key'), at('drafts/shared.md'))
execFileSync('mkfifo', [at('docs/pipe.md')])

const schema = (properties, required = Object.keys(properties)) => ({ type: 'object', additionalProperties: false, properties, required })
const path = { type: 'string', maxLength: 200 }
const TOOLS = {
  read_doc: { tier: 'read', input: schema({ path, from: { type: 'integer', minimum: 1, maximum: 1000000 }, count: { type: 'integer', minimum: 1, maximum: 1000000 } }, ['path']), file: { root: 'docs', path: '{+path}', action: 'read', first_line: 'from', lines: 'count', bytes: '2000B' } },
  read_report: { tier: 'read', untrusted: true, input: schema({ name: path }), file: { root: 'docs', path: 'reports/{name}.md', action: 'read' } },
  read_any: { tier: 'read', input: schema({ path }), file: { root: 'docs', path: '{+path}', action: 'read', hidden: true } },
  list_docs: { tier: 'read', input: schema({ path }, []), file: { root: 'docs', path: '{+path}', action: 'list' } },
  new_draft: { tier: 'write', input: schema({ path, text: { type: 'string', maxLength: 5000 } }), file: { root: 'drafts', path: '{+path}', action: 'write', text: 'text', endings: ['.md'], bytes: '1000B' } },
  save_draft: { tier: 'write', input: schema({ path, text: { type: 'string', maxLength: 5000 } }), file: { root: 'drafts', path: '{+path}', action: 'write', writing: 'replace', text: 'text', endings: ['.md'] } },
  add_draft: { tier: 'write', input: schema({ path, text: { type: 'string', maxLength: 5000 } }), file: { root: 'drafts', path: '{+path}', action: 'write', writing: 'append', text: 'text', endings: ['.md'] } },
}
const RESOURCES = {
  notes: { uri: 'docs://notes', name: 'notes', mime_type: 'text/markdown', file: { root: 'docs', path: 'notes.md', action: 'read' } },
  reports: { uri_template: 'docs://reports/{name}', name: 'reports', file: { root: 'docs', path: 'reports/{name}', action: 'read' } },
}
const write = (kind, name, body) => writeFile(etc(instance, `${kind}-files/${name}.yaml`), JSON.stringify({ name, scope: 'logs:read', ...(kind === 'tools' ? { title: name, description: name } : {}), ...body }), { mode: 0o644 })
for (const kind of ['tools', 'resources']) await mkdir(etc(instance, `${kind}-files`), { mode: 0o755 })
for (const [name, body] of Object.entries(TOOLS)) await write('tools', name, body)
for (const [name, body] of Object.entries(RESOURCES)) await write('resources', name, body)
after(() => rm(files, { recursive: true, force: true }))

const ROOTS = `roots: {docs: {path: ${at('docs')}}, drafts: {path: ${at('drafts')}, writable: true}}`
const server = await startMcpServer(instance, stub, 'files', [[/^tools:.*$/m, 'tools: tools-files'], [/^resources:.*$/m, 'resources: resources-files'], ROOTS])
const token = stub.mint(server.mcp, { scope: 'logs:read' })
const call = async (name, args) => (await modern(server, token, 'tools/call', { name, arguments: args })).json.result
const text = (result) => result.content[0].text
const read = async (uri) => (await modern(server, token, 'resources/read', { uri }, { 'mcp-name': uri })).json

test('a file is read, and a part of it', async () => {
  const whole = await call('read_doc', { path: 'notes.md' })
  assert.equal(whole.isError, undefined)
  assert.equal(text(whole), 'one\ntwo\nthree\nfour\n')
  const part = await call('read_doc', { path: 'notes.md', from: 2, count: 2 })
  assert.equal(text(part), 'two\nthree\n')
  assert.equal(part._meta['sallyport/truncated'], true)
  assert.match(part.content[1].text, /^This is a part of the file, which has 19 bytes\.$/)
  const cut = await call('read_doc', { path: 'long.md' })
  assert.equal(text(cut), 'x'.repeat(1999))
  assert.equal(cut._meta['sallyport/truncated'], true)
})

test('text of strangers is marked', async () => {
  const result = await call('read_report', { name: 'may' })
  assert.match(text(result), /May was fine: Grüße €/)
  assert.notEqual(text(result), 'May was fine: Grüße €')
  assert.equal(result._meta['sallyport/untrusted'], true)
})

test('what is no text is an image, or a problem', async () => {
  const picture = await call('read_doc', { path: 'reports/picture.png' })
  assert.deepEqual(picture.content, [{ type: 'image', mimeType: 'image/png', data: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2]).toString('base64') }])
  const data = await call('read_doc', { path: 'reports/data.bin' })
  assert.equal(data.isError, true)
  assert.match(text(data), /^The file is not text\./)
})

test('a folder is listed', async () => {
  const result = await call('list_docs', {})
  assert.deepEqual(result.structuredContent.entries.map(({ name, kind, size }) => [name, kind, size]), [
    ['long.md', 'file', 3002],
    ['notes.md', 'file', 19],
    ['private.md', 'file', 15],
    ['reports', 'folder', undefined],
  ])
  assert.equal(result.structuredContent.truncated, false)
  assert.deepEqual(JSON.parse(text(result)), result.structuredContent)
  for (const args of [{ path: 'reports' }, { path: 'reports/' }])
    assert.deepEqual((await call('list_docs', args)).structuredContent.entries.map((entry) => entry.name), ['data.bin', 'may.md', 'picture.png'])
  assert.match(text(await call('list_docs', { path: 'notes.md' })), /^There is no such folder\./)
})

test('resources are files', async () => {
  assert.deepEqual((await read('docs://notes')).result.contents, [{ uri: 'docs://notes', mimeType: 'text/markdown', text: 'one\ntwo\nthree\nfour\n' }])
  assert.equal((await read('docs://reports/may.md')).result.contents[0].text, 'May was fine: Grüße €')
  assert.equal((await read('docs://reports/data.bin')).result.contents[0].blob, Buffer.from([0xff, 0xfe, 0, 1]).toString('base64'))
  const none = await read('docs://reports/june.md')
  for (const uri of ['docs://reports/..%2F..%2Fdocs-secret%2Fkey', 'docs://reports/%2e%2e', 'docs://reports/.env'])
    assert.deepEqual({ ...(await read(uri)).error, data: 0 }, { ...none.error, data: 0 })
})

test('F-1: no spelling of a path leads out of the root, over a link or into what is hidden', async () => {
  const targets = ['docs-secret/key', 'etc/passwd', 'proc/self/environ', 'dev/zero']
  const ups = ['..', '../..', '../../../../../../../../..', './..', 'reports/..', 'reports/../..', 'reports/../../..', '..//..', '.../..']
  const paths = ['/etc/passwd', '//etc/passwd', at('docs-secret/key'), 'away/key', 'link.md', 'near.md', 'pipe.md', 'reports', '.', '', '..', './notes.md', 'reports/./may.md', 'reports//may.md',
    'notes.md/', 'notes.md/.', 'notes.md/..', 'notes.md\u0000.png', 'notes.md\u200b', 'notes\u202e.md', '..\u2215docs-secret\u2215key', '..\\docs-secret\\key', '%2e%2e%2fdocs-secret%2fkey', '..%2fdocs-secret/key',
    '..;/docs-secret/key', '.. /docs-secret/key', ' ../docs-secret/key', '~/x', '$HOME/x', 'file:///etc/passwd', '/proc/self/fd/3', '../docs-secret', '../docs-secret/key', '../docs', 'docs-secret', 'x'.repeat(200),
    ...ups.flatMap((up) => targets.map((target) => `${up}/${target}`)), ...ups.flatMap((up) => targets.map((target) => `/${up}/${target}`)),
    ...ups.flatMap((up) => targets.map((target) => `reports/${up}/${target}`))]
  let refused = 0
  for (const tool of ['read_doc', 'read_any', 'read_report'])
    for (const value of paths) {
      const answer = (await modern(server, token, 'tools/call', { name: tool, arguments: { [tool === 'read_report' ? 'name' : 'path']: value } })).json
      assert.equal(answer.result?.isError ?? answer.error !== undefined, true, `${tool} ${JSON.stringify(value)}: ${JSON.stringify(answer)}`)
      assert.doesNotMatch(JSON.stringify(answer), /a secret|root:|docs-secret|NAME=/)
      refused++
    }
  for (const value of ['.env', 'reports/.env']) assert.equal((await call('read_doc', { path: value })).isError, true)
  assert.equal(text(await call('read_any', { path: '.env' })), 'NAME=hidden')
  console.log(`# F-1: ${refused} paths refused`)
})

test('F-1: a file that is not there, one behind a link and one that is not readable are the same', async () => {
  const words = async (path) => text(await call('read_doc', { path })).replace(/\(request .*/, '')
  const absent = await words('none.md')
  for (const path of ['link.md', 'away/key', 'near.md', ...(process.getuid() === 0 ? ['private.md'] : [])]) assert.equal(await words(path), absent)
})

test('F-2: what is written is new, private, below its root and has the ending that it must have', async () => {
  assert.deepEqual((await call('new_draft', { path: 'plan.md', text: 'Grüße' })).structuredContent, { path: 'plan.md', size: 7 })
  assert.equal(await readFile(at('drafts/plan.md'), 'utf8'), 'Grüße')
  assert.equal((await stat(at('drafts/plan.md'))).mode & 0o7777, 0o600)
  assert.match(text(await call('new_draft', { path: 'plan.md', text: 'again' })), /^A file of this name is already there\./)
  assert.equal((await call('add_draft', { path: 'plan.md', text: '!' })).structuredContent.size, 8)
  await chmod(at('drafts/plan.md'), 0o644)
  assert.equal((await call('save_draft', { path: 'plan.md', text: 'new' })).structuredContent.size, 3)
  assert.equal((await stat(at('drafts/plan.md'))).mode & 0o7777, 0o644)
  assert.match(text(await call('save_draft', { path: 'shared.md', text: 'x' })), /has other names too/)
  assert.match(text(await call('add_draft', { path: 'shared.md', text: 'x' })), /has other names too/)
  assert.match(text(await call('new_draft', { path: 'large.md', text: 'x'.repeat(1001) })), /larger than it may/)
  for (const path of ['run.sh', 'plan', '.md', '.profile', 'plan.md.exe', 'x/.md', '../docs/new.md', '/tmp/new.md', 'none/new.md', 'x.md/../../y.md'])
    for (const tool of ['new_draft', 'save_draft', 'add_draft']) assert.equal((await call(tool, { path, text: 'x' })).isError, true, `${tool} ${path}`)
  assert.equal(await readFile(at('docs-secret/key'), 'utf8'), 'a secret')
  await assert.rejects(stat(at('docs/new.md')))
})

test('F-1: a folder without rights and one that is not there are the same, and the log knows which', async () => {
  const words = async (tool, path) => text(await call(tool, { path, text: 'x' })).replace(/\(request .*/, '')
  await mkdir(at('drafts/closed'), { mode: 0o555 })
  for (const tool of ['new_draft', 'save_draft', 'add_draft']) {
    const closed = await words(tool, 'closed/x.md')
    assert.equal(closed, await words(tool, 'none/x.md'), tool)
    assert.match(closed, tool === 'add_draft' ? /^There is no such file, or the server may not write it\./ : /^There is no such folder, or the server may not write in it\./)
  }
  assert.match(server.daemon.stderr, /the server has no right to a file or folder.*new_draft/)
})

test('what was done is on record', async () => {
  const lines = (await readFile(instance.logs.audit.replace('audit.log', 'audit-files.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line))
  const of = (tool) => lines.filter((line) => line.tool === tool).map((line) => line.decision ?? line.outcome)
  assert.ok(of('new_draft').includes('started'))
  assert.ok(of('new_draft').includes('allowed'))
  assert.ok(of('read_doc').includes('failed'))
})

test('a file that says it wrongly is refused, with the place', async () => {
  const good = TOOLS.read_doc.file
  const cases = [
    [{ file: { ...good, root: 'none' } }, /\/file\/root: is none of the configuration's roots/],
    [{ file: { ...good, path: '/etc/{+path}' } }, /\/file\/path: must be relative to the root/],
    [{ file: { ...good, path: '{+other}' } }, /\/file\/path: has \{other\}, which is no argument/],
    [{ file: { ...good, lines: 'path' } }, /\/file\/lines: the argument path must have the type integer/],
    [{ file: { ...good, path: 'notes.md' } }, /\/file: does not use the argument path/],
    [{ file: { ...good, entries: 5 } }, /\/file\/entries: does not go with this action/],
    [{ tier: 'write' }, /\/file\/action: goes not with the tier/],
    [{ tier: 'write', file: { root: 'docs', path: '{+path}', action: 'write', text: 'path', endings: ['.md'] }, input: schema({ path }) }, /\/file\/root: is not writable/],
    [{ tier: 'write', file: { root: 'drafts', path: '{+path}', action: 'write', text: 'path' }, input: schema({ path }) }, /\/file\/endings: must say which names/],
    [{ file: { ...good, timeout: '10m' } }, /\/file\/timeout: must be between/],
  ]
  after(() => rm(etc(instance, 'tools-files/wrong.yaml'), { force: true }))
  for (const [change, words] of cases) {
    await write('tools', 'wrong', { ...TOOLS.read_doc, ...change })
    const done = await verb(instance, 'mcp', ['check'], { config: server.config })
    assert.equal(done.code, 1)
    assert.match(done.stderr, words)
  }
  await rm(etc(instance, 'tools-files/wrong.yaml'))
  const config = await readFile(server.config, 'utf8')
  for (const [path, words] of [['/', /this configuration is in it/], [home(instance), /this configuration is in it/], [at('docs/notes.md'), /is no folder/], [at('none'), /No such file/], [etc(instance, 'tools-files'), /overlaps with tools of this configuration/]]) {
    await writeFile(etc(instance, 'mcp-roots.yaml'), config.replace(ROOTS, `roots: {docs: {path: ${path}}, drafts: {path: ${path}, writable: true}}`))
    await chown(etc(instance, 'mcp-roots.yaml'), owner.uid, owner.gid)
    const done = await verb(instance, 'mcp', ['check'], { config: 'mcp-roots.yaml' })
    assert.equal(done.code, 1)
    assert.match(done.stderr, words)
  }
})
