// SPDX-License-Identifier: Apache-2.0
// Tasks (extension io.modelcontextprotocol/tasks): whose they are, what ends them, and how many there may be. What a client sees of a task is checked by
// the conformance suite.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getTokens, postForm, postJson } from './lib/client.mjs'
import { startFixture, tool } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'
import { must, until } from './lib/programs.mjs'

const instance = await startInstance()
const form = { message: 'Shall it?', requestedSchema: { type: 'object', properties: { yes: { type: 'boolean' } }, required: ['yes'] } }
const seconds = { type: 'object', additionalProperties: false, properties: { seconds: { type: 'integer' } } }
const fixture = await startFixture(instance, 'tasks', [
  tool('slow', [{ sleep: 'seconds' }, { answer: 'Done' }], { task: 'possible', input: seconds }),
  tool('strict', [{ answer: 'Done' }], { task: 'required' }),
  tool('asks', [{ ask: [{ key: 'q', method: 'elicitation/create', params: form }] }, { answer: 'It said {{q.content.yes}}' }], { task: 'possible' }),
])
const alice = await getTokens(instance, 'alice')

async function ask(method, params, { tokens = alice, tasks = true, name = params.taskId ?? params.name } = {}) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, ...(tasks ? { extensions: { 'io.modelcontextprotocol/tasks': {} } } : {}) },
  }
  const answer = await postJson(fixture.url, { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } }, {
    accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': name, authorization: `Bearer ${tokens.access_token}`,
  })
  return { status: answer.status, ...answer.json }
}
const begin = async (name, args, options) => (await ask('tools/call', { name, arguments: args }, options)).result
const look = async (taskId, options) => (await ask('tasks/get', { taskId }, options)).result
const ended = (taskId) => until(`the end of ${taskId}`, async () => {
  const task = await look(taskId)
  return ['completed', 'failed', 'cancelled'].includes(task.status) && task
}, 60)

test('a task belongs to the person and the client that began it', async () => {
  const { taskId } = await begin('slow', { seconds: 60 })
  const bob = await getTokens(instance, 'bob')
  const otherClient = await getTokens(instance, 'alice')
  const sameClient = await getTokens(instance, 'alice', {}, alice.client)
  assert.equal((await look(taskId, { tokens: sameClient })).status, 'working')
  for (const tokens of [bob, otherClient])
    for (const [method, more] of [['tasks/get', {}], ['tasks/update', { inputResponses: {} }], ['tasks/cancel', {}]]) {
      const foreign = await ask(method, { taskId, ...more }, { tokens })
      const unknown = await ask(method, { taskId: `${taskId.slice(0, -4)}AAAA`, ...more }, { tokens })
      assert.equal(foreign.error.code, -32602)
      assert.deepEqual(foreign, unknown)
    }
  assert.equal((await look(taskId)).status, 'working', 'nobody else has cancelled it')
  await ask('tasks/cancel', { taskId })
  const task = await ended(taskId)
  assert.equal(task.status, 'cancelled')
  assert.equal(task.result, undefined)
  assert.equal((await ask('tasks/cancel', { taskId })).result.resultType, 'complete')
  assert.equal((await look(taskId)).status, 'cancelled')
})

test('the methods are for clients that declare the extension, with the header that names the task', async () => {
  const { taskId } = await begin('slow', { seconds: 60 })
  const refused = await ask('tasks/get', { taskId }, { tasks: false })
  assert.equal(refused.status, 400)
  assert.equal(refused.error.code, -32021)
  assert.deepEqual(refused.error.data, { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } })
  assert.equal((await ask('tasks/cancel', { taskId }, { name: 'another' })).error.code, -32020)
  assert.equal((await look(taskId)).status, 'working')
  await ask('tasks/cancel', { taskId })
})

