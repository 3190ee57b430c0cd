// SPDX-License-Identifier: Apache-2.0
// The operation `catalogue`: how long a server with 10,000 tools takes until it answers, and what a call costs there, against one with 10, in turns.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cpuTime, runLoad } from './instance.mjs'
import { measureStartOf } from './measure.mjs'
import { modernRequest } from './mcp_operations.mjs'
import { prepareMcp, startMcp } from './second_mcp.mjs'
import { FIXED_CALL, FIXED_TOOL, SAID } from './tools.mjs'

const FEW = 10
const MANY = 10000
const STARTS = 5
const CONNECTIONS = 32
const WARM_SECONDS = 0.3

const toolsOf = (count) => Array.from({ length: count }, (_, i) => (i === 0 ? FIXED_TOOL : { ...FIXED_TOOL, name: `bench_tool_${i}`, title: `Tool ${i}` }))

async function load(instance, server, token, seconds) {
  const file = join(instance.folder, 'catalogue-request')
  const text = modernRequest(new URL(instance.mcp).pathname, token, 'tools/call', FIXED_CALL)
  await writeFile(file, text(`127.0.0.1:${server.port}`))
  const ask = async (time) => JSON.parse(await runLoad(instance.program('load'), '-e', SAID, `${server.port}`, `${CONNECTIONS}`, `${time}`, file))
  await ask(WARM_SECONDS)
  const before = await cpuTime(server.pid)
  const answer = await ask(seconds)
  if (answer.errors > 0) throw new Error(`${answer.errors} of ${answer.requests} calls failed`)
  return { ...answer, cpu_us: ((await cpuTime(server.pid)) - before) / answer.requests }
}

export async function measureCatalogue({ instance, token }, options, say) {
  say('\ncatalogue:')
  const prepared = [await prepareMcp(instance, 'few', toolsOf(FEW)), await prepareMcp(instance, 'many', toolsOf(MANY))]
  const starts = []
  for (const { file, port } of prepared) starts.push(await measureStartOf(instance, 'mcp', file, port, STARTS))
  const servers = []
  for (const one of prepared) servers.push(await startMcp(instance, one))
  const rounds = []
  for (let round = 1; round <= options.rounds; round++) {
    say(` ${round}`)
    const [few, many] = [await load(instance, servers[0], token, options.seconds), await load(instance, servers[1], token, options.seconds)]
    rounds.push({ few, many })
  }
  for (const server of servers) await server.stop()
  say('\n')
  return { few: FEW, many: MANY, starts: { few: starts[0], many: starts[1] }, rounds }
}
