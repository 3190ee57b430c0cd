// SPDX-License-Identifier: Apache-2.0
// Rules: what callers may do beyond their scopes, by what is known of them; from the operator's words to the answers.
import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { getTokens, modern, toolNames } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, etc, freePort, must, startDaemon, until, verb } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const instance = await startInstance()
const stub = await startTokenServer()

const tool = (name, scope) => `name: ${name}
title: ${name}
description: ${name}
scope: ${scope}
tier: read
input: {type: object, additionalProperties: false, properties: {repo: {type: string}, branch: {type: string}}}
static: {content: [{type: text, text: done}]}
`
const RULES = `rules:
- name: own-repos
  tools: [get_repo]
  unless: {roles: [administrator]}
  arguments: {required: [repo], properties: {repo: {enum: {$claim: /repos}}}}
  message: Take one of your own repositories.
- name: no-contractors
  tools: [list_repos]
  when: {groups: [contractors]}
  refuse: true
- name: own-prompts
  prompts: [review]
  templates: ['repo://readme/{repo}']
  unless: {roles: [administrator]}
  arguments: {properties: {repo: {enum: {$claim: /repos}}}}
- name: main-only
  tools: [get_repo]
  shadow: true
  arguments: {properties: {branch: {const: main}}}
`
/** As an editor writes: beside it, then in its place. */
async function put(path, text) {
  await writeFile(etc(instance, `${path}.new`), text, { mode: 0o644 })
  await rename(etc(instance, `${path}.new`), etc(instance, path))
}
for (const folder of ['tools-rules', 'prompts-rules', 'resources-rules', 'rules']) {
  await mkdir(etc(instance, folder), { mode: 0o755 })
  after(() => rm(etc(instance, folder), { recursive: true, force: true }))
}
await put('tools-rules/get_repo.yaml', tool('get_repo', 'logs:read'))
await put('tools-rules/list_repos.yaml', tool('list_repos', 'logs:read'))
await put('tools-rules/other.yaml', tool('other', 'users:read'))
await put('prompts-rules/review.yaml', `name: review
scope: logs:read
arguments: [{name: repo, required: true, complete: {values: [a/b, c/d, e/f]}}]
static: {messages: [{role: user, text: 'Review {{repo}}'}]}
`)
await put('resources-rules/readme.yaml', `uri_template: 'repo://readme/{repo}'
name: readme
scope: logs:read
static: {text: 'The text of {{repo}}'}
complete: {repo: {values: [a, b, c]}}
`)
await put('rules/rules.yaml', RULES)
const changes = [[/^tools:.*$/m, 'tools: tools-rules'], [/^resources:.*$/m, 'resources: resources-rules'], [/^prompts:.*$/m, 'prompts: prompts-rules'], 'rules: rules/rules.yaml', 'claims: {repos: {title: Repositories}}']
const server = await startMcpServer(instance, stub, 'rules', changes)
const call = (who, name, args = {}, where = server) => modern(where, who, 'tools/call', { name, arguments: args })
const mint = (claims) => stub.mint(server.mcp, { scope: 'logs:read', ...claims })
const says = (answer) => (answer.json.result?.isError ? `refused: ${answer.json.result.content[0].text}` : answer.json.result?.content[0].text ?? answer.json.error.message)
const records = async (config) => (await readFile(/^audit_log: (.*)$/m.exec(await readFile(config, 'utf8'))[1], 'utf8')).trim().split('\n').map((line) => JSON.parse(line))

test('P-5: conditions of arguments, by the claims of the token', async () => {
  const alice = mint({ repos: ['a/b', 'c/d'] })
  assert.equal(says(await call(alice, 'get_repo', { repo: 'a/b' })), 'done')
  const refused = await call(alice, 'get_repo', { repo: 'sesame' })
  assert.equal(refused.status, 200)
  assert.match(says(refused), /^refused: The call is not allowed\. arguments\.repo: .*Take one of your own repositories\.$/)
  assert.doesNotMatch(refused.text, /sesame/)
  assert.equal(says(await call(mint({ repos: [], roles: ['administrator'] }), 'get_repo', { repo: 'x' })), 'done')
  for (const claims of [{}, { repos: 'a/b' }, { repos: null }, { repos: { 0: 'a/b' } }, { roles: 'administrator', repos: [] }])
    assert.match(says(await call(mint(claims), 'get_repo', { repo: 'a/b' })), /^refused: /, JSON.stringify(claims))
  const record = (await records(server.config)).filter((r) => r.event === 'tool_call' && r.rule === 'own-repos')[0]
  assert.deepEqual([record.outcome, record.tool], ['denied', 'get_repo'])
})

