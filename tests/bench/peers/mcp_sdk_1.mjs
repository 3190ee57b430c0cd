// SPDX-License-Identifier: Apache-2.0
// One tool by @modelcontextprotocol/sdk: mcp_sdk_1.mjs PORT sessions|stateless ISSUER AUDIENCE
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { z } from 'zod'
import { HELLO, serve } from './mcp_express.mjs'

function makeServer() {
  const server = new McpServer({ name: 'hello', version: '1.0.0' })
  server.registerTool(HELLO.name, { description: HELLO.description, inputSchema: { text: z.string() } }, HELLO.run)
  return server
}

serve(makeServer, StreamableHTTPServerTransport, requireBearerAuth)
