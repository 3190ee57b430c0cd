// SPDX-License-Identifier: Apache-2.0
// An MCP server that does as it is told by the file STATE, of either era, over either wire, for tests of upstreams:
//   node scripted.mjs STATE stdio|PORT legacy|modern|dual
// STATE: {"tools": {"echo": {"description": "...", ...}}, "silent": true, "noise": 5, "session": "s1"}; a change of it is told as list_changed, unless it has "quiet".
// What was called stands in STATE.calls, one JSON text a line.
import { appendFileSync, readFileSync, watch } from 'node:fs'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

const [stateFile, where, era] = process.argv.slice(2)
const state = () => JSON.parse(readFileSync(stateFile, 'utf8'))
const record = (what) => appendFileSync(`${stateFile}.calls`, `${JSON.stringify(what)}\n`)
const MODERN = '2026-07-28'
const text = (value) => ({ content: [{ type: 'text', text: value }] })
const asked = new Map() // our requests: id -> resolve
let lastId = 0

const DEFAULTS = { description: 'A tool', inputSchema: { type: 'object', properties: { text: { type: 'string' } }, additionalProperties: false } }
const tools = () => Object.entries(state().tools).map(([name, more]) => ({ name, ...DEFAULTS, ...more }))

/** What a tool does. `say` sends a notification, `ask` a request (legacy era); `params` are those of the call. */
const BEHAVIOURS = {
  echo: ({ arguments: a }) => text(`echo: ${a.text}`),
  // a member named as the session's header would be redacted
  who: ({ arguments: a }, { headers: { 'mcp-session-id': begun, ...headers } }) => text(JSON.stringify({ environment: Object.keys(process.env), headers, begun, arguments: a })),
  exact: (params, context) => BEHAVIOURS.who(params, context),
  never: () => new Promise(() => {}),
  huge: () => text('x'.repeat(3 << 20)),
  exit: () => process.exit(3),
  garbage: (params, { raw }) => {
    raw('this is no JSON\n{"jsonrpc": "2.0", "id": 999999, "result": {}}\n{"half":\n[1,2]\n')
    return text('fine')
  },
  wrong: () => ({ nothing: true }),
  foreign: () => ({ content: [{ type: 'widget', html: '<b>' }, { type: 'resource_link', uri: 'https://evil.example/', name: 'x' }], _meta: { leak: 'yes' } }),
  failing: () => ({ ...text('the disk /dev/sda1 is full'), isError: true }),
  broken: () => { throw Object.assign(new Error('ECONNREFUSED 10.1.2.3:5432'), { code: -32000 }) },
  hidden: () => text('order\u200bed \u{E0041}by'),
  structured: () => ({ content: [], structuredContent: state().structured ?? { sum: 3 } }),
  progress: async (params, { say }) => {
    const progressToken = params._meta?.progressToken
    say('notifications/message', { level: 'info', data: 'a log line' })
    for (const progress of [1, 2]) say('notifications/progress', { progressToken, progress, total: 2, message: `step ${progress}` })
    return text('done')
  },
  form: async (params, { ask, modern }) => {
    const requestedSchema = { type: 'object', properties: { color: { type: 'string' } }, required: ['color'] }
    const question = { message: 'Which color?', requestedSchema }
    if (!modern) {
      const answer = await ask('elicitation/create', question)
      return text(`answer: ${JSON.stringify(answer)}`)
    }
    const answer = params.inputResponses?.q
    if (answer === undefined) return { resultType: 'input_required', inputRequests: { q: { method: 'elicitation/create', params: question } }, requestState: 'secret-state' }
    return text(`answer: ${JSON.stringify(answer)} ${params.requestState}`)
  },
}

