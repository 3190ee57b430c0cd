// SPDX-License-Identifier: Apache-2.0
// A throw-away PostgreSQL and two authz processes on it, each behind a proxy of its own; and the ways to kill them.
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, copyFile, cp, mkdir, mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Proxy } from './proxy.mjs'

const execute = promisify(execFile)
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Polls until the check gives something true; an error counts as not yet. */
export async function until(what, check, seconds = 60) {
  const end = performance.now() + seconds * 1000
  for (;;) {
    const value = await Promise.resolve().then(check).catch(() => undefined)
    if (value) return value
    if (performance.now() > end) throw new Error(`waited too long: ${what}`)
    await pause(10)
  }
}

async function postgresBin() {
  const said = await execute('pg_config', ['--bindir']).then((r) => r.stdout.trim(), () => '')
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  const folders = [process.env.PG_BINDIR, said, ...versions.sort((a, b) => b - a).map((v) => `/usr/lib/postgresql/${v}/bin`)]
  const found = folders.find((folder) => folder && existsSync(join(folder, 'initdb')))
  if (found === undefined) throw new Error('there is no PostgreSQL server here (initdb was not found)')
  return found
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((s) => s.listening || once(s, 'listening')))
  const ports = servers.map((s) => s.address().port)
  await Promise.all(servers.map((s) => (s.close(), once(s, 'close'))))
  return ports
}

async function childrenOf(parent) {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(pids.map(async (pid) => {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[1] === `${parent}` ? [Number(pid)] : []
  }))
  return found.flat()
}

const isGone = (pid) => readFile(`/proc/${pid}/stat`, 'utf8').then((text) => / Z /.test(text.slice(text.lastIndexOf(')'))), () => true)

function kill(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch {
    // it has ended by itself
  }
}

export const RESOURCE = 'http://127.0.0.1:1/mcp' // nobody listens there, nobody is asked
export const WINDOW_MS = 2000
export const CODE_MS = 60000
export const SPREAD_MS = 1000 // until a revocation is known to the process that did not do it

export class Place {
  authz = [{}, {}]
  closing = false

  constructor(program, top) {
    Object.assign(this, { program, top })
  }

  in = (...names) => join(this.folder, ...names)
  conninfo = (user, folder = 's') => `host=${this.in(folder)} port=5432 dbname=sallyport user=${user}`

  /** Programs must not run as root, and PostgreSQL refuses to. */
  command(program, args) {
    const drop = process.getuid() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--'] : []
    const all = [...drop, program, ...args]
    return [all[0], all.slice(1)]
  }

  async run(program, args, input = '') {
    const [file, rest] = this.command(program, args)
    const done = execute(file, rest, { maxBuffer: 16 << 20, timeout: 30000, killSignal: 'SIGKILL', cwd: '/' })
    done.child.stdin.on('error', () => {}).end(input)
    return (await done).stdout
  }

