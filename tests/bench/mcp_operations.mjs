// SPDX-License-Identifier: Apache-2.0
// The operations of the MCP server, in both eras: 2026-07-28, and 2025-11-25 with requests that belong to no session.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runLoad } from './instance.mjs'
import { basic, FORM, request } from './requests.mjs'
import { bind, toolStatements } from './statements.mjs'
import { FIXED_CALL, SAID } from './tools.mjs'

const CONNECTIONS = 32
const TOKENS_PER_SECOND = 9000 // made ahead: more than can be verified
const MINTING = { connections: 32, slice: 0.5 }

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
}

const HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

/** A request with a token ("@BODY@": the next line of the bodies is one). */
export function modernRequest(path, token, method, params) {
  const headers = {
    ...HEADERS, 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, ...(params.name ? { 'Mcp-Name': params.name } : {}),
    ...(token ? { Authorization: `Bearer ${token}` } : {}),
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: '@N@', method, params: { ...params, _meta: META } })
  return (host) => request('POST', path, host, headers, body)
}

export function legacyRequest(path, token, method, params, more = {}) {
  const headers = { ...HEADERS, 'MCP-Protocol-Version': '2025-11-25', Authorization: `Bearer ${token}`, ...more }
  const body = JSON.stringify({ jsonrpc: '2.0', id: '@N@', method, params })
  return (host) => request('POST', path, host, headers, body)
}

const ERAS = { '': modernRequest, '-2025': legacyRequest }
const pathOf = (instance) => new URL(instance.mcp).pathname

const PEER_GOALS = {
  '': { 'SDK 2.4, 2026-07-28': 60 },
  '-2025': { 'MCP Toolbox': 18, 'SDK 1.32, sessions': 60, 'SDK 1.32, stateless': 60, 'SDK 2.4, sessions': 60, 'SDK 2.4, stateless': 60 },
}

const toolsList = (era) => ({ instance, token }) => ({
  daemon: 'mcp',
  connections: CONNECTIONS,
  floor: '/hash',
  request: ERAS[era](pathOf(instance), token, 'tools/list', {}),
  expect: '"tools":[',
  goal: { h2o: 0.4 },
})

const toolsCall = (era) => ({ instance, token }) => ({
  daemon: 'mcp',
  connections: CONNECTIONS,
  floor: '/hash',
  request: ERAS[era](pathOf(instance), token, 'tools/call', FIXED_CALL),
  expect: `"text":"${SAID}"`,
  goal: { h2o: 0.5, ...PEER_GOALS[era] },
  p99_ms: 1,
})

/** The statement of a tool of the sample; pgbench runs it behind the bounds that mcp sets, in one pipeline as well. */
const toolsCallSql = (era) => async ({ instance, token }) => {
  const { bounds, statement } = await toolStatements('get_customer')
  const first = bind(bounds, ['2000'], 'b')
  const second = bind(statement, ['C-1013'])
  const script = `\\startpipeline\n${first.text};\n${second.text};\n\\endpipeline\n`
  return {
    daemon: 'mcp',
    connections: CONNECTIONS,
    floor: '/hash',
    role: 'sallyport_tools_read',
    request: ERAS[era](pathOf(instance), token, 'tools/call', { name: 'get_customer', arguments: { customer_id: 'C-1013' } }),
    expect: '"structuredContent":{',
    prepare: async () => ({ script, defines: [...first.defines, ...second.defines] }),
    goal: { pgbench: 0.6 },
  }
}

/** Valid tokens of a service, by as many requests for one. */
async function mint(instance, { id, secret }, count) {
  const port = instance.port('authz')
  const [requestFile, file] = [join(instance.folder, 'mint'), join(instance.folder, 'minted')]
  await writeFile(requestFile, request('POST', '/token', `127.0.0.1:${port}`, { ...FORM, ...basic(id, secret) }, 'grant_type=client_credentials'))
  const tokens = []
  while (tokens.length < count) {
    await runLoad(instance.program('load'), '-s', 'access_token', file, `${port}`, `${MINTING.connections}`, `${MINTING.slice}`, requestFile)
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    if (!lines[0].startsWith('ey')) throw new Error('no tokens are given')
    for (const line of lines) tokens.push(line)
  }
  return tokens.slice(0, count)
}

/** Each token is used once: it is verified, and authz is asked about it. */
const toolsCallNewToken = async ({ instance, service, options }) => {
  const client = await service()
  return {
    daemon: 'mcp',
    connections: CONNECTIONS,
    warm: false, // a token that was seen is not new
    floor: '/verify',
    request: modernRequest(pathOf(instance), '@BODY@', 'tools/call', FIXED_CALL),
    expect: `"text":"${SAID}"`,
    prepare: async () => ({ lines: await mint(instance, client, Math.ceil(TOKENS_PER_SECOND * options.seconds)) }),
    goal: { h2o: 0.85 },
  }
}

export const MCP_OPERATIONS = {
  'tools-list': toolsList(''),
  'tools-list-2025': toolsList('-2025'),
  'tools-call': toolsCall(''),
  'tools-call-2025': toolsCall('-2025'),
  'tools-call-sql': toolsCallSql(''),
  'tools-call-sql-2025': toolsCallSql('-2025'),
  'tools-call-new-token': toolsCallNewToken,
}