test('P-1: what a rule refuses outright is not there, byte for byte', async () => {
  const one = mint({ groups: ['contractors'], repos: [] }), other = mint({ groups: ['staff'], repos: [] })
  assert.deepEqual(await toolNames(server, one), ['get_repo'])
  assert.deepEqual(await toolNames(server, other), ['get_repo', 'list_repos'])
  assert.equal((await call(one, 'list_repos')).text, (await call(one, 'nobody')).text)
  assert.equal((await call(one, 'list_repos', { wrong: 1 })).text, (await call(one, 'nobody')).text)
  assert.equal(says(await call(other, 'list_repos')), 'done')
})

test('P-2, P-3: names and scopes are exact', async () => {
  const token = mint({ repos: ['a'] })
  for (const name of ['GET_REPO', 'get_repo ', ' get_repo', 'get_rep', 'get_repo2', 'get\u200b_repo', 'g\u0435t_repo', 'tools/get_repo', 'get-repo'])
    assert.equal((await modern(server, token, 'tools/call', { name, arguments: {} }, { 'mcp-name': `=?base64?${Buffer.from(name).toString('base64')}?=` })).json.error.message, 'Unknown tool', name)
  for (const scope of ['xlogs:read', 'logs:readx', 'LOGS:READ', 'logs', '', 'logs:read2 users'])
    assert.deepEqual(await toolNames(server, mint({ scope })), [], scope)
  assert.deepEqual(await toolNames(server, mint({ scope: 'users:read logs:read logs:read' })), ['get_repo', 'list_repos', 'other'])
})

test('P-4: prompts, resources and completion are under the same rules', async () => {
  const token = mint({ repos: ['a/b', 'a'] })
  const prompt = (repo) => modern(server, token, 'prompts/get', { name: 'review', arguments: { repo } })
  assert.equal((await prompt('a/b')).json.result.messages[0].content.text, 'Review a/b')
  assert.match((await prompt('c/d')).json.error.message, /^The call is not allowed\. arguments\.repo: /)
  const read = (uri) => modern(server, token, 'resources/read', { uri }, { 'mcp-name': uri })
  assert.equal((await read('repo://readme/a')).json.result.contents[0].text, 'The text of a')
  assert.match((await read('repo://readme/b')).json.error.message, /^Resource not found/)
  const complete = async (ref, value = '') => (await modern(server, token, 'completion/complete', { ref, argument: { name: 'repo', value } })).json.result.completion
  assert.deepEqual(await complete({ type: 'ref/prompt', name: 'review' }), { values: ['a/b'], total: 1, hasMore: false })
  assert.deepEqual(await complete({ type: 'ref/resource', uri: 'repo://readme/{repo}' }), { values: ['a'], total: 1, hasMore: false })
})

test('P-7: what exactly was used is on record, a changed definition is told, and nothing in it is hidden', async () => {
  const token = mint({ scope: 'users:read' })
  const digest = async () => (await records(server.config)).filter((r) => r.tool === 'other' && r.outcome === 'allowed').at(-1).tool_digest
  assert.equal(says(await call(token, 'other')), 'done')
  const before = await digest()
  assert.match(before, /^[0-9a-f]{64}$/)
  await put('tools-rules/other.yaml', tool('other', 'users:read').replace('description: other', 'description: Otherwise'))
  await until('the new definition', async () => (await modern(server, token, 'tools/list')).json.result.tools[0].description === 'Otherwise')
  assert.equal(says(await call(token, 'other')), 'done')
  assert.notEqual(await digest(), before)
  assert.match(server.daemon.stderr, /"changes":"~ tool other: definition changed"/)
  await put('tools-rules/other.yaml', tool('other', 'users:read').replace('description: other', 'description: "Other\\u200B"'))
  await until('the refusal', () => /other\.yaml: \/description: has control or invisible characters/.test(server.daemon.stderr))
  assert.equal((await modern(server, token, 'tools/list')).json.result.tools[0].description, 'Otherwise')
  await put('tools-rules/other.yaml', tool('other', 'users:read'))
  await until('the old definition', async () => (await modern(server, token, 'tools/list')).json.result.tools[0].description === 'other')
})

