// SPDX-License-Identifier: Apache-2.0
// An API and its OpenAPI document become tools: imported, checked, served and called; and documents that become none.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { chown, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { modern, toolNames } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { etc, verb, writeEtc } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const instance = await startInstance()
const stub = await startTokenServer()
const SECRET = 'workshop-secret-4711'

// ---- the API ----

const parts = new Map([[1, { id: 1, name: 'bolt', tags: ['steel'] }], [2, { id: 2, name: 'nut', tags: ['brass', 'small'] }]])
const seen = []
const routes = [
  ['GET', /^\/v1\/parts$/, ({ query }) => {
    const items = [...parts.values()].filter((part) => query.getAll('tag').every((tag) => part.tags.includes(tag)) && (!query.has('filter[name]') || part.name === query.get('filter[name]')))
    return [200, { items: items.slice(0, Number(query.get('limit') ?? 100)) }]
  }],
  ['POST', /^\/v1\/parts$/, ({ json }) => {
    if ([...parts.values()].some((part) => part.name === json.name)) return [409, { error: { message: `there is a ${json.name}` } }]
    const part = { id: parts.size + 1, tags: [], ...json }
    parts.set(part.id, part)
    return [201, part]
  }],
  ['GET', /^\/v1\/parts\/([^/]+)$/, ({ id }) => (parts.has(Number(id)) ? [200, parts.get(Number(id))] : [404, { error: { message: `no part ${id}` } }])],
  ['PUT', /^\/v1\/parts\/([^/]+)$/, ({ id, json }) => [200, (parts.set(Number(id), { tags: [], ...json, id: Number(id) }), parts.get(Number(id)))]],
  ['PATCH', /^\/v1\/parts\/([^/]+)$/, ({ id, json }) => [200, Object.assign(parts.get(Number(id)), json)]],
  ['DELETE', /^\/v1\/parts\/([^/]+)$/, ({ id }) => [parts.delete(Number(id)) ? 204 : 404, '']],
  ['POST', /^\/v1\/parts\/([^/]+)\/moves$/, ({ form }) => [200, { moved: form.get('to'), why: form.getAll('why') }]],
  ['GET', /^\/v1\/labels\/([^/]+)$/, ({ id }) => [200, `label of ${decodeURIComponent(id)}`, 'text/plain; charset=utf-8']],
  ['POST', /^\/v1\/search$/, ({ json }) => [200, { query: json }]],
  ['GET', /^\/v1\/health$/, () => [200, { fine: true }]],
]
const api = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString()
  const url = new URL(request.url, 'http://x')
  seen.push({ method: request.method, url: request.url, headers: request.headers, body })
  const answer = (status, value, type = 'application/json') => response.writeHead(status, status === 204 ? {} : { 'content-type': type }).end(typeof value === 'string' ? value : JSON.stringify(value))
  if (url.pathname !== '/v1/health' && request.headers['x-api-key'] !== SECRET) return answer(401, {})
  for (const [method, path, handle] of routes) {
    const match = request.method === method && path.exec(url.pathname)
    if (match) return answer(...handle({ id: match[1], query: url.searchParams, json: /json/.test(request.headers['content-type']) ? JSON.parse(body) : undefined, form: new URLSearchParams(body) }))
  }
  answer(404, {})
})
await new Promise((resolve) => api.listen(0, '127.0.0.1', resolve))
after(() => {
  api.closeAllConnections()
  api.close()
})
const port = api.address().port

// ---- its document ----

