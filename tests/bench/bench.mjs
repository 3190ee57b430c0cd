// SPDX-License-Identifier: Apache-2.0
// See run, which starts this.
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { measureAudit } from './audit.mjs'
import { Instance, memory } from './instance.mjs'
import { measureBackends } from './backends.mjs'
import { startBig } from './big.mjs'
import { measureCatalogue } from './catalogue.mjs'
import { GOAL_BIG_OPERATIONS, GOAL_OPERATIONS, goalsTable } from './goals.mjs'
import { measureRound, measureStart } from './measure.mjs'
import { makeContext, makeOperations, OPERATION_NAMES } from './operations.mjs'
import { startPeers } from './peers.mjs'
import {
  auditTable, backendsTable, bigTable, catalogueTable, cpuTable, operationsTable, peersProcessTable, peersTable, processTable, signInLines, streamsTable,
} from './report.mjs'
import { measureRevocations, revocationLine } from './revocation.mjs'
import { measureSchema, schemaLines } from './schema.mjs'
import { measureSignIn } from './sign_in.mjs'
import { measureStreams } from './streams.mjs'

const STARTS = 9
const OTHERS = ['sign-in', 'schema', 'backends', 'catalogue', 'streams', 'audit'] // measured apart
const GOALS = { seconds: 1, rounds: 3, revocations: 10000 } // short, so that all of it takes ten minutes

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
    const options = {
      seconds: text, rounds: text, only: text, codes: text, clients: text, 'database-connections': text, json: text, revocations: text, rows: text,
      keep: flag, peers: flag, goals: flag,
    }
    values = parseArgs({ options }).values
  } catch (error) {
    refuse(error.message)
  }
  const names = values.only?.split(',') ?? [...(values.goals ? GOAL_OPERATIONS : OPERATION_NAMES), ...OTHERS]
  for (const name of names) if (![...OPERATION_NAMES, ...OTHERS, 'start'].includes(name)) refuse(`there is no operation ${name}`)
  if (values.rows !== undefined && values.rows !== 'big') refuse('--rows can only be big')
  const usual = values.goals ? GOALS : { seconds: 3, rounds: 5, revocations: 0 }
  return {
    ...values,
    peers: values.peers || values.goals,
    names: names.filter((name) => OPERATION_NAMES.includes(name)),
    others: OTHERS.filter((name) => names.includes(name)),
    schemaAlone: names.length === 1 && names[0] === 'schema', // needs no instance
    seconds: number(values.seconds ?? usual.seconds, 'seconds', 0.1),
    rounds: number(values.rounds ?? usual.rounds, 'rounds', 1),
    codes: number(values.codes ?? 1500, 'codes', 100),
    revocations: number(values.revocations ?? usual.revocations, 'revocations', 0),
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

async function measureBig(instance, options, names) {
  const full = await startBig(instance, say)
  const results = (await makeOperations(await makeContext(instance, options), names)).map((operation) => ({ operation, rounds: [] }))
  const bigOperations = await makeOperations(await makeContext(full, options), names)
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

const show = (text) => console.log(`${text}\n`)

/** The operations, and the other servers beside them. */
async function measureLoads(context, operations, options, processes, measured) {
  const { instance } = context
  if (operations.length === 0) return
  const peers = options.peers ? await startPeers(context, options, say) : []
  measured.results = await measureOperations(instance, options, operations, peers)
  for (const name of ['authz', 'mcp']) processes[name].after = await memory(instance.pids[name])
  show(`${operationsTable(measured.results)}\n\n${cpuTable(measured.results)}`)
  if (peers.length === 0) return
  for (const peer of peers) peer.after = await memory(peer.pid)
  show(`${peersTable(measured.results, peers)}\n\n${peersProcessTable(peers)}`)
  measured.peers = peers.map(({ name, start_ms, idle, after }) => ({ name, start_ms, idle, after }))
  for (const peer of peers) peer.child.kill() // the other measurements have the core for themselves
}

/** What is measured apart; each says its table. */
const APART = {
  'sign-in': async ({ instance }, options, operations) => {
    const rounds = await measureSignIn(instance, operations, options, say)
    return ['signIn', rounds, signInLines(rounds)]
  },
  schema: async (_, options) => {
    const results = await measureSchema(options, say)
    return ['schema', results, schemaLines(results)]
  },
  backends: async (context, options) => {
    const results = await measureBackends(context, options, say)
    return ['backends', results, backendsTable(results)]
  },
  catalogue: async (context, options) => {
    const results = await measureCatalogue(context, options, say)
    return ['catalogue', results, catalogueTable(results)]
  },
  audit: async (context, options) => {
    const results = await measureAudit(context, options, say)
    return ['audit', results, auditTable(results)]
  },
  streams: async (context) => {
    const results = await measureStreams(context, say)
    return ['streams', results, streamsTable(results)]
  },
}

/** Everything that is asked for; says each table when it is there. */
async function measure(instance, options, processes) {
  const measured = {}
  if (options.rows !== 'big') {
    const context = await makeContext(instance, options)
    const operations = await makeOperations(context, options.names)
    await measureLoads(context, operations, options, processes, measured)
    for (const name of options.others) {
      try {
        const [part, results, text] = await APART[name](context, options, operations)
        measured[part] = results
        show(text)
      } catch (error) {
        if (!options.goals) throw error
        show(`${name} failed: ${error.message}`) // the table of the goals goes without it
      }
    }
    if (options.revocations > 0) {
      measured.revocations = await measureRevocations(instance, options.revocations, say)
      show(revocationLine(measured.revocations))
    }
  }
  if (options.rows === 'big' || options.goals) { // last, since it starts the daemons again
    const names = options.goals ? options.names.filter((name) => GOAL_BIG_OPERATIONS.includes(name)) : options.names.filter((name) => !name.startsWith('tools-'))
    if (names.length > 0) {
      measured.bigResults = await measureBig(instance, options, names)
      show(bigTable(measured.bigResults))
    }
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
    if (options.goals) console.log(`\n${goalsTable({ ...measured, processes })}`)
    const { results, bigResults, ...rest } = measured
    const byName = (list) => list && Object.fromEntries(list.map((r) => [r.operation.name, r.rounds]))
    const all = { machine: where, options, processes, operations: byName(results), big: byName(bigResults), ...rest }
    if (options.json) await writeFile(options.json, JSON.stringify(all, null, 1))
  } finally {
    await instance.stop()
  }
}

await main()
