// SPDX-License-Identifier: Apache-2.0
// See run, which starts this.
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { Instance, memory } from './instance.mjs'
import { measureRound, measureStart } from './measure.mjs'
import { makeOperations, OPERATION_NAMES } from './operations.mjs'
import { cpuTable, operationsTable, processTable } from './report.mjs'
import { measureRevocations, revocationLine } from './revocation.mjs'

const STARTS = 9

function refuse(text) {
  process.stderr.write(`tests/bench/run: ${text}; see tests/bench/run --help\n`)
  process.exit(2)
}

function number(text, name, least) {
  const value = Number(text)
  if (!(value >= least)) refuse(`--${name} must be a number of at least ${least}`)
  return value
}

function readOptions() {
  const text = { type: 'string' }
  let values
  try {
    const options = { seconds: text, rounds: text, only: text, codes: text, clients: text, 'database-connections': text, json: text, revocations: text, keep: { type: 'boolean' } }
    values = parseArgs({ options }).values
  } catch (error) {
    refuse(error.message)
  }
  const names = values.only?.split(',') ?? OPERATION_NAMES
  for (const name of names) if (![...OPERATION_NAMES, 'start'].includes(name)) refuse(`there is no operation ${name}`)
  return {
    ...values,
    names: names.filter((name) => name !== 'start'),
    seconds: number(values.seconds ?? 3, 'seconds', 0.1),
    rounds: number(values.rounds ?? 5, 'rounds', 1),
    codes: number(values.codes ?? 1500, 'codes', 100),
    revocations: number(values.revocations ?? 0, 'revocations', 0),
    clients: number(values.clients ?? 16, 'clients', 1),
  }
}

const say = (text) => process.stderr.write(text)

async function machine() {
  const memoryText = await readFile('/proc/meminfo', 'utf8')
  const gib = Number(/MemTotal:\s+(\d+)/.exec(memoryText)[1]) / 1024 ** 2
  const load = (await readFile('/proc/loadavg', 'utf8')).split(' ')[0]
  return `${cpus().length} cores of ${cpus()[0].model.trim()}, ${gib.toFixed(0)} GiB, load before the first round ${load}`
}

async function measureProcesses(instance) {
  const processes = { authz: { start: await measureStart(instance, 'authz', STARTS) }, mcp: {} }
  await instance.startDaemons()
  await instance.stopDaemon('mcp') // which asks authz for its keys before it listens
  processes.mcp.start = await measureStart(instance, 'mcp', STARTS)
  await instance.startDaemons()
  for (const name of ['authz', 'mcp']) processes[name].idle = await memory(instance.pids[name])
  return processes
}

async function measureOperations(instance, options) {
  const operations = await makeOperations(instance, options, options.names)
  const results = operations.map((operation) => ({ operation, rounds: [] }))
  for (let round = 1; round <= options.rounds; round++) {
    say(`\nround ${round} of ${options.rounds}:`)
    for (const { operation, rounds } of results) {
      say(` ${operation.name}`)
      rounds.push(await measureRound(instance, operation, options))
    }
  }
  say('\n')
  return results
}

async function main() {
  const options = readOptions()
  say('Building and starting an instance ...\n')
  const instance = await Instance.start(options)
  const stop = async (signal) => {
    await instance.stop()
    process.exit(128 + signal)
  }
  process.on('SIGINT', () => stop(2))
  process.on('SIGTERM', () => stop(15))
  try {
    const where = await machine()
    const processes = await measureProcesses(instance)
    await instance.startFloor()
    const results = options.names.length > 0 ? await measureOperations(instance, options) : []
    if (results.length > 0) for (const name of ['authz', 'mcp']) processes[name].after = await memory(instance.pids[name])
    console.log(`${where}\n${options.rounds} rounds of ${options.seconds} s; medians [range]; server and PostgreSQL on one core, durable commits\n`)
    const revocations = options.revocations > 0 ? await measureRevocations(instance, options.revocations, say) : undefined
    if (revocations) console.log(`${revocationLine(revocations)}\n`)
    if (results.length > 0) console.log(`${operationsTable(results)}\n\n${cpuTable(results)}\n`)
    console.log(processTable(processes))
    const samples = { machine: where, options, processes, revocations, operations: Object.fromEntries(results.map((r) => [r.operation.name, r.rounds])) }
    if (options.json) await writeFile(options.json, JSON.stringify(samples, null, 1))
  } finally {
    await instance.stop()
  }
}

await main()
