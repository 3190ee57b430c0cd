// SPDX-License-Identifier: Apache-2.0
// What the servers of both official SDKs share: a verifier of the authorization server's JWTs (jose, keys kept), and an
// application with a transport for each session, or for each request.
import { randomUUID } from 'node:crypto'
import express from 'express'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const [port, mode, issuer, audience] = process.argv.slice(2)
export { mode }

const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`), { cacheMaxAge: 3600_000 })

const verifier = {
  async verifyAccessToken(token) {
    const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms: ['ES256'] })
    return { token, clientId: payload.client_id, scopes: payload.scope.split(' '), expiresAt: payload.exp }
  },
}

export const HELLO = { name: 'bench_hello', description: 'Echo a text', run: async ({ text }) => ({ content: [{ type: 'text', text }] }) }

async function connected(makeServer, transport) {
  const server = makeServer()
  await server.connect(transport)
  return server
}

function bySession(makeServer, Transport) {
  const transports = new Map()
  return async (request, response) => {
    let transport = transports.get(request.headers['mcp-session-id'])
    if (transport === undefined) {
      if (request.headers['mcp-session-id'] !== undefined) return response.status(404).end()
      transport = new Transport({ sessionIdGenerator: randomUUID, enableJsonResponse: true, onsessioninitialized: (id) => transports.set(id, transport) })
      await connected(makeServer, transport)
    }
    return transport.handleRequest(request, response, request.body)
  }
}

function byRequest(makeServer, Transport) {
  return async (request, response) => {
    const transport = new Transport({ sessionIdGenerator: undefined, enableJsonResponse: true })
    const server = await connected(makeServer, transport)
    response.on('close', () => server.close())
    return transport.handleRequest(request, response, request.body)
  }
}

/** `other`: a handler in place of those by `Transport`, if the mode asks for it. */
export function serve(makeServer, Transport, requireBearerAuth, other = undefined) {
  const app = express()
  app.get('/health', (_, response) => response.end('ok'))
  app.use(express.json())
  app.use('/mcp', requireBearerAuth({ verifier, requiredScopes: ['logs:read'] }))
  app.all('/mcp', other ?? (mode === 'sessions' ? bySession : byRequest)(makeServer, Transport))
  app.listen(Number(port), '127.0.0.1')
}
