// SPDX-License-Identifier: Apache-2.0
// What is asked of other MCP servers: the official SDKs' with one tool, and Google's MCP Toolbox with one statement of SQLite in memory.
// They take the tokens of the measured authorization server, and one core.
import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runLoad } from '../instance.mjs'
import { legacyRequest, modernRequest } from '../mcp_operations.mjs'
import { FIXED_CALL } from '../tools.mjs'

const here = import.meta.dirname
const WARM_SECONDS = 2
const TOOLBOX = join(here, 'node_modules', '@toolbox-sdk', `server-${process.platform}-${process.arch}`, 'bin', 'toolbox')

const SDKS = [
  ['SDK 1.32, sessions', 'mcp_sdk_1.mjs', 'sessions'],
  ['SDK 1.32, stateless', 'mcp_sdk_1.mjs', 'stateless'],
  ['SDK 2.4, sessions', 'mcp_sdk_2.mjs', 'sessions'],
  ['SDK 2.4, stateless', 'mcp_sdk_2.mjs', 'stateless'],
  ['SDK 2.4, 2026-07-28', 'mcp_sdk_2.mjs', '2026-07-28'],
]

const toolbox = (issuer, audience) => `kind: source
name: memory
type: sqlite
database: ":memory:"
---
kind: authService
name: sallyport
type: generic
mcpEnabled: true
authorizationServer: ${issuer}
audience: ${audience}
scopesRequired: [logs:read]
---
kind: tool
name: ${FIXED_CALL.name}
type: sqlite-sql
source: memory
description: Echo a text
statement: SELECT ? AS text
parameters:
- {name: text, type: string, description: the text}
`

async function initialize(port, token) {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', Authorization: `Bearer ${token}` }
  const post = (message, more) => fetch(`http://127.0.0.1:${port}/mcp`, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify({ jsonrpc: '2.0', ...message }) })
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
  const answer = await post({ id: 0, method: 'initialize', params })
  const text = await answer.text()
  const session = { 'Mcp-Session-Id': answer.headers.get('mcp-session-id') }
  if (!answer.ok || session['Mcp-Session-Id'] === null) throw new Error(`initialize: ${answer.status} ${text}`)
  await (await post({ method: 'notifications/initialized' }, { ...session, 'MCP-Protocol-Version': '2025-11-25' })).text()
  return session
}

/** In the era that the server speaks. */
function operations(makeRequest, era) {
  return {
    [`tools-list${era}`]: { request: makeRequest('tools/list', {}), expect: '"tools":[' },
    [`tools-call${era}`]: { request: makeRequest('tools/call', FIXED_CALL), expect: 'hello world' },
  }
}

/** Until its code is compiled as well as it will be. */
async function warm(instance, peer) {
  const file = join(instance.folder, 'warm')
  const { request } = Object.entries(peer.operations).find(([name]) => name.startsWith('tools-call'))[1]
  await writeFile(file, request(`127.0.0.1:${peer.port}`))
  await runLoad(instance.program('load'), `${peer.port}`, '32', `${WARM_SECONDS}`, file)
  return peer
}

/** Throws a reason if they are not there. */
export async function startMcpServers({ instance, token }, startProcess) {
  await access(join(here, 'node_modules', '@modelcontextprotocol', 'server')).catch(() => {
    throw new Error('npm ci in tests/bench/peers has not been run')
  })
  const peers = []
  for (const [name, program, mode] of SDKS) {
    const server = await startProcess(name, (port) => ['node', join(here, program), `${port}`, mode, instance.issuer, instance.mcp], '/health')
    const session = mode === 'sessions' ? await initialize(server.port, token) : {}
    const own = mode === '2026-07-28'
      ? operations((method, params) => modernRequest('/mcp', token, method, params), '')
      : operations((method, params) => legacyRequest('/mcp', token, method, params, session), '-2025')
    peers.push(await warm(instance, { ...server, name, operations: own }))
  }
  return peers
}

export async function startToolbox({ instance, token }, startProcess) {
  await access(TOOLBOX).catch(() => {
    throw new Error('npm ci in tests/bench/peers has not been run, or it has no program for this machine')
  })
  const file = join(instance.folder, 'toolbox.yaml')
  await writeFile(file, toolbox(instance.issuer, instance.mcp))
  const commandOf = (port) => [
    'env', 'GOMAXPROCS=1', TOOLBOX, '--config', file, '--address', '127.0.0.1', '--port', `${port}`, '--disable-version-check', '--disable-reload',
    '--log-level', 'ERROR', '--toolbox-url', `http://127.0.0.1:${port}`,
  ]
  const server = await startProcess('MCP Toolbox', commandOf, '/')
  const own = operations((method, params) => legacyRequest('/mcp', token, method, params), '-2025')
  return [await warm(instance, { ...server, name: 'MCP Toolbox', operations: own })]
}
