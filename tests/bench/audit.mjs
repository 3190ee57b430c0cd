// SPDX-License-Identifier: Apache-2.0
// The operation `audit`: calls that read, with the audit log in a file and in PostgreSQL, against a server whose records go to /dev/null; and calls that
// write, whose records are on the disk before they run, against a log that does nothing but commit as many records in groups.
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cpuTime, cpuTimeOfFamily, run, runLoad, SERVER_CORE } from './instance.mjs'
import { modernRequest } from './mcp_operations.mjs'
import { prepareMcp, startMcp } from './second_mcp.mjs'
import { FIXED_CALL, FIXED_TOOL, SAID } from './tools.mjs'

const CONNECTIONS = 32
const WARM_SECONDS = 0.3
const WRITING_TOOL = { ...FIXED_TOOL, name: 'bench_write', tier: 'write' }
const RECORDS = 2 // of such a call: one that it begins, which it waits for, and one of its end
const WRITING_CALL = { ...FIXED_CALL, name: WRITING_TOOL.name }

/** Resolves when all lines of the log are in PostgreSQL. */
async function untilDelivered(log) {
  for (let i = 0; i < 1200; i++) {
    const [, offset] = (await readFile(`${log}.delivered`, 'utf8').catch(() => '')).trim().split(/ +/)
    if (Number(offset) === (await stat(log)).size) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`the lines of ${log} are not delivered`)
}

async function load(instance, server, token, call, seconds) {
  const file = join(instance.folder, 'audit-request')
  const text = modernRequest(new URL(instance.mcp).pathname, token, 'tools/call', call)
  await writeFile(file, text(`127.0.0.1:${server.port}`))
  const ask = async (time) => JSON.parse(await runLoad(instance.program('load'), '-e', SAID, `${server.port}`, `${CONNECTIONS}`, `${time}`, file))
  await ask(WARM_SECONDS)
  if (server.log) await untilDelivered(server.log)
  const before = [await cpuTime(server.pid), await cpuTimeOfFamily(instance.pids.postgres)]
  const answer = await ask(seconds)
  if (answer.errors > 0) throw new Error(`${answer.errors} of ${answer.requests} calls failed`)
  if (server.log) await untilDelivered(server.log)
  const after = [await cpuTime(server.pid), await cpuTimeOfFamily(instance.pids.postgres)]
  return { ...answer, cpu_us: (after[0] - before[0]) / answer.requests, postgres_us: (after[1] - before[1]) / answer.requests }
}

/** Bytes of a line that a call leaves. */
async function lineBytes(log) {
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-CONNECTIONS)
  return Math.round(lines.reduce((sum, line) => sum + line.length + 1, 0) / lines.length)
}

export async function measureAudit({ instance, token }, options, say) {
  say('\naudit:')
  const tools = [FIXED_TOOL, WRITING_TOOL]
  const audited = await startMcp(instance, await prepareMcp(instance, 'audited', tools))
  const bare = await startMcp(instance, await prepareMcp(instance, 'unaudited', tools, { audit_log: '/dev/null' }))
  audited.log = `${instance.logs.audit}.audited`
  const rounds = []
  for (let round = 1; round <= options.rounds; round++) {
    say(` ${round}`)
    const reads = {
      audited: await load(instance, audited, token, FIXED_CALL, options.seconds),
      bare: await load(instance, bare, token, FIXED_CALL, options.seconds),
    }
    const writes = await load(instance, audited, token, WRITING_CALL, options.seconds)
    const bytes = await lineBytes(audited.log)
    const log = JSON.parse(await run('taskset', '-c', `${SERVER_CORE}`, instance.program('durable'), `${audited.log}.floor`, `${CONNECTIONS}`, `${bytes}`, `${options.seconds}`))
    rounds.push({ reads, writes, records: RECORDS, log })
  }
  for (const server of [audited, bare]) await server.stop()
  say('\n')
  return { connections: CONNECTIONS, rounds }
}
