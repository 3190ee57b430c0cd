// SPDX-License-Identifier: Apache-2.0
// Every goal that the project has set itself, with what was measured: one table.
import { median, MEMORY_AFTER_GOAL_KIB, MEMORY_GOAL_KIB, OTHERS_GOAL_MS, ratios, SIGN_IN_GOAL, START_GOAL_MS, BIG_GOAL, table } from './report.mjs'

/** What is measured by --goals where nothing else is said: the operations that a goal speaks of. */
export const GOAL_OPERATIONS = [
  'client-credentials', 'introspect', 'introspect-kept', 'refresh', 'register', 'flow', 'tools-call', 'tools-call-2025', 'tools-call-sql', 'tools-call-new-token',
]
export const GOAL_BIG_OPERATIONS = ['client-credentials', 'introspect', 'introspect-kept', 'refresh', 'register', 'flow']
export const STREAM_GOAL_BYTES = 8 * 1024
export const STREAMS_GOAL_BYTES = 100 * 1024 ** 2
export const LOAD_GOAL_MS = 1000
export const SAME_CALL_GOAL = 0.95 // the same, but for what two runs of one program differ
const AUDIT_GOAL = 0.8
const REVOCATION_GOAL_MS = 1000

const format = (value, digits = 0) => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
const mib = (kib) => `${format(kib / 1024, 1)} MiB`
const atLeast = (what, figure, ratio, least) => [what, figure, format(ratio, 2), `≥ ${least}`, ratio >= least]
const atMost = (what, value, most, write) => [what, write(value), '', `≤ ${write(most)}`, value <= most]

function ofOperations(results) {
  const rows = []
  for (const { operation, rounds } of results) {
    const own = `${format(median(rounds.map((r) => r.daemon.per_second)))}/s`
    for (const [other, least] of Object.entries(operation.goal ?? {})) {
      const asked = rounds.filter((round) => round[other]?.per_second > 0)
      if (asked.length > 0) rows.push(atLeast(`${operation.name} by ${other}`, own, median(ratios(asked, other)), least))
      else rows.push([`${operation.name} by ${other}`, own, '', `≥ ${least}`, undefined])
    }
    if (operation.p99_ms) rows.push(atMost(`${operation.name}, p99`, median(rounds.map((r) => r.daemon.p99_us / 1000)), operation.p99_ms, (ms) => `${format(ms, 2)} ms`))
  }
  return rows
}

function ofProcesses(processes) {
  const rows = []
  for (const [name, { idle, after, start }] of Object.entries(processes)) {
    rows.push(atMost(`${name}, cold start`, median(start.map((s) => s.ms)), START_GOAL_MS, (ms) => `${format(ms, 1)} ms`))
    rows.push(atMost(`${name}, memory idle`, idle.rss, MEMORY_GOAL_KIB, mib))
    if (after) rows.push(atMost(`${name}, memory after load`, after.rss, MEMORY_AFTER_GOAL_KIB, mib))
  }
  return rows
}

function ofSignIn(rounds) {
  const own = `${format(median(rounds.map((r) => r.alone.per_second)), 1)}/s`
  const rows = [atLeast('sign-in by Argon2id alone', own, median(rounds.map((r) => r.alone.per_second / r.argon2)), SIGN_IN_GOAL)]
  for (const name of Object.keys(rounds[0].others))
    rows.push(atMost(`${name} beside sign-ins, p99`, median(rounds.map((r) => r.others[name].p99_us / 1000)), OTHERS_GOAL_MS, (ms) => `${format(ms, 2)} ms`))
  return rows
}

function ofSchema(results) {
  const checks = results.filter(({ what }) => what === 'check').map(({ name, samples }) => ({ name, ratio: median(samples.map((s) => s.ajv / s.ours)) }))
  const least = checks.reduce((a, b) => (b.ratio < a.ratio ? b : a))
  return [atLeast('schema by ajv, the least of all', least.name, least.ratio, 1)]
}

const ofStreams = (results) => [
  atMost('an idle stream', Math.max(...results.map((r) => r.bytes_per_stream)), STREAM_GOAL_BYTES, (bytes) => `${format(bytes / 1024, 1)} KiB`),
  atMost(`mcp with ${format(results.at(-1).streams)} streams`, results.at(-1).resident, STREAMS_GOAL_BYTES, (bytes) => mib(bytes / 1024)),
]

function ofCatalogue({ few, many, starts, rounds }) {
  const figure = `${format(median(rounds.map((r) => r.many.per_second)))}/s`
  return [
    atMost(`mcp with ${format(many)} tools, cold start`, median(starts.many.map((s) => s.ms)), LOAD_GOAL_MS, (ms) => `${format(ms)} ms`),
    atLeast(`a call with ${format(many)} tools by one with ${few}`, figure, median(rounds.map((r) => r.many.per_second / r.few.per_second)), SAME_CALL_GOAL),
  ]
}

const ofBackends = (results) => results.filter((r) => r.adds_us).map(({ name, rounds, adds_us }) =>
  atMost(`the gateway before an ${name}, p50`, median(rounds.map((r) => r.through.p50_us - r.alone.p50_us)), adds_us, (us) => `${format(us)} µs`))

const ofAudit = ({ rounds }) => [
  atLeast('audited calls by those without a log', `${format(median(rounds.map((r) => r.reads.audited.per_second)))}/s`, median(rounds.map((r) => r.reads.audited.per_second / r.reads.bare.per_second)), AUDIT_GOAL),
  atLeast('records on the disk by a log that commits in groups', `${format(median(rounds.map((r) => r.writes.per_second * r.records)))}/s`,
    median(rounds.map((r) => (r.writes.per_second * r.records) / r.log.per_second)), AUDIT_GOAL),
]

const ofBig = (results) => results.map(({ operation, rounds }) =>
  atLeast(`${operation.name} with full tables by empty ones`, `${format(median(rounds.map((r) => r.big.per_second)))}/s`,
    median(rounds.map((r) => r.big.per_second / r.daemon.per_second)), BIG_GOAL))

const ofRevocations = (r) => [atMost(`revocation to refusal, p99.99 of ${format(r.count)}`, r.p9999, REVOCATION_GOAL_MS, (ms) => `${format(ms)} ms`)]

const PARTS = { results: ofOperations, processes: ofProcesses, signIn: ofSignIn, schema: ofSchema, streams: ofStreams, catalogue: ofCatalogue, backends: ofBackends, audit: ofAudit, bigResults: ofBig, revocations: ofRevocations }

/** `measured` has some of PARTS. */
export function goalsTable(measured) {
  const rows = Object.entries(PARTS).flatMap(([part, rowsOf]) => (measured[part] ? rowsOf(measured[part]) : []))
  const verdict = (met) => (met === undefined ? 'not measured' : met ? 'met' : 'missed')
  const lines = rows.map(([what, figure, ratio, goal, met]) => [what, figure, ratio, goal, verdict(met)])
  const met = rows.filter((row) => row[4]).length
  return `${table(['what', 'figure', 'ratio', 'goal', ''], lines)}\n\n${met} of ${rows.length} goals met`
}
