// SPDX-License-Identifier: Apache-2.0
// The operation `backends`: a call of each backend through mcp, and the same work done directly, in turns; one at a time, so that the difference is
// what the gateway adds. Both run on the servers' core; the load waits on the other one.
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cpuTime, run, runLoad, SERVER_CORE } from './instance.mjs'
import { modernRequest } from './mcp_operations.mjs'
import { bind, toolStatements } from './statements.mjs'
import { FIXED_CALL, FIXED_TOOL, SAID } from './tools.mjs'
import { prepareMcp, startMcp } from './second_mcp.mjs'

const WARM_SECONDS = 0.3
const PROGRAM = '/bin/echo'
const PAGE = 'page.txt'
const PAGE_BYTES = 4096
const JSON_BYTES = 100
const SQL_TOOL = 'get_customer'
const CUSTOMER = 'C-1013'
const NOTHING = { type: 'object', additionalProperties: false, properties: {} }
const UPSTREAM_CALL = { name: 'hello', arguments: { text: SAID } }

const tool = (name, part, input = NOTHING) => ({ name, title: name, description: `Measures ${name}`, scope: 'logs:read', tier: 'read', input, ...part })

async function makeRoot(instance) {
  const root = join(dirname(instance.configuration('mcp')), 'bench-root')
  await mkdir(root, { recursive: true })
  await writeFile(join(root, PAGE), `${'x'.repeat(63)}\n`.repeat(PAGE_BYTES / 64))
  await chmod(root, 0o755)
  return root
}

async function approve(instance, { file, folder }) {
  const { uid, gid } = instance.user
  const rights = process.getuid() === 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] : []
  if (rights.length > 0) await run('chown', '-R', `${uid}:${gid}`, folder)
  const command = [...rights, instance.daemon('mcp'), '-c', file, 'approve', 'bench', '--all', '--yes']
  await run(command[0], ...command.slice(1))
}

/** The server with one tool of each backend. */
async function start(instance, root) {
  const { statement } = await toolStatements(SQL_TOOL)
  const port = instance.floorPort
  const sql = { sql: { statement, parameters: ['id'] }, result: { columns: ['company', 'plan', 'status'], rows: 1 } }
  const tools = [
    { ...FIXED_TOOL, name: 'bench_fixed' },
    tool('bench_sql', sql, { ...NOTHING, properties: { id: { type: 'string', pattern: '^C-[0-9]{4}$' } }, required: ['id'] }),
    tool('bench_http', { http: { method: 'GET', url: `http://127.0.0.1:${port}/json`, query: { [JSON_BYTES]: '' } } }),
    tool('bench_command', { command: { path: PROGRAM, arguments: [SAID] } }),
    tool('bench_file', { file: { root: 'bench', path: PAGE, action: 'read' } }),
  ]
  const upstreams = join(dirname(instance.configuration('mcp')), 'bench-upstreams')
  await mkdir(upstreams, { recursive: true })
  await writeFile(join(upstreams, 'bench.yaml'), JSON.stringify({ name: 'bench', url: `http://127.0.0.1:${port}/mcp`, tools: [{ match: '*', scope: 'logs:read', tier: 'read' }] }))
  const prepared = await prepareMcp(instance, 'backends', tools, {
    upstreams: 'bench-upstreams',
    roots: { bench: { path: root } },
    commands: { allowed: [PROGRAM] },
    outbound: { hosts: [{ host: '127.0.0.1', port, addresses: ['127.0.0.1'], plain: true }] },
  })
  await approve(instance, { ...prepared, folder: upstreams })
  return startMcp(instance, prepared)
}

const direct = async (instance, ...args) => JSON.parse(await run('taskset', '-c', `${SERVER_CORE}`, instance.program('direct'), ...args))

async function load(instance, port, seconds, text, expect) {
  const file = join(instance.folder, 'backend-request')
  await writeFile(file, text(`127.0.0.1:${port}`))
  const ask = async (time) => JSON.parse(await runLoad(instance.program('load'), '-e', expect, `${port}`, '1', `${time}`, file))
  await ask(WARM_SECONDS)
  const answer = await ask(seconds)
  if (answer.errors > 0) throw new Error(`${answer.errors} of ${answer.requests} calls failed`)
  return answer
}

/** One connection of the role, the tool's statement behind mcp's bounds. */
async function sqlDirect(instance, seconds) {
  const { bounds, statement } = await toolStatements(SQL_TOOL)
  const [first, second] = [bind(bounds, ['2000'], 'b'), bind(statement, [CUSTOMER])]
  const file = join(instance.folder, 'backend.sql')
  await writeFile(file, `\\startpipeline\n${first.text};\n${second.text};\n\\endpipeline\n`)
  const text = await runLoad(join(instance.postgresBin, 'pgbench'), '-n', '-M', 'prepared', '-c', '1', '-T', `${Math.max(1, Math.round(seconds))}`,
    ...first.defines, ...second.defines, '-f', file, '-d', instance.conninfoOf('sallyport_tools_read'))
  const latency = Number(/latency average = ([\d.]+)/.exec(text)[1]) * 1000
  return { per_second: Number(/tps = ([\d.]+)/.exec(text)[1]), p50_us: latency, p99_us: NaN }
}

function kinds(instance, root, port, seconds) {
  const upstream = modernRequest('/mcp', undefined, 'tools/call', UPSTREAM_CALL)
  return [
    { name: 'static', against: '', call: { ...FIXED_CALL, name: 'bench_fixed' }, expect: SAID },
    { name: 'sql', against: 'pgbench, one client', call: { name: 'bench_sql', arguments: { id: CUSTOMER } }, expect: 'structuredContent', direct: () => sqlDirect(instance, seconds) },
    { name: 'http', against: 'libcurl', call: { name: 'bench_http', arguments: {} }, expect: '"structuredContent":{}', direct: () => direct(instance, 'http', `${seconds}`, `http://127.0.0.1:${port}/json?${JSON_BYTES}`) },
    { name: 'command', against: 'posix_spawn', call: { name: 'bench_command', arguments: {} }, expect: SAID, direct: () => direct(instance, 'command', `${seconds}`, PROGRAM, SAID) },
    { name: 'file', against: 'openat2 and read', call: { name: 'bench_file', arguments: {} }, expect: 'xxxx', direct: () => direct(instance, 'file', `${seconds}`, root, PAGE) },
    { name: 'upstream', against: 'the upstream itself', call: { name: 'bench_hello', arguments: { text: SAID } }, expect: SAID, direct: () => load(instance, port, seconds, upstream, SAID), adds_us: 150 },
  ]
}

export async function measureBackends({ instance, token }, options, say) {
  const root = await makeRoot(instance)
  const server = await start(instance, root)
  const path = new URL(instance.mcp).pathname
  const results = kinds(instance, root, instance.floorPort, options.seconds).map((kind) => ({ kind, rounds: [] }))
  for (let round = 1; round <= options.rounds; round++) {
    say(`\nbackends, round ${round} of ${options.rounds}:`)
    for (const { kind, rounds } of results) {
      say(` ${kind.name}`)
      const alone = await kind.direct?.()
      const before = await cpuTime(server.pid)
      const through = await load(instance, server.port, options.seconds, modernRequest(path, token, 'tools/call', kind.call), kind.expect)
      const cpu_us = ((await cpuTime(server.pid)) - before) / through.requests
      rounds.push({ alone, through: { ...through, cpu_us } })
    }
  }
  say('\n')
  await server.stop()
  return results.map(({ kind: { name, against, adds_us }, rounds }) => ({ name, against, adds_us, rounds }))
}