test('a rule in shadow mode tells, and the call goes on', async () => {
  const token = mint({ repos: ['a'] })
  assert.equal(says(await call(token, 'get_repo', { repo: 'a', branch: 'sesame' })), 'done')
  const told = (await records(server.config)).filter((r) => r.event === 'rule_shadow')
  assert.deepEqual(told.map((r) => [r.rules, r.tool]), [['main-only', 'get_repo']])
  assert.doesNotMatch(JSON.stringify(told), /sesame/)
})

test('RFC 9396: authorization details limit the token', async () => {
  const limited = (details) => mint({ repos: ['a'], authorization_details: details })
  const list = { type: 'mcp_tool', tools: ['list_repos'] }
  assert.deepEqual(await toolNames(server, limited([list])), ['list_repos'])
  assert.equal(says(await call(limited([list]), 'get_repo', { repo: 'a' })), 'Unknown tool')
  assert.equal(says(await call(limited([{ type: 'payment' }]), 'get_repo', { repo: 'a' })), 'done')
  const main = { type: 'mcp_tool', tools: ['get_repo'], arguments: { properties: { branch: { const: 'main' } }, required: ['branch'] } }
  assert.equal(says(await call(limited([main]), 'get_repo', { repo: 'a', branch: 'main' })), 'done')
  assert.match(says(await call(limited([main]), 'get_repo', { repo: 'a' })), /^refused: /)
  assert.match(says(await call(limited([{ ...main, until: 7 }]), 'get_repo', { repo: 'a', branch: 'main' })), /^refused: .*authorization details/)
})

test('P-6: a rule file that is wrong is refused at start and at reload; a new one takes its place at once', async () => {
  const token = mint({ repos: ['a'] })
  await put('rules/rules.yaml', RULES.replace('[list_repos]', '[no_tool]'))
  await until('the refusal', () => /the old one serves on.*there is no tool no_tool/.test(server.daemon.stderr))
  assert.equal(says(await call(token, 'get_repo', { repo: 'b' })).slice(0, 8), 'refused:')
  const checked = await verb(instance, 'mcp', ['check'], { config: server.config })
  assert.equal(checked.code, 1)
  assert.match(checked.stderr, /rules\.yaml: \/rules\/1\/tools: there is no tool no_tool/)
  await put('rules/rules.yaml', RULES.replace('shadow: true', 'shadow: false'))
  await until('the new rules', async () => says(await call(token, 'get_repo', { repo: 'a', branch: 'x' })).startsWith('refused'))
  assert.match(server.daemon.stderr, /"changes":"~ rule main-only: enforced from now on"/)
  const change = (await records(server.config)).filter((r) => r.event === 'catalogue_changed' && r.changes.includes('enforced'))[0]
  assert.deepEqual([change.changes, change.widens], ['~ rule main-only: enforced from now on', false])
  await put('rules/rules.yaml', RULES)
  await until('the old rules', async () => says(await call(token, 'get_repo', { repo: 'a', branch: 'x' })) === 'done')
})

test('the catalogue of what runs, and the difference to what would', async () => {
  const running = etc(instance, 'rules/running.json')
  await writeFile(running, await must(instance, 'mcp', ['catalogue', '--json'], { config: server.config }))
  const table = await must(instance, 'mcp', ['catalogue'], { config: server.config })
  assert.match(table, /get_repo .*rules own-repos, main-only \(shadow\)/)
  const against = () => verb(instance, 'mcp', ['check', '--against', running], { config: server.config })
  assert.match((await against()).stdout, /no difference/)
  await put('rules/rules.yaml', RULES.replace(/- name: no-contractors[^-]*/, ''))
  const wider = await against()
  assert.equal(wider.code, 1)
  assert.match(wider.stdout, /^- rule no-contractors$/m)
  await put('rules/rules.yaml', `${RULES}- {name: more, tools: [other], refuse: true}\n`)
  const narrower = await against()
  assert.equal(narrower.code, 0, narrower.stderr)
  assert.match(narrower.stdout, /^\+ rule more$/m)
  await put('rules/rules.yaml', RULES)
})

