// SPDX-License-Identifier: Apache-2.0
// An issuer and a resource with paths: documents in the inserted and the appended form, and a client that finds its way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from '@modelcontextprotocol/client'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { startInstance } from './lib/instance.mjs'
import { deriveConfig, freePort, must, startDaemon } from './lib/programs.mjs'
import { MemoryProvider } from './lib/sdk.mjs'

const instance = await startInstance()
const authzPort = await freePort()
const mcpPort = await freePort()
const origin = `http://127.0.0.1:${authzPort}`
const issuer = `${origin}/tenant/one`
const resource = `http://127.0.0.1:${mcpPort}/public/mcp`

await deriveConfig(instance, 'authz.yaml', 'path-authz.yaml', [[/^issuer:.*$/m, `issuer: ${issuer}`], [/^listen:.*$/m, `listen: 127.0.0.1:${authzPort}`]])
await deriveConfig(instance, 'mcp.yaml', 'path-mcp.yaml', [[/^resource:.*$/m, `resource: ${resource}`], [/^listen:.*$/m, `listen: 127.0.0.1:${mcpPort}`],
  [/^authorization_server:.*$/m, `authorization_server: ${issuer}`], [/client_id: [^,}]+/, 'client_id: path-server'], [/client_secret_file: [^,}]+/, 'client_secret_file: path.secret']])

test('the documents are where clients look', async () => {
  const scopes = await must(instance, 'mcp', ['scopes'])
  await must(instance, 'authz', ['resource', 'put', resource, '--name', 'Tenant one', '--scopes', '-'], { input: scopes })
  await startDaemon(instance, 'authz', 'path-authz.yaml')
  const texts = []
  for (const path of ['/.well-known/oauth-authorization-server/tenant/one', '/.well-known/openid-configuration/tenant/one', '/tenant/one/.well-known/openid-configuration']) {
    const response = await fetch(origin + path)
    assert.equal(response.status, 200, path)
    texts.push(await response.text())
  }
  assert.equal(new Set(texts).size, 1)
  const metadata = JSON.parse(texts[0])
  assert.equal(metadata.issuer, issuer)
  assert.equal(metadata.token_endpoint, `${issuer}/token`)
  for (const path of ['/.well-known/oauth-authorization-server', '/jwks', '/token'])
    assert.equal((await fetch(origin + path)).status, 404, path)
  assert.equal((await fetch(`${issuer}/jwks`)).status, 200)
})

test('a client that knows only the URL signs in and calls a tool', async () => {
  const added = await must(instance, 'authz', ['client', 'add', '--id', 'path-server', '--name', 'Path', '--resource', resource, '--json'])
  const { writeEtc } = await import('./lib/programs.mjs')
  await writeEtc(instance, 'path.secret', JSON.parse(added).client_secret)
  await startDaemon(instance, 'mcp', 'path-mcp.yaml')
  const provider = new MemoryProvider(instance.person('alice'))
  const connect = async () => {
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: provider })
    return { client, transport }
  }
  const first = await connect()
  await assert.rejects(first.client.connect(first.transport))
  const parameters = await provider.callback()
  assert.equal(parameters.get('iss'), issuer)
  await first.transport.finishAuth(parameters)
  const { client, transport } = await connect()
  await client.connect(transport)
  const answer = await client.callTool({ name: 'get_customer', arguments: { customer_id: 'C-1013' } })
  assert.ok(!answer.isError, JSON.stringify(answer))
  await client.close()
})