test('other clients wait for the answer, or are refused', async () => {
  const answer = await begin('slow', { seconds: 0 }, { tasks: false })
  assert.equal(answer.resultType, 'complete')
  assert.equal(answer.content[0].text, 'Done')
  assert.equal((await ask('tools/call', { name: 'strict', arguments: {} }, { tasks: false })).error.code, -32021)
  const legacy = await postJson(fixture.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow', arguments: {} } },
    { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25', authorization: `Bearer ${alice.access_token}` })
  assert.equal(legacy.json.result.content[0].text, 'Done')
  for (const method of ['tasks/get', 'tasks/list', 'tasks/result'])
    assert.equal((await postJson(fixture.url, { jsonrpc: '2.0', id: 1, method, params: {} },
      { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25', authorization: `Bearer ${alice.access_token}` })).json.error.code, -32601)
})

test('what the client answers is checked, and what it did not ask for is nobody\'s', async () => {
  const { taskId } = await begin('asks', {})
  await until('the question', async () => (await look(taskId)).status === 'input_required')
  const update = (inputResponses) => ask('tasks/update', { taskId, inputResponses })
  assert.equal((await update({ q: { action: 'accept', content: { yes: 'perhaps' } } })).error.code, -32602)
  assert.equal((await update({ q: 7 })).error.code, -32602)
  assert.equal((await update([])).error.code, -32602)
  assert.equal((await update({ other: { action: 'decline' } })).result.resultType, 'complete')
  assert.equal((await look(taskId)).status, 'input_required')
  assert.equal((await update({ q: { action: 'accept', content: { yes: true } } })).result.resultType, 'complete')
  assert.equal((await ended(taskId)).result.content[0].text, 'It said true')
  assert.equal((await update({ q: { action: 'decline' } })).result.resultType, 'complete')
  assert.equal((await look(taskId)).result.content[0].text, 'It said true')
})

test('a caller has a bounded number of tasks under way', async () => {
  const tokens = await getTokens(instance, 'bob')
  const tasks = []
  for (let i = 0; i < 32; i++) tasks.push((await begin('slow', { seconds: 60 }, { tokens })).taskId)
  assert.equal(new Set(tasks).size, 32)
  const refused = await begin('slow', { seconds: 60 }, { tokens })
  assert.equal(refused.isError, true)
  assert.match(refused.content[0].text, /too many tasks/)
  assert.equal((await begin('slow', { seconds: 0 })).resultType, 'task', 'others may')
  for (const taskId of tasks) await ask('tasks/cancel', { taskId }, { tokens })
})

test('a person with many tasks loses her own oldest outcomes, and nobody else does', async () => {
  const { taskId } = await begin('slow', { seconds: 0 })
  await ended(taskId)
  const carol = await getTokens(instance, 'carol')
  const tasks = []
  for (let i = 0; i < 130; i++) tasks.push((await begin('slow', { seconds: 0 }, { tokens: carol })).taskId)
  assert.equal((await ask('tasks/get', { taskId: tasks[0] }, { tokens: carol })).error.code, -32602)
  assert.equal((await look(tasks[129], { tokens: carol })).taskId, tasks[129])
  assert.equal((await look(taskId)).status, 'completed')
})

test('whoever may not use the tool any more finds no task of it', async () => {
  const carol = await getTokens(instance, 'carol')
  const { taskId } = await begin('slow', { seconds: 60 }, { tokens: carol })
  await must(instance, 'authz', ['person', 'scope', 'carol', 'deployments:read'])
  for (const [method, more] of [['tasks/get', {}], ['tasks/update', { inputResponses: {} }], ['tasks/cancel', {}]])
    await until(`${method} to find none`, async () => (await ask(method, { taskId, ...more }, { tokens: carol })).error?.code === -32602)
})

test('the outcome of a task goes with its grant', async () => {
  const tokens = await getTokens(instance, 'alice', {}, alice.client)
  const { taskId } = await begin('slow', { seconds: 0 }, { tokens })
  assert.equal((await ended(taskId)).status, 'completed')
  await postForm(`${instance.issuer}/revoke`, { token: tokens.refresh_token, client_id: tokens.client.client_id })
  await until('the outcome to be gone', async () => (await ask('tasks/get', { taskId })).error?.code === -32602)
})

test('a task ends with the grant that it was begun with', async () => {
  const tokens = await getTokens(instance, 'alice', {}, alice.client)
  const { taskId } = await begin('slow', { seconds: 120 }, { tokens })
  await postForm(`${instance.issuer}/revoke`, { token: tokens.refresh_token, client_id: tokens.client.client_id })
  assert.equal((await ended(taskId)).status, 'cancelled')
})

test('a person has a bounded number of calls under way, by whatever clients', async () => {
  const bounded = await startFixture(instance, 'bounded', [tool('slow', [{ sleep: 'seconds' }, { answer: 'Done' }], { input: seconds })], 'calls: {per_person: 2}')
  const call = (tokens, sleep) => postJson(bounded.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow', arguments: { seconds: sleep } } },
    { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25', authorization: `Bearer ${tokens.access_token}` })
  const otherClient = await getTokens(instance, 'alice')
  const bob = await getTokens(instance, 'bob')
  const running = [call(alice, 5), call(otherClient, 5)]
  const refused = await until('a refusal', async () => {
    const answer = await call(otherClient, 0)
    return answer.json.result.isError && answer
  })
  assert.match(refused.json.result.content[0].text, /^Too many calls/)
  assert.equal(refused.headers.get('retry-after'), '1')
  assert.equal((await call(bob, 0)).json.result.content[0].text, 'Done')
  for (const answer of await Promise.all(running)) assert.equal(answer.json.result.content[0].text, 'Done')
  assert.equal((await call(alice, 0)).json.result.content[0].text, 'Done')
})