test('explain says the way of a call, and agrees with the server', async () => {
  for (const [claims, args] of [[{ repos: ['a'] }, { repo: 'a' }], [{ repos: ['a'] }, { repo: 'b' }], [{ repos: 7 }, { repo: 'a' }], [{ roles: ['administrator'] }, {}]]) {
    const said = await verb(instance, 'mcp', ['explain', '--claims', '-', '--tool', 'get_repo', '--arguments', JSON.stringify(args), '--json'], { config: server.config, input: JSON.stringify({ sub: 'person', scope: 'logs:read', ...claims }) })
    const explained = JSON.parse(said.stdout)
    assert.equal(says(await call(mint(claims), 'get_repo', args)), explained.refusal === undefined ? 'done' : `refused: ${explained.refusal}`)
    assert.equal(said.code, explained.verdict === 'allowed' ? 0 : 1)
    assert.deepEqual(explained.steps.slice(0, 2).map((s) => s.step), ['scope', 'tier'])
  }
})

test("a person's claims reach the server, and a change of them at once", async () => {
  const port = await freePort()
  await deriveConfig(instance, 'mcp.yaml', 'mcp-claims.yaml', [
    [/^listen:.*$/m, `listen: 127.0.0.1:${port}`],
    [/^audit_log:.*$/m, (line) => line.replace('audit.log', 'audit-claims.log')],
    ...changes,
    `allowed_hosts: ['127.0.0.1:${port}']`,
  ])
  await must(instance, 'authz', ['person', 'claims', 'alice', '-'], { input: '{"repos": ["a/b"]}' })
  await startDaemon(instance, 'mcp', 'mcp-claims.yaml')
  const here = { mcp: `http://127.0.0.1:${port}/mcp` }
  await until('the server to be ready', async () => (await fetch(`http://127.0.0.1:${port}/health`)).status === 200)
  const { access_token: token } = await getTokens(instance, 'alice', { scope: 'logs:read' })
  assert.equal(says(await call(token, 'get_repo', { repo: 'a/b' }, here)), 'done')
  assert.match(says(await call(token, 'get_repo', { repo: 'c/d' }, here)), /^refused: /)
  await must(instance, 'authz', ['person', 'claims', 'alice', '-'], { input: '{"repos": ["c/d"]}' })
  await until('the new claims', async () => says(await call(token, 'get_repo', { repo: 'c/d' }, here)) === 'done')
  assert.match(says(await call(token, 'get_repo', { repo: 'a/b' }, here)), /^refused: /)

  const explain = (person, repo) => verb(instance, 'mcp', ['explain', '--as', person, '--authz-config', etc(instance, 'authz.yaml'), '--tool', 'get_repo', '--arguments', JSON.stringify({ repo })], { config: 'mcp-claims.yaml' })
  const allowed = await explain('alice', 'c/d'), refused = await explain('alice', 'a/b'), nobody = await explain('nobody', 'x')
  assert.equal(allowed.code, 0, allowed.stderr)
  assert.match(allowed.stdout, /own-repos: applies .*; holds/)
  assert.equal(refused.code, 1)
  assert.match(refused.stdout, /own-repos: applies .*does not hold; at "\/repo"/)
  assert.match(nobody.stderr, /there is nobody of this name/)

  const shown = JSON.parse(await must(instance, 'authz', ['person', 'show', 'alice', '--json']))
  assert.deepEqual(shown.claims, { repos: ['c/d'] })
  const reserved = await verb(instance, 'authz', ['person', 'claims', 'alice', '-'], { input: '{"roles": ["administrator"]}' })
  assert.equal(reserved.code, 1)
  assert.match(reserved.stderr, /tokens have already/)
  await must(instance, 'authz', ['person', 'claims', 'alice', '-'], { input: '{}' })
})
