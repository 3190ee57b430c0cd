// SPDX-License-Identifier: Apache-2.0
// The official MCP SDK clients, in both protocol eras: discovery, registration, PKCE, tools, refresh after 401, step-up after 403.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { UnauthorizedError as Unauthorized1 } from '@modelcontextprotocol/sdk/client/auth.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Client as Client2, StreamableHTTPClientTransport as Transport2, UnauthorizedError as Unauthorized2 } from '@modelcontextprotocol/client'
import { startInstance } from './lib/instance.mjs'
import { MemoryProvider } from './lib/sdk.mjs'

const instance = await startInstance()
const url = new URL(instance.mcp)

const kinds = {
  '@modelcontextprotocol/sdk 1.32, with initialize': {
    client: () => new Client1({ name: 'test', version: '1' }),
    transport: (authProvider) => new Transport1(url, { authProvider }),
    finish: (transport, parameters) => transport.finishAuth(parameters.get('code')),
    Unauthorized: Unauthorized1,
    revision: '2025-11-25',
  },
  '@modelcontextprotocol/client 2.4, negotiating 2026-07-28': {
    client: () => new Client2({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } }),
    transport: (authProvider) => new Transport2(url, { authProvider }),
    finish: (transport, parameters) => transport.finishAuth(parameters),
    Unauthorized: Unauthorized2,
    revision: '2026-07-28',
  },
  '@modelcontextprotocol/client 2.4, with initialize': {
    client: () => new Client2({ name: 'test', version: '1' }),
    transport: (authProvider) => new Transport2(url, { authProvider }),
    finish: (transport, parameters) => transport.finishAuth(parameters),
    Unauthorized: Unauthorized2,
    revision: '2025-11-25',
  },
}

/** Connects; where the server wants a sign-in, the person signs in and the client connects again. */
async function connect(kind, provider) {
  let client = kind.client()
  let transport = kind.transport(provider)
  try {
    await client.connect(transport)
  } catch (error) {
    assert.ok(error instanceof kind.Unauthorized, String(error?.stack ?? error))
    await kind.finish(transport, await provider.callback())
    await client.close()
    client = kind.client()
    transport = kind.transport(provider)
    await client.connect(transport)
  }
  return { client, transport }
}

const names = (list) => list.tools.map((t) => t.name).sort()
const ALICE = ['deployment_status', 'get_customer', 'query_logs']

for (const [name, kind] of Object.entries(kinds)) {
  test(`${name}: from the URL alone to an answer`, async () => {
    const provider = new MemoryProvider(instance.person('alice'))
    const { client, transport } = await connect(kind, provider)
    assert.equal(client.getServerVersion().name, 'sallyport-mcp')
    assert.deepEqual(names(await client.listTools()), ALICE)
    const answer = await client.callTool({ name: 'get_customer', arguments: { customer_id: 'C-1013' } })
    assert.ok(!answer.isError, JSON.stringify(answer))
    assert.equal(answer.structuredContent.rows.length, 1)
    assert.equal(Object.keys(answer.structuredContent.rows[0]).length, 3)
    assert.deepEqual(JSON.parse(answer.content[0].text), answer.structuredContent)
    assert.equal(provider.asked.length, 1)
    assert.equal(transport.protocolVersion ?? client.getNegotiatedProtocolVersion?.(), kind.revision)
    await client.close()
  })

  test(`${name}: an unknown and a hidden tool are refused alike`, async () => {
    const { client } = await connect(kind, new MemoryProvider(instance.person('alice')))
    const refusals = []
    for (const tool of ['get_user', 'no_such_tool'])
      await assert.rejects(client.callTool({ name: tool, arguments: {} }), (error) => {
        refusals.push(error.message.replace(tool, 'TOOL'))
        assert.equal(error.code, -32602)
        return true
      })
    assert.equal(refusals[0], refusals[1])
    await client.close()
  })

  test(`${name}: bad arguments are explained to the model`, async () => {
    const { client } = await connect(kind, new MemoryProvider(instance.person('bob')))
    const answer = await client.callTool({ name: 'get_user', arguments: { email: "x' OR 1=1 --" } })
    assert.equal(answer.isError, true)
    assert.match(answer.content[0].text, /arguments\.email/)
    assert.doesNotMatch(answer.content[0].text, /OR 1=1/)
    await client.close()
  })

  test(`${name}: a token that is no good any more is refreshed without a person`, async () => {
    const provider = new MemoryProvider(instance.person('alice'))
    const { client } = await connect(kind, provider)
    const before = provider.saved.refresh_token
    provider.saved = { ...provider.saved, access_token: `${provider.saved.access_token.slice(0, -4)}AAAA` }
    assert.deepEqual(names(await client.listTools()), ALICE)
    assert.notEqual(provider.saved.refresh_token, before)
    assert.equal(provider.asked.length, 1)
    await client.close()
  })

  test(`${name}: step-up after 403`, async () => {
    // without a refresh token the 1.x client signs in again for the wider scope; with one it only refreshes
    const metadata = kind === kinds['@modelcontextprotocol/sdk 1.32, with initialize'] ? { grant_types: ['authorization_code'] } : {}
    const provider = new MemoryProvider(instance.person('carol'), metadata)
    const { client, transport } = await connect(kind, provider)
    assert.ok(!provider.saved.scope.includes('tools:admin'))
    assert.ok(names(await client.listTools()).includes('run_migration'), 'carol could be granted it, so she sees it')
    const call = (c) => c.callTool({ name: 'run_migration', arguments: { name: '0004_log_retention' } })
    await assert.rejects(call(client), (error) => error instanceof kind.Unauthorized)
    assert.match(provider.asked.at(-1).searchParams.get('scope'), /tools:admin/)
    assert.match(provider.asked.at(-1).searchParams.get('scope'), /logs:read/)
    await kind.finish(transport, await provider.callback())
    await client.close()
    const again = await connect(kind, provider)
    const answer = await call(again.client)
    assert.ok(!answer.isError, JSON.stringify(answer))
    assert.ok(names(await again.client.listTools()).includes('query_logs'), 'what was granted before is kept')
    await again.client.close()
  })
}