const DOCUMENT = `openapi: 3.1.0
info: {title: Workshop, version: 1.0.0}
servers:
- url: http://127.0.0.1:{port}/{version}/
  variables: {port: {default: '${port}'}, version: {default: v1}}
security:
- key: []
tags: [{name: parts}]
paths:
  /parts:
    get:
      operationId: listParts
      summary: List parts
      description: |
        All parts that fit.\t
        Newest first.
      tags: [parts]
      parameters:
      - {$ref: '#/components/parameters/Limit'}
      - {name: tag, in: query, schema: {type: array, items: {type: string}}}
      - {name: 'filter[name]', in: query, schema: {type: string}}
      - {name: X-Trace, in: header, schema: {type: string, maxLength: 50}}
      responses:
        200:
          description: fine
          content:
            application/json:
              schema: {type: object, required: [items], properties: {items: {type: array, items: {$ref: '#/components/schemas/Part'}}}}
        default: {$ref: '#/components/responses/Bad'}
    post:
      operationId: addPart
      tags: [parts]
      requestBody: {$ref: '#/components/requestBodies/Part'}
      responses:
        '201': {description: made, content: {application/json: {schema: {$ref: '#/components/schemas/Part'}}}}
        '409': {$ref: '#/components/responses/Bad'}
  /parts/{id}:
    parameters:
    - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
    get:
      operationId: getPart
      responses:
        200: {description: fine, content: {application/json: {schema: {$ref: '#/components/schemas/Part'}}}}
        404: {$ref: '#/components/responses/Bad'}
    put:
      operationId: replacePart
      requestBody: {$ref: '#/components/requestBodies/Part'}
      responses: {200: {description: fine, content: {application/json: {schema: {$ref: '#/components/schemas/Part'}}}}}
    patch:
      operationId: patch part
      requestBody:
        required: true
        content: {application/merge-patch+json: {schema: {type: object, additionalProperties: {type: [string, 'null']}}}}
      responses: {200: {description: fine, content: {application/json: {}}}}
    delete:
      responses: {204: {description: gone}}
    head:
      responses: {200: {description: fine}}
  /parts/{id}/moves:
    post:
      operationId: movePart
      parameters:
      - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
      requestBody:
        required: true
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, required: [to], properties: {to: {type: string}, why: {type: array, items: {type: string}}, id: {type: integer}}}
      responses: {200: {description: fine, content: {application/json: {schema: {type: object}}}}}
  /labels/{name}:
    get:
      operationId: printLabel
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      responses: {200: {description: fine, content: {text/plain: {schema: {type: string}}}}}
  /search:
    post:
      operationId: search
      requestBody:
        required: true
        content: {application/json: {schema: {oneOf: [{type: string}, {type: object, required: [all], properties: {all: {type: array, items: {type: string}}}}]}}}
      responses: {200: {description: fine, content: {application/json: {schema: {type: object}}}}}
  /health:
    get:
      operationId: health
      security: []
      responses: {200: {description: fine, content: {application/json: {schema: {type: object, required: [fine], properties: {fine: {type: boolean}}}}}}}
  /tree:
    post:
      operationId: plantTree
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Tree'}}}}
  /upload:
    post:
      operationId: upload
      requestBody: {content: {multipart/form-data: {schema: {type: object}}}}
  /session:
    get:
      operationId: session
      parameters: [{name: sid, in: cookie, schema: {type: string}}]
  /elsewhere:
    get:
      operationId: elsewhere
      servers: [{url: 'https://collector.example'}]
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-API-Key}
  parameters:
    Limit: {name: limit, in: query, description: How many, schema: {type: integer, format: int32, minimum: 1, maximum: 100}}
  requestBodies:
    Part: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Part'}}}}
  responses:
    Bad: {description: bad, content: {application/json: {schema: {type: object, properties: {error: {type: object, properties: {message: {type: string}}}}}}}}
  schemas:
    Part:
      type: object
      required: [id, name]
      properties:
        id: {type: integer, readOnly: true}
        name: {type: string, minLength: 1, maxLength: 80}
        tags: {type: array, items: {type: string}}
    Tree: {type: object, properties: {children: {type: array, items: {$ref: '#/components/schemas/Tree'}}}}
`
const MADE = ['addPart', 'delete_parts_id', 'getPart', 'health', 'listParts', 'movePart', 'patch_part', 'printLabel', 'replacePart', 'search']

const owner = await stat(instance.logs.audit) // the daemons' user
const folder = etc(instance, 'tools-openapi')
const at = (name) => etc(instance, `openapi-${name}`)
const put = (name, text) => writeEtc(instance, `openapi-${name}`, text)
await mkdir(folder, { mode: 0o755 })
await chown(folder, owner.uid, owner.gid)
after(() => rm(folder, { recursive: true, force: true }))
await put('api.yaml', DOCUMENT)
await put('secret', `${SECRET}\n`)
const into = (document, ...more) => verb(instance, 'mcp', ['import', 'openapi', at(document), '--into', folder, ...more])
const usual = ['--scope-read', 'logs:read', '--scope-write', 'tickets:read', '--credential-file', at('secret')]
const files = async () => (await readdir(folder)).sort()

