// SPDX-License-Identifier: Apache-2.0
// The instance that is measured, its processes, and the programs that measure it.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, readlink, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { FIXED_TOOL } from './tools.mjs'

const here = dirname(fileURLToPath(import.meta.url))
export const top = join(here, '..', '..')
const execute = promisify(execFile)

export const SERVER_CORE = 0
const LOAD_CORE = 1

/** Standard output of a command. */
export async function run(command, ...args) {
  try {
    const { stdout, stderr } = await execute(command, args, { maxBuffer: 64 << 20 })
    if (stderr.includes('first error')) process.stderr.write(`\n${stderr}`)
    return stdout
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}: ${error.message}\n${error.stdout ?? ''}`)
  }
}

/** The same on the core of the loads. */
export const runLoad = (command, ...args) => run('taskset', '-c', `${LOAD_CORE}`, command, ...args)

async function buildProgram(folder, name, packages) {
  const flags = packages.length > 0 ? (await run('pkg-config', '--cflags', '--libs', ...packages)).trim().split(/\s+/) : []
  await run('gcc', '-std=gnu17', '-O2', '-o', join(folder, name), join(here, `${name}.c`), ...flags)
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Fields of /proc/PID/stat from the third on; undefined if there is no such process. */
async function processFields(pid) {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

async function isAlive(pid) {
  const fields = await processFields(pid)
  return fields !== undefined && fields[0] !== 'Z'
}

export async function childrenOf(parent) {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const fields = await Promise.all(pids.map(processFields))
  return pids.filter((_, i) => fields[i]?.[1] === `${parent}`).map(Number)
}

const TICK_US = 10000 // USER_HZ is 100 for every program
const ticks = (fields, first) => Number(fields[first]) + Number(fields[first + 1])

/** Microseconds of CPU time of a process. */
export async function cpuTime(pid) {
  const fields = await processFields(pid)
  if (fields === undefined) throw new Error(`process ${pid} has ended`)
  return ticks(fields, 11) * TICK_US
}

/** The same with its children, those that live and those that it has seen end. */
export async function cpuTimeOfFamily(pid) {
  for (;;) {
    const ended = ticks(await processFields(pid), 13)
    let living = 0
    for (const child of await Promise.all((await childrenOf(pid)).map(processFields))) if (child) living += ticks(child, 11)
    if (ticks(await processFields(pid), 13) === ended) return (ended + living) * TICK_US + (await cpuTime(pid))
  }
}

/** Resident and proportional memory in KiB. */
export async function memory(pid) {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1])
  return { rss: field('Rss'), pss: field('Pss'), anonymous: field('Anonymous') }
}

const pin = (pid) => run('taskset', '-acp', `${SERVER_CORE}`, `${pid}`)

async function endProcess(pid) {
  process.kill(pid, 'SIGTERM')
  for (let i = 0; i < 200 && (await isAlive(pid)); i++) await new Promise((resolve) => setTimeout(resolve, 50))
}

export class Instance {
  peerProcesses = [] // other servers, ended with the instance

  static async start(options) {
    const instance = new Instance()
    instance.options = options
    instance.folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'))
    instance.state = join(instance.folder, 'state')
    try {
      await instance.build()
    } catch (error) {
      await instance.stop()
      throw error
    }
    return instance
  }

  async build() {
    await chmod(this.folder, 0o711) // root's instance runs as another user
    await buildProgram(this.folder, 'load', [])
    await buildProgram(this.folder, 'cold', [])
    await buildProgram(this.folder, 'kdf', ['libargon2'])
    await buildProgram(this.folder, 'direct', ['libcurl'])
    await buildProgram(this.folder, 'durable', [])
    await buildProgram(this.folder, 'floor', ['libh2o-evloop', 'openssl', 'jansson'])
    await this.quickstart()
    await this.stopDaemon('mcp')
    await this.stopDaemon('authz')
    await this.configure()
    await this.pinPostgres()
  }

  program = (name) => join(this.folder, name)
  daemon = (name) => join(this.home, 'prefix', 'sbin', `sallyport-${name}`)
  configuration = (name) => join(this.home, 'etc', `${name}.yaml`)
  person = (name) => this.people.find((p) => p.username === name)

  async quickstart() {
    const json = join(this.folder, 'instance.json')
    await run(join(top, 'contrib', 'quickstart'), '--state', this.state, '--authz-port', '0', '--mcp-port', '0', '--no-demo-flow', '--plain', '--json', json)
    Object.assign(this, JSON.parse(await readFile(json, 'utf8')))
    this.home = dirname(dirname(this.logs.audit))
    const owner = await stat(`/proc/${this.pids.authz}`)
    this.user = { uid: owner.uid, gid: owner.gid }
    this.postgresBin = dirname(await readlink(`/proc/${this.pids.postgres}/exe`))
  }

  /** Codes that live as long as a round takes to make and spend them; one client that may ask as often as it can. */
  async configure() {
    const count = this.options['database-connections']
    let text = await readFile(this.configuration('authz'), 'utf8')
    text += "lifetimes: {code: 10m, access_token: 2h}\nlimits: 'off'\n" + (count ? `database_connections: ${count}\n` : '')
    await writeFile(this.configuration('authz'), text)
    await writeFile(join(this.home, 'etc', 'tools', `${FIXED_TOOL.name}.yaml`), JSON.stringify(FIXED_TOOL))
    const known = await run(this.daemon('mcp'), 'schema', 'config')
    text = await readFile(this.configuration('mcp'), 'utf8')
    if (JSON.parse(known).properties.limits) text += "limits: 'off'\n"
    if (count) text = text.replace(/(read: \{conninfo: "[^"]*")\}/, `$1, connections: ${count}}`)
    await writeFile(this.configuration('mcp'), text)
    this.conninfo = /^database: "(.*)"$/m.exec(await readFile(this.configuration('authz'), 'utf8'))[1]
    this.socketFolder = /host=(\S+)/.exec(this.conninfo)[1]
  }

  // Methods, since the second server of big.mjs has its own issuer and conninfo.
  port(name) {
    return Number(new URL(name === 'authz' ? this.issuer : this.mcp).port)
  }

  conninfoOf(role) {
    return this.conninfo.replace(/user=\S+/, `user=${role}`)
  }

  async startDaemons() {
    await this.quickstart()
    await pin(this.pids.authz)
    await pin(this.pids.mcp)
    await this.pinPostgres()
  }

  stopDaemon = (name) => endProcess(this.pids[name])

  async pinPostgres() {
    for (const pid of [this.pids.postgres, ...(await childrenOf(this.pids.postgres))]) await pin(pid).catch(() => {})
  }

  async startFloor() {
    this.floorPort = await freePort()
    this.floor = spawn('taskset', ['-c', `${SERVER_CORE}`, this.program('floor'), `${this.floorPort}`], { stdio: 'inherit' })
    for (let i = 0; i < 100; i++) {
      if (await fetch(`http://127.0.0.1:${this.floorPort}/json?1`).then((r) => r.ok, () => false)) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error('the bare handler does not answer')
  }

  /** Statements as the database's administrator. */
  sql(text) {
    return run(join(this.postgresBin, 'psql'), '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', this.conninfoOf('postgres'), '-c', text)
  }

  /** psql on another database of the cluster. */
  psql(database, ...args) {
    return run(join(this.postgresBin, 'psql'), '-XqAt', '-d', this.conninfoOf('postgres').replace(/dbname=\S+/, `dbname=${database}`), ...args)
  }

  async stop() {
    this.floor?.kill()
    for (const child of this.peerProcesses) child.kill()
    if (this.options.keep) {
      process.stderr.write(`\nThe instance is in ${this.state}\n`)
      return
    }
    await run(join(top, 'contrib', 'quickstart'), '--state', this.state, '--reset').catch((error) => process.stderr.write(`${error.message}\n`))
    await rm(this.folder, { recursive: true, force: true })
  }
}
