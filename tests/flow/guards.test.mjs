// SPDX-License-Identifier: Apache-2.0
// Guards of arguments: what changes something takes nothing without bounds, and no tool takes what nobody sees.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { getTokens, modern, postJson } from './lib/client.mjs'
import { startFixture, tool } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'
import { etc, writeEtc } from './lib/programs.mjs'

const run = promisify(execFile)
const instance = await startInstance()
const input = (properties) => ({ input: { type: 'object', additionalProperties: false, properties } })
const any = { type: 'object' }
const fixture = await startFixture(instance, 'guards', [
  tool('note', [{ answer: 'noted' }], { tier: 'write', ...input({ note: { type: 'string', maxLength: 100 }, deep: { type: 'array', maxItems: 3, items: { type: 'string', maxLength: 9 } } }) }),
  tool('free', [{ answer: 'free' }], { tier: 'write', guards: { unbounded: ['/note', '/lines', '/lines/*'], characters: ['direction'] }, ...input({ note: { type: 'string' }, lines: { type: 'array', items: { type: 'string' } } }) }),
  tool('look', [{ answer: 'seen' }], input({ q: {}, more: any })),
])
const { access_token: token } = await getTokens(instance, 'alice')
const call = async (name, args) => (await modern({ mcp: fixture.url }, token, 'tools/call', { name, arguments: args })).json
const words = (answer) => answer.result.content[0].text

test('what nobody sees is refused in arguments, with its place', async () => {
  for (const [args, place] of [
    [{ note: 'pay\u202elaod' }, /arguments\.note: the text has U\+202E at character 4 \(direction\)/],
    [{ deep: ['a', 'b\u{e0041}'] }, /arguments\.deep\[1\]: the text has U\+E0041 at character 2 \(tags\)/],
    [{ note: 'a\u200bb' }, /U\+200B at character 2 \(invisible\)/],
    [{ note: 'a\u001b[2J' }, /U\+001B at character 2 \(controls\)/],
  ]) {
    const answer = await call('note', args)
    assert.equal(answer.result.isError, true)
    assert.match(words(answer), place)
  }
  assert.match(words(await call('look', { more: { 'x\u2066': 1 } })), /arguments\.more: the name of a member has U\+2066/)
  assert.equal(words(await call('note', { note: 'two\nlines\tand 👩‍🚀 ❤️' })), 'noted')
})

test('NUL comes in no message', async () => {
  const answer = await postJson(fixture.url, '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"q":"a\\u0000b"}}}', { authorization: `Bearer ${token}`, accept: 'application/json, text/event-stream' })
  assert.equal(answer.status, 400)
  assert.equal(answer.json.error.code, -32700)
})

test('a tool relaxes guards by name', async () => {
  assert.equal(words(await call('free', { note: 'x'.repeat(5000), lines: ['\u202e'] })), 'free')
  assert.match(words(await call('free', { note: '\u200b' })), /invisible/)
})

test('a tool that changes something is refused without bounds', async () => {
  const bounds = { type: 'string', maxLength: 5 }
  const check = async (properties, more = {}) => {
    await writeEtc(instance, 'tools/guarded.yaml', JSON.stringify({ name: 'guarded', title: 'Guarded', description: 'Guarded', scope: 'logs:read', tier: 'write', ...input(properties), static: { content: [{ type: 'text', text: 'x' }] }, ...more }))
    return run(instance.program('sallyport-mcp'), ['-c', etc(instance, 'mcp.yaml'), 'check']).then(() => '', (error) => error.stderr)
  }
  for (const [properties, problem, more] of [
    [{ note: { type: 'string' } }, /guarded\.yaml: \/input\/properties\/note: needs maxLength.*name \/note in guards\.unbounded/],
    [{ n: { type: 'integer', minimum: 1 } }, /\/input\/properties\/n: needs maximum/],
    [{ list: { type: 'array', items: bounds } }, /\/input\/properties\/list: needs maxItems/],
    [{ list: { type: 'array', maxItems: 3, items: { type: 'object' } } }, /\/input\/properties\/list\/items: needs additionalProperties: false.*name \/list\/\* in/],
    [{ a: bounds }, /\/guards\/unbounded\/0: names no argument without bounds/, { guards: { unbounded: ['/a'] } }],
    [{ a: {} }, /\/guards\/unbounded: goes with tools that change something/, { tier: 'read', guards: { unbounded: ['/a'] } }],
    [{ a: bounds }, /guards\.characters\[0\]: must be one of/, { guards: { characters: ['nul'] } }],
  ])
    assert.match(await check(properties, more), problem)
})
