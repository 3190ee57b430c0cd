// SPDX-License-Identifier: Apache-2.0
// The programs of an instance as an operator uses them: verbs, configurations of one's own, and daemons beside those of quickstart.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { chown, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after } from 'node:test'
import { ENDS_WITH_US } from './ending.mjs'

/** Where the instance's files are: a state folder that the system user cannot reach holds a link to them. */
export function home(instance) {
  const link = join(instance.state, 'instance')
  return existsSync(link) ? realpathSync(link) : instance.state
}

/** A file of the instance's etc folder. */
export const etc = (instance, name) => join(home(instance), 'etc', name)

/** Polls until the check gives something true; an error counts as not yet. */
export async function until(what, check, seconds = 20) {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const value = await Promise.resolve().then(check).catch(() => undefined)
    if (value) return value
    if (Date.now() > end) throw new Error(`waited too long: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** True when the process has ended, whether or not somebody asked for its exit status yet. */
export const isGone = (pid) => readFile(`/proc/${pid}/stat`, 'utf8').then((text) => / Z /.test(text.slice(text.lastIndexOf(')'))), () => true)

const environment = () =>
  Object.fromEntries(
    ['PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS'].filter((name) => process.env[name]).map((name) => [name, process.env[name]]),
  )

/** A program of the instance as the user that its daemons run as. The process id is the program's own. */
function start(instance, program, args) {
  const user = process.getuid() === 0 ? ['--reuid=sallyport', '--regid=sallyport', '--clear-groups', '--inh-caps=-all'] : []
  const child = spawn('setpriv', [...user, ...ENDS_WITH_US, '--', join(home(instance), 'prefix', 'sbin', program), ...args], { cwd: '/', env: environment(), stdio: ['pipe', 'pipe', 'pipe'] })
  const done = { code: undefined, stdout: '', stderr: '' }
  child.stdin.on('error', () => {}) // it may end without reading
  child.stdout.setEncoding('utf8').on('data', (text) => (done.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (done.stderr += text))
  done.child = child
  done.ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(Object.assign(done, { code: code ?? signal })))
  })
  return done
}

/** Runs a verb to its end: {code, stdout, stderr}. `input` is its standard input, `config` another configuration. */
export async function verb(instance, name, args, { input = '', config = `${name}.yaml` } = {}) {
  const run = start(instance, `sallyport-${name}`, ['-c', config.startsWith('/') ? config : etc(instance, config), ...args])
  run.child.stdin.end(input)
  const late = setTimeout(() => run.child.kill('SIGKILL'), 60000)
  await run.ended
  clearTimeout(late)
  const { code, stdout, stderr } = run
  return { code, stdout, stderr }
}

/** The same for a verb that must succeed; gives its standard output. */
export async function must(instance, name, args, options) {
  const done = await verb(instance, name, args, options)
  if (done.code !== 0) throw new Error(`sallyport-${name} ${args.join(' ')}: ${done.code}\n${done.stdout}\n${done.stderr}`)
  return done.stdout
}

const daemons = []
after(async () => {
  for (const daemon of daemons) {
    if (daemon.code === undefined) daemon.child.kill('SIGKILL')
    await daemon.ended
  }
})

/** Serves with another configuration, beside what already serves; ended with the test file. */
export async function startDaemon(instance, name, config) {
  const daemon = start(instance, `sallyport-${name}`, ['-c', etc(instance, config), 'serve'])
  daemon.child.stdin.end()
  daemon.pid = daemon.child.pid
  daemon.stop = async () => {
    daemon.child.kill('SIGTERM')
    await daemon.ended
    return daemon
  }
  daemons.push(daemon)
  await until(`${name} to serve`, () => {
    if (daemon.code !== undefined) return true
    return /"message":"serving"\}/.test(daemon.stderr) && (name !== 'authz' || /database is ready/.test(daemon.stderr))
  })
  if (daemon.code !== undefined) throw new Error(`sallyport-${name} ended at once: ${daemon.code}\n${daemon.stderr}`)
  return daemon
}

/** A file in etc that the daemons can read and nobody else. */
export async function writeEtc(instance, name, text) {
  const path = etc(instance, name)
  await writeFile(path, text, { mode: 0o640 })
  if (process.getuid() === 0) await chown(path, 0, (await stat(etc(instance, '.'))).gid)
  return path
}

/** A configuration made of another: each [pattern, replacement] must fit; a text is put at the end. */
export async function deriveConfig(instance, from, to, changes) {
  let text = await readFile(etc(instance, from), 'utf8')
  for (const change of changes) {
    if (typeof change === 'string') {
      text += `${change}\n`
      continue
    }
    const next = text.replace(change[0], change[1])
    if (next === text) throw new Error(`${from}: nothing fits ${change[0]}`)
    text = next
  }
  return writeEtc(instance, to, text)
}

const isFree = (port, address) =>
  new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(true)))
  })

/** A port below the range from which the kernel takes ports for outgoing connections. */
export async function freePort(address = '127.0.0.1') {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 22000)
    if (await isFree(port, address)) return port
  }
}