test('a dry run says everything and writes nothing', async () => {
  const run = await into('api.yaml', ...usual, '--dry-run')
  assert.equal(run.code, 0, run.stderr)
  assert.match(run.stdout, /getPart\.yaml: would be written: GET \/parts\/\{id\} \(getPart\)/)
  assert.deepEqual(await files(), [])
})

test('every operation that can be expressed is a file, and the others have a reason', async () => {
  const run = await into('api.yaml', ...usual)
  assert.equal(run.code, 0, run.stderr)
  assert.deepEqual(await files(), MADE.map((name) => `${name}.yaml`))
  for (const reason of [
    'HEAD /parts/{id}: a tool cannot send HEAD',
    'POST /tree (plantTree): a schema holds itself: #/components/schemas/Tree',
    'POST /upload (upload): its body is multipart/form-data, which a tool cannot send',
    'GET /session (session): it has the cookie sid, which a tool cannot send',
    'GET /elsewhere (elsewhere): it is at a server of its own, https://collector.example: import it by itself, with --server',
  ])
    assert.ok(run.stdout.includes(`skipped: ${reason}\n`), `${reason}\n${run.stdout}`)
  assert.match(run.stdout, /note: filter\[name\] in the query is the argument filter_name\n/)
  assert.match(run.stdout, /note: id in the body is the argument body_id\n/)
  assert.match(run.stdout, new RegExp(`\\noutbound:\\n  hosts:\\n  - host: '127.0.0.1'\\n    port: ${port}\\n    addresses: \\['127.0.0.1'\\]\\n    plain: true\\n`))
  const text = await readFile(join(folder, 'listParts.yaml'), 'utf8')
  assert.match(text, /^# Made by sallyport-mcp import openapi\.\n# Document: Workshop\n# Operation: GET \/parts \(listParts\)\n# Digest of what follows: sha256:[0-9a-f]{64}\nname: listParts\n/)
  assert.match(text, /description: \|-\n  All parts that fit\.\n  Newest first\.\n/)
  assert.ok(!text.includes(SECRET))
  // whoever imported it, the server can read it
  assert.equal((await stat(join(folder, 'listParts.yaml'))).mode & 0o777, 0o644)
})

test('a second run changes nothing, and a file that differs is never written over unasked', async () => {
  const before = await stat(join(folder, 'getPart.yaml'))
  const again = JSON.parse((await into('api.yaml', ...usual, '--json')).stdout)
  assert.deepEqual(again.tools.map((tool) => tool.state), MADE.map(() => 'unchanged'))
  assert.equal((await stat(join(folder, 'getPart.yaml'))).ino, before.ino)
  const own = `${await readFile(join(folder, 'health.yaml'), 'utf8')}# mine\n`
  await writeFile(join(folder, 'health.yaml'), own)
  await rm(join(folder, 'getPart.yaml'))
  const refused = await into('api.yaml', ...usual)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /1 file is there and differs: nothing was written; --force writes over it/)
  assert.equal(await readFile(join(folder, 'health.yaml'), 'utf8'), own)
  assert.ok(!(await files()).includes('getPart.yaml'))
  const forced = await into('api.yaml', ...usual, '--force')
  assert.equal(forced.code, 0, forced.stderr)
  assert.deepEqual(await files(), MADE.map((name) => `${name}.yaml`))
  assert.ok(!(await readFile(join(folder, 'health.yaml'), 'utf8')).includes('# mine'))
})

