// SPDX-License-Identifier: Apache-2.0
// Nothing outlives a test file, however it ends: also when it is killed, or the runner is, or somebody presses ^C.
import { spawn } from 'node:child_process'
import { after } from 'node:test'

const runner = process.ppid
setInterval(() => {
  if (process.ppid !== runner) process.exit(1)
}, 1000).unref()

/** Options of setpriv by which a program ends when this process does. */
export const ENDS_WITH_US = ['--pdeathsig', 'KILL']

/** Runs a shell script when the test file ends; $1 and on are its arguments. */
export function atEnd(script, ...args) {
  // in a session of its own, for ^C is not meant for it; its standard input ends when this process does
  const guard = spawn('sh', ['-c', `cat >/dev/null; ${script}`, 'sh', ...args], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = new Promise((resolve) => guard.on('close', resolve))
  guard.stdin.on('error', () => {})
  guard.unref()
  guard.stdin.unref()
  after(() => {
    guard.ref()
    guard.stdin.end()
    return ended
  })
}
