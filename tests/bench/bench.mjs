// SPDX-License-Identifier: Apache-2.0
// See run, which starts this.
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { Instance, memory } from './instance.mjs'
import { startBig } from './big.mjs'
import { measureRound, measureStart } from './measure.mjs'
import { makeOperations, OPERATION_NAMES } from './operations.mjs'
import { startPeers } from './peers.mjs'
import { bigTable, cpuTable, operationsTable, peersProcessTable, peersTable, processTable, signInLines } from './report.mjs'
import { measureRevocations, revocationLine } from './revocation.mjs'
import { measureSchema, schemaLines } from './schema.mjs'
import { measureSignIn } from './sign_in.mjs'

const STARTS = 9
const OTHERS = ['start', 'sign-in', 'schema'] // measured apart
const OF_MCP = ['tools-list', 'tools-call']

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
  const flag = { type: 'boolean' }
  let values
  try {
    const options = { seconds: text, rounds: text, only: text, codes: text, clients: text, 'database-connections': text, json: text, revocations: text, rows: text, keep: flag, peers: flag }
    values = parseArgs({ options }).values
  } catch (error) {
    refuse(error.message)
  }
  const names = values.only?.split(',') ?? [...OPERATION_NAMES, 'sign-in', 'schema']
  for (const name of names) if (![...OPERATION_NAMES, ...OTHERS].includes(name)) refuse(`there is no operation ${name}`)
  if (values.rows !== undefined && values.rows !== 'big') refuse('--rows can only be big')
  return {
    ...values,
    names: names.filter((name) => !OTHERS.includes(name)),
    signIn: names.includes('sign-in'),
    schema: names.includes('schema'),
    schemaAlone: names.length === 1 && names[0] === 'schema', // needs no instance
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

async function measureOperations(instance, options, operations, peers) {
  const results = operations.map((operation) => ({ operation, rounds: [] }))
  for (let round = 1; round <= options.rounds; round++) {
    say(`\nround ${round} of ${options.rounds}:`)
    for (const { operation, rounds } of results) {
      say(` ${operation.name}`)
      rounds.push(await measureRound(instance, operation, options, peers))
    }
  }
  say('\n')
  return results
}

async function measureBig(instance, options) {
  const names = options.names.filter((name) => !OF_MCP.includes(name))
  const full = await startBig(instance, say)
  const results = (await makeOperations(instance, options, names)).map((operation) => ({ operation, rounds: [] }))
  const bigOperations = await makeOperations(full, options, names)
  for (let round = 1; round <= options.rounds; round++) {
    say(`\nround ${round} of ${options.rounds}:`)
    for (const [i, { operation, rounds }] of results.entries()) {
      say(` ${operation.name}`)
      rounds.push(await measureRound(instance, operation, options, [], { instance: full, operation: bigOperations[i] }))
    }
  }
  say('\n')
  return results
}

/** Everything that is asked for; says each table when it is there. */
async function measure(instance, options, processes) {
  const measured = {}
  if (options.rows === 'big') {
    const results = await measureBig(instance, options)
    console.log(`${bigTable(results)}\n`)
    return { big: Object.fromEntries(results.map((r) => [r.operation.name, r.rounds])) }
  }
  const operations = await makeOperations(instance, options, options.names)
  const peers = options.peers ? await startPeers(instance, say) : []
  const results = operations.length > 0 ? await measureOperations(instance, options, operations, peers) : []
  if (results.length > 0) {
    for (const name of ['authz', 'mcp']) processes[name].after = await memory(instance.pids[name])
    console.log(`${operationsTable(results)}\n\n${cpuTable(results)}\n`)
    measured.operations = Object.fromEntries(results.map((r) => [r.operation.name, r.rounds]))
  }
  if (peers.length > 0) {
    for (const peer of peers) peer.after = await memory(peer.pid)
    console.log(`${peersTable(results, peers)}\n\n${peersProcessTable(peers)}\n`)
    measured.peers = peers.map(({ name, start_ms, idle, after }) => ({ name, start_ms, idle, after }))
  }
  if (options.signIn) {
    measured.signIn = await measureSignIn(instance, operations, options, say)
    console.log(`\n${signInLines(measured.signIn)}\n`)
  }
  if (options.schema) {
    measured.schema = await measureSchema(options, say)
    console.log(`\n${schemaLines(measured.schema)}\n`)
  }
  if (options.revocations > 0) {
    measured.revocations = await measureRevocations(instance, options.revocations, say)
    console.log(`${revocationLine(measured.revocations)}\n`)
  }
  return measured
}

async function measureSchemaAlone(options) {
  const where = await machine()
  const schema = await measureSchema(options, say)
  console.log(`${where}\n\n${schemaLines(schema)}`)
  if (options.json) await writeFile(options.json, JSON.stringify({ machine: where, options, schema }, null, 1))
}

async function main() {
  const options = readOptions()
  if (options.schemaAlone) return measureSchemaAlone(options)
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
    console.log(`${where}\n${options.rounds} rounds of ${options.seconds} s; medians [range]; server and PostgreSQL on one core, durable commits\n`)
    const measured = await measure(instance, options, processes)
    console.log(processTable(processes))
    if (options.json) await writeFile(options.json, JSON.stringify({ machine: where, options, processes, ...measured }, null, 1))
  } finally {
    await instance.stop()
  }
}

await main()