test('the files are checked, served and called', async () => {
  const outbound = JSON.stringify({ hosts: [{ host: '127.0.0.1', port, addresses: ['127.0.0.1'], plain: true }] })
  const server = await startMcpServer(instance, stub, 'openapi', [[/^tools:.*$/m, 'tools: tools-openapi'], `outbound: ${outbound}`, 'approval: {destroy: none}'])
  const checked = await verb(instance, 'mcp', ['check'], { config: 'mcp-openapi.yaml' })
  assert.equal(checked.code, 0, checked.stderr)
  assert.match(checked.stdout, /fine, 10 tools/)
  const token = stub.mint(server.mcp, { scope: 'logs:read tickets:read' })
  const call = async (name, args = {}) => {
    const { json } = await modern(server, token, 'tools/call', { name, arguments: args })
    assert.ok(json.result, JSON.stringify(json))
    return json.result
  }
  assert.deepEqual((await toolNames(server, token)).sort(), MADE)
  assert.deepEqual((await toolNames(server, stub.mint(server.mcp, { scope: 'logs:read' }))).sort(), ['getPart', 'health', 'listParts', 'printLabel'])
  const { json } = await modern(server, token, 'tools/list')
  const hints = Object.fromEntries(json.result.tools.map((tool) => [tool.name, tool.annotations]))
  assert.equal(hints.getPart.readOnlyHint, true)
  assert.equal(hints.delete_parts_id.destructiveHint, true)

  const listed = await call('listParts', { limit: 1, tag: ['brass', 'small'], filter_name: 'nut', 'X-Trace': 't 1' })
  assert.deepEqual(listed.structuredContent, { items: [{ id: 2, name: 'nut', tags: ['brass', 'small'] }] })
  assert.equal(listed._meta['sallyport/untrusted'], true)
  const last = seen.at(-1)
  assert.equal(last.url, '/v1/parts?limit=1&tag=brass&tag=small&filter%5Bname%5D=nut')
  assert.equal(last.headers['x-trace'], 't 1')
  assert.equal(last.headers['x-api-key'], SECRET)
  assert.deepEqual((await call('getPart', { id: 1 })).structuredContent, { id: 1, name: 'bolt', tags: ['steel'] })
  assert.deepEqual((await call('addPart', { name: 'washer' })).structuredContent, { id: 3, tags: [], name: 'washer' })
  assert.deepEqual(JSON.parse(seen.at(-1).body), { name: 'washer' })
  assert.deepEqual((await call('replacePart', { id: 3, name: 'ring', tags: ['tin'] })).structuredContent, { id: 3, name: 'ring', tags: ['tin'] })
  await call('patch_part', { id: 3, body: { name: 'seal' } })
  assert.equal(seen.at(-1).headers['content-type'], 'application/merge-patch+json')
  assert.equal(parts.get(3).name, 'seal')
  assert.deepEqual((await call('movePart', { id: 3, to: 'shelf 4', why: ['a&b', 'ü'], body_id: 9 })).structuredContent, { moved: 'shelf 4', why: ['a&b', 'ü'] })
  assert.equal(seen.at(-1).body, 'to=shelf%204&why=a%26b&why=%C3%BC&id=9')
  assert.match((await call('printLabel', { name: 'a/b?c' })).content[0].text, /label of a\/b\?c/)
  assert.deepEqual((await call('search', { body: 'bolt' })).structuredContent, { query: 'bolt' })
  assert.deepEqual((await call('search', { body: { all: ['x'] } })).structuredContent, { query: { all: ['x'] } })
  assert.deepEqual((await call('health')).structuredContent, { fine: true })
  assert.equal(seen.at(-1).headers['x-api-key'], undefined)
  assert.equal((await call('delete_parts_id', { id: 3 })).isError, undefined)
  assert.equal(parts.has(3), false)

  const none = await call('getPart', { id: 77 })
  assert.equal(none.isError, true)
  assert.match(none.content[0].text, /no part 77/)
  assert.match((await call('addPart', { name: 'nut' })).content[0].text, /there is a nut/)
  const asked = seen.length
  for (const [name, args] of [['getPart', { id: 0 }], ['listParts', { limit: 1.5 }], ['addPart', { name: 'x', id: 5 }], ['search', { body: 5 }], ['listParts', { sid: 'x' }]])
    assert.equal((await call(name, args)).isError, true, name)
  assert.equal(seen.length, asked)
})

test('operations are chosen by name and by tag, and another document names no file twice', async () => {
  const chosen = JSON.parse((await into('api.yaml', ...usual, '--dry-run', '--json', '--prefix', 'w-', '--operation', 'health', '--tag', 'parts')).stdout)
  assert.deepEqual(chosen.tools.map((tool) => tool.name), ['w-listParts', 'w-addPart', 'w-health'])
  const none = await into('api.yaml', '--operation', 'nothing')
  assert.equal(none.code, 1)
  assert.match(none.stderr, /has no operation nothing/)
  const elsewhere = JSON.parse((await into('api.yaml', ...usual, '--dry-run', '--json', '--operation', 'elsewhere', '--server', 'https://Collector.example:8443/x/')).stdout)
  assert.deepEqual(elsewhere.settings.outbound.hosts, [{ host: 'collector.example', port: 8443 }])
  const bare = await into('api.yaml', '--dry-run')
  assert.match(bare.stdout, /skipped: GET \/parts \(listParts\): it demands a credential \(key\): say --credential-file\n/)
})

