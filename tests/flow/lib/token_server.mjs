// SPDX-License-Identifier: Apache-2.0
// An authorization server that only says yes: for tests of what an MCP server does with tokens that are in order.
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { after } from 'node:test'
import { deriveConfig, etc, freePort, startDaemon, until } from './programs.mjs'

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** {issuer, asked, mint(claims)}: `asked` counts the introspections. Ends with the test file. */
export async function startTokenServer() {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const stub = { asked: 0 }
  const server = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const answer = (value) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(value))
    }
    if (request.url === '/.well-known/oauth-authorization-server')
      return answer({ issuer: stub.issuer, jwks_uri: `${stub.issuer}/jwks`, introspection_endpoint: `${stub.issuer}/introspect` })
    if (request.url === '/jwks')
      return answer({ keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }] })
    stub.asked++
    const token = new URLSearchParams(Buffer.concat(chunks).toString()).get('token')
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
    return answer({ active: true, ...claims, username: claims.sub })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  stub.issuer = `http://127.0.0.1:${server.address().port}`
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  /** An access token for a resource; `claims` beside the usual ones. */
  stub.mint = (resource, claims) => {
    const now = Math.floor(Date.now() / 1000)
    const all = { iss: stub.issuer, sub: 'person', aud: resource, client_id: 'client', grant_id: randomUUID(), jti: randomUUID(), iat: now, exp: now + 600, ...claims }
    const input = `${base64url({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })}.${base64url(all)}`
    return `${input}.${sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  return stub
}

/** An MCP server beside the instance's own that believes the stub: {mcp, origin, daemon}. `changes`: as of deriveConfig. */
export async function startMcpServer(instance, stub, name, changes) {
  const port = await freePort()
  const config = `mcp-${name}.yaml`
  await deriveConfig(instance, 'mcp.yaml', config, [
    [/^resource:.*$/m, `resource: http://127.0.0.1:${port}/mcp`],
    [/^listen:.*$/m, `listen: 127.0.0.1:${port}`],
    [/^authorization_server:.*$/m, `authorization_server: ${stub.issuer}`],
    [/^audit_log:.*$/m, (line) => line.replace('audit.log', `audit-${name}.log`)],
    ...changes,
  ])
  const daemon = await startDaemon(instance, 'mcp', config)
  const origin = `http://127.0.0.1:${port}`
  await until('the server to be ready', async () => {
    const { authorization_server, databases } = await (await fetch(`${origin}/health`)).json()
    return authorization_server && databases
  })
  return { mcp: `${origin}/mcp`, origin, daemon, config: etc(instance, config) }
}