  sql = (text, user = 'postgres') =>
    this.run(join(this.bin, 'psql'), ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', this.conninfo(user), '-c', text])
  verb = (args, input) => this.run(this.in('sallyport-authz'), ['-c', this.in('authz0.yaml'), ...args], input)

  start(program, args, log) {
    const [file, rest] = this.command(program, args)
    return spawn(file, rest, { cwd: '/', stdio: ['ignore', log.fd, log.fd] })
  }

  async build() {
    this.bin = await postgresBin()
    this.folder = await mkdtemp(join(tmpdir(), 'spr-'))
    const owner = process.getuid() === 0 ? (await execute('id', ['-u', 'postgres'])).stdout.trim() : undefined
    const own = async (path) => owner && (await chown(path, Number(owner), -1))
    await chmod(this.folder, 0o711)
    // Copies: the user that the daemons run as may not reach the clone.
    await copyFile(this.program, this.in('sallyport-authz'))
    await chmod(this.in('sallyport-authz'), 0o755)
    for (const name of ['sql', 'templates']) await cp(join(this.top, name), this.in(name), { recursive: true })
    await execute('chmod', ['-R', 'a+rX', this.in('sql'), this.in('templates')])
    for (const name of ['pg', 's', 'p0', 'p1']) {
      await mkdir(this.in(name), { mode: 0o755 })
      await own(this.in(name))
    }
    await this.makeCluster()
    await this.configure(own)
    await this.run(this.in('sallyport-authz'), ['-c', this.in('authz0.yaml'), 'migrate', '--database', this.conninfo('postgres'), '--sql', this.in('sql')])
    this.proxies = [0, 1].map((i) => new Proxy(this.in(`p${i}`, '.s.PGSQL.5432'), this.in('s', '.s.PGSQL.5432')))
    for (const proxy of this.proxies) await proxy.listen()
    await Promise.all([this.startAuthz(0), this.startAuthz(1)])
  }

  async makeCluster() {
    await this.run(join(this.bin, 'initdb'), ['-D', this.in('pg'), '-N', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'])
    this.pgLog = await open(this.in('postgres.log'), 'a')
    await this.startPostgres()
    await this.run(join(this.bin, 'psql'), ['-Xq', '-h', this.in('s'), '-d', 'postgres', '-U', 'postgres', '-c', 'CREATE DATABASE sallyport'])
  }

  async configure(own) {
    this.ports = await freePorts(2)
    this.issuer = `http://127.0.0.1:${this.ports[0]}`
    for (const i of [0, 1])
      await writeFile(this.in(`authz${i}.yaml`), [
        `issuer: ${this.issuer}`,
        `listen: 127.0.0.1:${this.ports[i]}`,
        `database: "${this.conninfo('sallyport_authz', `p${i}`)}"`,
        `admin_database: "${this.conninfo('sallyport_admin')}"`,
        'secrets: authz.secrets',
        `templates: ${this.in('templates')}`,
        `lifetimes: {code: ${CODE_MS / 1000}s, access_token: 4h, refresh_retry_window: ${WINDOW_MS / 1000}s}`,
        'argon2: {memory_kib: 8, passes: 1}',
        "limits: 'off'", // all clients here have one address
        '',
      ].join('\n'))
    const secret = await this.run(this.in('sallyport-authz'), ['secret', 'new'])
    await writeFile(this.in('authz.secrets'), secret, { mode: 0o600 })
    await own(this.in('authz.secrets'))
  }

  // What is killed here is processes, never the machine: without fsync all that was committed is still there.
  async startPostgres() {
    const options = ['listen_addresses=', `unix_socket_directories=${this.in('s')}`, 'unix_socket_permissions=0777', 'fsync=off',
      'max_connections=60', 'shared_buffers=32MB', 'max_wal_size=64MB']
    this.postgres = this.start(join(this.bin, 'postgres'), ['-D', this.in('pg'), ...options.flatMap((o) => ['-c', o])], this.pgLog)
    await until('PostgreSQL to be ready', () => this.run(join(this.bin, 'pg_isready'), ['-q', '-h', this.in('s'), '-d', 'postgres', '-U', 'postgres']).then(() => true))
  }

  async startAuthz(i) {
    const daemon = this.authz[i]
    daemon.log ??= await open(this.in(`authz${i}.log`), 'a')
    const child = this.start(this.in('sallyport-authz'), ['-c', this.in(`authz${i}.yaml`), 'serve'], daemon.log)
    daemon.child = child
    daemon.killed = false
    child.on('exit', (code, signal) => {
      if (child === daemon.child && !daemon.killed && !this.closing) this.onDeath?.(`authz ${i} ended by itself: ${code ?? signal}`)
    })
    await until(`authz ${i} to serve`, () => {
      return fetch(`http://127.0.0.1:${this.ports[i]}/health`).then(async (r) => (await r.arrayBuffer(), r.ok))
    })
  }

  async killAuthz(i) {
    const { child } = this.authz[i]
    this.authz[i].killed = true
    kill(child.pid, 'SIGKILL')
    await until('authz to be gone', () => isGone(child.pid))
  }

  /** All its processes at once, as when the machine's memory runs out: kill -9; or an immediate stop. */
  async crashPostgres(signal) {
    const { pid } = this.postgres
    if (signal === 'SIGKILL') kill(pid, 'SIGSTOP') // no child may be born between the list and the end
    const children = await childrenOf(pid)
    kill(pid, signal)
    if (signal === 'SIGKILL') for (const child of children) kill(child, signal)
    for (const one of [pid, ...children]) await until('PostgreSQL to be gone', () => isGone(one))
    await rm(this.in('pg', 'postmaster.pid'), { force: true })
    await this.startPostgres()
  }

  /** One backend dies; PostgreSQL ends all others, recovers and goes on by itself. */
  async killBackend(choose) {
    const pids = (await this.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'sallyport_authz'")).split('\n').filter(Boolean)
    if (pids.length > 0) kill(Number(choose(pids)), 'SIGKILL')
    await until('PostgreSQL to recover', () => this.sql('SELECT 1').then(() => true))
  }

  async remove() {
    this.closing = true
    for (const proxy of this.proxies ?? []) await proxy.close()
    if (this.postgres) kill(this.postgres.pid, 'SIGSTOP')
    const children = this.postgres ? await childrenOf(this.postgres.pid) : []
    const pids = [...this.authz.map((d) => d.child?.pid), this.postgres?.pid, ...children].filter(Boolean)
    for (const pid of pids) kill(pid, 'SIGKILL')
    for (const pid of pids) await until('processes to end', () => isGone(pid))
    for (const file of [this.pgLog, ...this.authz.map((d) => d.log)]) await file?.close()
    if (this.folder) await rm(this.folder, { recursive: true, force: true })
  }
}