async function handle(message, context) {
  const { id, method, params = {} } = message
  if (method === undefined) return void asked.get(id)?.(message.result ?? message.error)
  if (id === undefined) return void (method === 'notifications/cancelled' && record({ cancelled: params.requestId }))
  const modern = params._meta?.['io.modelcontextprotocol/protocolVersion'] === MODERN
  const reply = (result) => context.send({ jsonrpc: '2.0', id, result: modern ? { resultType: 'complete', ...result } : result })
  const refuse = (code, text, data) => context.send({ jsonrpc: '2.0', id, error: { code, message: text, data } })
  if (state().silent) return undefined
  if (modern && era === 'legacy') return refuse(-32601, 'Method not found')
  if (!modern && era === 'modern') return refuse(-32022, 'Unsupported protocol version', { supported: [MODERN] })
  switch (method) {
    case 'server/discover': return reply({ supportedVersions: [MODERN], capabilities: { tools: { listChanged: true } }, ttlMs: 0, cacheScope: 'public' })
    case 'initialize': return reply({ protocolVersion: '2025-11-25', capabilities: { tools: { listChanged: true } }, serverInfo: { name: 'scripted', version: '1' } })
    case 'ping': return reply({})
    case 'subscriptions/listen': return void listeners.add(context)
    case 'tools/list': return reply({ tools: tools(), ttlMs: 0, cacheScope: 'public' })
    case 'tools/call': {
      record({ tool: params.name, arguments: params.arguments })
      const say = (name, value) => context.send({ jsonrpc: '2.0', method: name, params: value })
      const ask = (name, value) => new Promise((resolve) => {
        const question = `q-${++lastId}`
        asked.set(question, resolve)
        context.send({ jsonrpc: '2.0', id: question, method: name, params: value })
      })
      try {
        return reply(await BEHAVIOURS[params.name](params, { ...context, say, ask, modern }))
      } catch (error) {
        return refuse(error.code ?? -32603, error.message)
      }
    }
    default: return refuse(-32601, 'Method not found')
  }
}

const listeners = new Set()
let before = readFileSync(stateFile, 'utf8')
watch(stateFile, () => {
  const now = readFileSync(stateFile, 'utf8')
  if (now === before || now === '' || JSON.parse(now).quiet) return
  before = now
  for (const listener of listeners) listener.send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
})

if (where === 'stdio') {
  const context = { send: (message) => process.stdout.write(`${JSON.stringify(message)}\n`), raw: (value) => process.stdout.write(value), headers: {} }
  if (era !== 'modern') listeners.add(context)
  for (let i = 0; i < (state().noise ?? 0); i++) console.log(`starting ${i}`)
  for await (const line of createInterface({ input: process.stdin })) void handle(JSON.parse(line), context)
  process.exit(0)
}

const server = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const stream = () => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream', ...more })
  }
  const more = {}
  const wanted = state().session
  const context = { headers: request.headers, raw: (value) => { stream(); response.write(value) } }
  context.send = (message) => {
    stream()
    response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
    if (message.id !== undefined && message.method === undefined) response.end()
  }
  response.on('close', () => listeners.delete(context))
  if (request.method === 'DELETE') {
    record({ deleted: request.headers['mcp-session-id'] })
    return response.writeHead(200).end()
  }
  if (request.method === 'GET') {
    if (era === 'modern') return response.writeHead(405).end()
    stream()
    response.write(': open\n\n')
    return listeners.add(context)
  }
  const message = JSON.parse(Buffer.concat(chunks).toString())
  if (wanted !== undefined && message.method === 'initialize') more['mcp-session-id'] = wanted
  else if (wanted !== undefined && era === 'legacy' && message.method !== 'server/discover' && request.headers['mcp-session-id'] !== wanted) return response.writeHead(404).end()
  if (message.id === undefined || message.method === undefined) {
    void handle(message, context)
    return response.writeHead(202).end()
  }
  if (message.method === 'tools/call' && message.params.name === 'exit') return request.socket.destroy()
  return handle(message, context)
})
server.listen(Number(where), '127.0.0.1')
