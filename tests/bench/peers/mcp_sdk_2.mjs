// SPDX-License-Identifier: Apache-2.0
// One tool by @modelcontextprotocol/server: mcp_sdk_2.mjs PORT sessions|stateless|2026-07-28 ISSUER AUDIENCE
import { requireBearerAuth } from '@modelcontextprotocol/express'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { HELLO, mode, serve } from './mcp_express.mjs'

function makeServer() {
  const server = new McpServer({ name: 'hello', version: '1.0.0' })
  server.registerTool(HELLO.name, { description: HELLO.description, inputSchema: z.object({ text: z.string() }) }, HELLO.run)
  return server
}

const handler = mode === '2026-07-28' ? toNodeHandler(createMcpHandler(makeServer)) : undefined
serve(makeServer, NodeStreamableHTTPServerTransport, requireBearerAuth, handler && ((request, response) => handler(request, response, request.body)))
