// SPDX-License-Identifier: Apache-2.0
// Proves the decision core by its histories: many clients on two authz processes and one PostgreSQL, all of which are killed and cut off meanwhile.
//
//   tests/race/run --program FILE [--seconds N | --minutes N] [--seed N] [--mutants [--only TEXT]] [--keep]
//
//   --program FILE   the sallyport-authz to test; the SQL and the pages are this tree's
//   --seconds N      how long (30)
//   --seed N         the choices of an earlier run again
//   --mutants        instead, seeds faults into the SQL and expects that each (or those named with TEXT) is found
//   --keep           keeps the folder with the logs
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Facts, KINDS } from './history.mjs'
import { closeAgents } from './operations.mjs'
import { Place } from './place.mjs'
import { FAULTS, Workload } from './workload.mjs'
import { runMutants } from './mutants.mjs'

const top = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const { values: options } = parseArgs({
  options: { program: { type: 'string' }, seconds: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string' }, mutants: { type: 'boolean' }, only: { type: 'string' }, keep: { type: 'boolean' }, help: { type: 'boolean' } },
})
if (options.help) {
  console.log(readFileSync(fileURLToPath(import.meta.url), 'utf8').split('\n').slice(1, 10).map((line) => line.replace(/^\/\/ ?/, '')).join('\n'))
  process.exit(0)
}
const program = resolve(options.program ?? join(top, 'build', 'programs', 'sallyport-authz'))
const seconds = Number(options.seconds ?? (options.minutes ? options.minutes * 60 : 30))
const seed = Number(options.seed ?? Math.floor(Math.random() * 1e9))
if (!existsSync(program)) {
  console.error(`${program} is not there: build it (contrib/quickstart --build-only), or name another with --program`)
  process.exit(2)
}

let tests = 0
let failed = 0
function test(ok, name, evidence = []) {
  console.log(`${ok ? 'ok' : 'not ok'} ${++tests} - ${name}`)
  if (!ok) failed++
  for (const line of evidence) console.log(`#   ${line}`)
}

const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0)

function report(workload, facts) {
  console.log(`# seed ${seed}, ${seconds} s, ${workload.lives} codes and grants judged, slowest answer ${facts.slowest.toFixed(0)} ms, active at another process after an end for at most ${facts.latest.toFixed(1)} ms`)
  for (const [name, outcomes] of Object.entries(facts.counts).sort())
    console.log(`# ${name}: ${sum(outcomes)} (${Object.entries(outcomes).map((pair) => pair.join(' ')).join(', ')})`)
  console.log(`# faults: ${Object.entries(workload.faults).map(([name, count]) => `${name} ${count}`).join(', ')}`)
  for (const [kind, text] of Object.entries(KINDS)) {
    const found = facts.violations.filter((v) => v.kind === kind)
    test(found.length === 0, `race: ${text}`, found.slice(0, 5).flatMap((v) => [v.text, ...v.evidence.slice(-60).map((line) => `    ${line}`)]))
  }
  const missing = Object.keys(FAULTS).filter((kind) => !workload.faults[kind])
  test(missing.length === 0, 'race: every kind of fault happened', missing)
  const outcomes = facts.counts.refresh ?? {}
  test(outcomes.ok > 0 && outcomes.refused > 0 && outcomes.unknown > 0, `race: clients were served, refused and cut off (${sum(outcomes)} refreshes)`)
}

const place = new Place(program, top)
async function end(status) {
  closeAgents()
  const { folder } = place
  if (options.keep) {
    console.log(`# the logs are in ${folder}`)
    place.folder = undefined
  }
  await place.remove().catch((error) => console.error(error.message))
  process.exit(status)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(1))

try {
  console.log(`# seed ${seed}`)
  await place.build()
  if (options.mutants) await runMutants(place, seed, test, options.only)
  else {
    const facts = new Facts()
    const workload = new Workload(place, facts, seed)
    await workload.prepare()
    await workload.run(seconds * 1000)
    report(workload, facts)
  }
} catch (error) {
  test(false, `race: it ran to its end: ${error.stack}`)
}
console.log(`1..${tests}`)
await end(failed === 0 ? 0 : 1)