test('what is no document that can be read is refused, and leaves nothing behind', async () => {
  const before = await files()
  const get = (more) => `paths: {/a: {get: {operationId: a, ${more}}}}\n`
  const head = "openapi: 3.1.0\ninfo: {title: T}\nservers: [{url: 'https://a.example'}]\n"
  const REFUSED = [
    ["swagger: '2.0'\n", /is of Swagger 2\.0/],
    ['openapi: 3.2.0\n', /OpenAPI 3\.0 and 3\.1 can be read/],
    ['{"openapi": "3.1.0", "openapi": "3.1.0"}', /duplicate object key/],
    ['openapi: [\n', /refused\.yaml:/],
    [`${head}paths: {}\n`, /no operation could be imported/],
    [head + get("parameters: [{$ref: 'https://evil.example/p.yaml'}]"), /no operation could be imported/, /refers to https:\/\/evil\.example\/p\.yaml, which is another document/],
    [head + get("parameters: [{$ref: 'file:///etc/passwd'}]"), /no operation could be imported/, /which is another document/],
    [`${head}${get("parameters: [{$ref: '#/x-a'}]")}x-a: {$ref: '#/x-b'}\nx-b: {$ref: '#/x-a'}\n`, /no operation could be imported/, /refers to itself/],
    [head.replace('https://a.example', 'file:///etc') + get('responses: {}'), /no operation could be imported/, /the server file:\/\/\/etc/],
    [`${head}x: &a [1]\n${get('responses: {}')}y: [${'*a, '.repeat(10)}<<: 1]\n`, /refused\.yaml:/],
  ]
  for (const [text, problem, reason] of REFUSED) {
    await put('refused.yaml', text)
    const run = await into('refused.yaml')
    assert.equal(run.code, 1, text)
    assert.match(run.stderr, problem, text)
    if (reason) assert.match(run.stdout, reason, text)
  }
  // what a document says cannot move the file, end its comment, or hide from the reader
  await put('odd.yaml', `${head.replace('{title: T}', '{title: "T\\nname: evil\\u202e"}')}paths:\n  /a: {get: {operationId: ../../evil, summary: "x\\u200by", description: "---\\nname: evil", responses: {}}}\n`)
  const odd = JSON.parse((await into('odd.yaml', '--json', '--scope-read', 'logs:read')).stdout)
  assert.deepEqual(odd.tools.map((tool) => [tool.name, tool.state]), [['evil', 'written']])
  const text = await readFile(join(folder, 'evil.yaml'), 'utf8')
  assert.match(text, /^# Made by [^\n]*\n# Document: T name: evil\n# Operation: GET \/a \(\.\.\/\.\.\/evil\)\n/)
  assert.match(text, /\ntitle: xy\ndescription: \|-\n  ---\n  name: evil\n/)
  assert.deepEqual((await files()).filter((name) => !before.includes(name)), ['evil.yaml'])
})

test('what is asked for in a wrong way is refused', async () => {
  for (const [args, problem] of [
    [['openapi', at('api.yaml')], /--into DIR: is missing/],
    [['swagger', at('api.yaml'), '--into', folder], /openapi FILE is what can be imported/],
    [['openapi', at('api.yaml'), '--into', folder, '--prefix', '../'], /--prefix: must be/],
    [['openapi', at('api.yaml'), '--into', folder, '--scope-read', 'a b'], /is no scope/],
  ]) {
    const run = await verb(instance, 'mcp', ['import', ...args])
    assert.equal(run.code, 2)
    assert.match(run.stderr, problem)
  }
  const nowhere = await verb(instance, 'mcp', ['import', 'openapi', at('api.yaml'), '--into', join(folder, 'none')])
  assert.equal(nowhere.code, 1)
  assert.match(nowhere.stderr, /none: No such file or directory/)
})
