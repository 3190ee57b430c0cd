// SPDX-License-Identifier: Apache-2.0
// A running Sallyport of its own for a test file, made by contrib/quickstart on free ports in a temporary folder.
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { after } from 'node:test'

const run = promisify(execFile)
const top = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const quickstart = join(top, 'contrib', 'quickstart')

async function call(...args) {
  try {
    return await run(quickstart, args, { maxBuffer: 16 << 20 })
  } catch (error) {
    throw new Error(`contrib/quickstart ${args.join(' ')}: ${error.message}\n${error.stdout}\n${error.stderr}`)
  }
}

/** Starts an instance; it is stopped and deleted when the test file ends. */
export async function startInstance() {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
  await chmod(folder, 0o711) // as root, the daemons run as another user
  const state = join(folder, 'state')
  const json = join(folder, 'instance.json')
  const args = ['--state', state, '--authz-port', '0', '--mcp-port', '0', '--no-demo-flow', '--json', json]
  after(async () => {
    await call('--state', state, '--reset').catch(() => {})
    await rm(folder, { recursive: true, force: true })
  })
  await call(...args)
  const instance = JSON.parse(await readFile(json, 'utf8'))
  instance.person = (name) => instance.people.find((p) => p.username === name)
  /** Starts again what was stopped or killed; the addresses stay. */
  instance.startAgain = async () => {
    await call(...args)
    Object.assign(instance, JSON.parse(await readFile(json, 'utf8')))
  }
  instance.quickstart = (...more) => call('--state', state, ...more)
  instance.program = (name) => join(state, 'prefix', 'sbin', name)
  return instance
}
