// SPDX-License-Identifier: Apache-2.0
// A running Sallyport of its own for a test file, on free ports in a temporary folder.
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { atEnd } from './ending.mjs'

process.env.SALLYPORT_LIMITS ??= 'off' // limits.test and mcp_limits.test set their own
const run = promisify(execFile)
const top = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

/**
 * Starts an instance; it is stopped and deleted when the test file ends. `program` makes it: contrib/quickstart, or what has the same options.
 * `more` are options of a start.
 */
export async function startInstance(program = join(top, 'contrib', 'quickstart'), more = ['--plain', '--authz-port', '0', '--mcp-port', '0', '--no-demo-flow']) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
  await chmod(folder, 0o711) // as root, the daemons run as another user
  const state = join(folder, 'state'), json = join(folder, 'instance.json'), lock = join(folder, 'lock')
  // one at a time: what a start that was broken off has begun is there when it is deleted
  atEnd('flock "$1" "$2" --state "$3" --reset; rm -rf -- "$4"', lock, program, state, folder)
  const call = (...args) =>
    run('flock', ['-o', lock, program, '--state', state, ...args], { maxBuffer: 16 << 20 }).catch((error) => {
      throw new Error(`${program} ${args.join(' ')}: ${error.message}\n${error.stdout}\n${error.stderr}`)
    })
  const start = () => call(...more, '--json', json)
  await start()
  const instance = JSON.parse(await readFile(json, 'utf8'))
  instance.person = (name) => instance.people.find((p) => p.username === name)
  /** Starts again what was stopped or killed; the addresses stay. */
  instance.startAgain = async () => {
    await start()
    Object.assign(instance, JSON.parse(await readFile(json, 'utf8')))
  }
  instance.quickstart = call
  instance.program = (name) => join(state, 'prefix', 'sbin', name)
  return instance
}
