// SPDX-License-Identifier: Apache-2.0
// The tables at the end.

export const MEMORY_GOAL_KIB = 10 * 1024
export const MEMORY_AFTER_GOAL_KIB = 24 * 1024
export const START_GOAL_MS = 25
export const BIG_GOAL = 0.9
export const SIGN_IN_GOAL = 0.9
export const OTHERS_GOAL_MS = 5

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length / 2
  return sorted.length % 2 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2
}

const format = (value, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** Median and, in brackets, the range. */
function spread(values, digits = 0, divisor = 1) {
  const scaled = values.map((value) => value / divisor)
  if (scaled.length === 1) return format(scaled[0], digits)
  return `${format(median(scaled), digits)} [${format(Math.min(...scaled), digits)}–${format(Math.max(...scaled), digits)}]`
}

export function table(head, rows) {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)))
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n')
}

const verdict = (met) => (met ? 'met' : 'missed')

/** Of each round: what the daemon did by what the other one did. */
export const ratios = (rounds, other) => rounds.filter((round) => round[other]).map((round) => round.daemon.per_second / round[other].per_second)

/** Against h2o or pgbench; the peers' are in their own table. */
function goalOf(operation, rounds) {
  const goal = Object.entries(operation.goal ?? {}).find(([other]) => other === 'h2o' || other === 'pgbench')
  if (goal === undefined) return ['', '']
  const [other, least] = goal
  return [`≥ ${least} of ${other}`, verdict(median(ratios(rounds, other)) >= least)]
}

/** One line for each operation of each other server. */
export function peersTable(results, peers) {
  const rows = []
  for (const { operation, rounds } of results) {
    for (const { name } of peers) {
      const asked = rounds.filter((round) => round[name]?.per_second > 0) // one that is too slow for the round has no ratio
      if (asked.length === 0) continue
      const of = (field, digits = 0, divisor = 1) => spread(asked.map((round) => round[name][field]), digits, divisor)
      const failed = asked.reduce((sum, round) => sum + round[name].errors / round[name].requests, 0) / asked.length
      const least = operation.goal?.[name]
      const cost = ({ cpu_us: own, postgres_us: database }) => own + database
      rows.push([
        operation.name, name, `${asked[0][name].connections}`, of('per_second'), of('p50_us', 2, 1000), of('p99_us', 2, 1000), of('cpu_us'), of('postgres_us'),
        failed > 0 ? `${format(failed * 100, 1)} %` : '', spread(ratios(asked, name), 2),
        spread(asked.map((round) => cost(round[name]) / cost(round.daemon)), 2), least ? `≥ ${least}` : '',
        least ? verdict(median(ratios(asked, name)) >= least) : '',
      ])
    }
  }
  return table(['operation', 'other server', 'connections', 'its requests/s', 'p50 ms', 'p99 ms', 'CPU µs', 'PostgreSQL CPU µs', 'failed', 'ours / its', 'its CPU / ours', 'goal', ''], rows)
}

export function peersProcessTable(peers) {
  const mib = (kib) => format(kib / 1024, 1)
  return table(['other server', 'idle RSS MiB', 'RSS after load', 'cold start ms'], peers.map((p) => [p.name, mib(p.idle.rss), mib(p.after.rss), format(p.start_ms)]))
}

/** The same with full tables. */
export function bigTable(results) {
  const rows = results.map(({ operation, rounds }) => {
    const shares = rounds.map((round) => round.big.per_second / round.daemon.per_second)
    const of = (who, field, digits) => spread(rounds.map((round) => round[who][field]), digits)
    return [
      operation.name, of('daemon', 'per_second'), of('big', 'per_second'), of('daemon', 'postgres_us', 1), of('big', 'postgres_us', 1), spread(shares, 2),
      `≥ ${BIG_GOAL}`, verdict(median(shares) >= BIG_GOAL),
    ]
  })
  return table(['operation', 'requests/s', 'with full tables', 'PostgreSQL CPU µs', 'with full tables', 'ratio', 'goal', ''], rows)
}

export function signInLines(rounds) {
  const share = rounds.map((round) => round.alone.per_second / round.argon2)
  const lines = [
    `sign-in: ${spread(rounds.map((r) => r.alone.per_second), 1)} a second, Argon2id alone ${spread(rounds.map((r) => r.argon2), 1)}, ratio ${spread(share, 2)} ` +
      `(goal: ≥ ${SIGN_IN_GOAL}: ${verdict(median(share) >= SIGN_IN_GOAL)})`,
  ]
  for (const name of Object.keys(rounds[0].others)) {
    const p99 = rounds.map((round) => round.others[name].p99_us / 1000)
    const p50 = rounds.map((round) => round.others[name].p50_us / 1000)
    lines.push(`  meanwhile ${name}: p50 ${spread(p50, 2)} ms, p99 ${spread(p99, 2)} ms (goal: p99 ≤ ${OTHERS_GOAL_MS} ms: ${verdict(median(p99) <= OTHERS_GOAL_MS)})`)
  }
  return lines.join('\n')
}

export function operationsTable(results) {
  const rows = results.map(({ operation, rounds }) => {
    const of = (field) => rounds.map((round) => round.daemon[field])
    const against = ratios(rounds, 'pgbench')
    return [
      operation.name, spread(of('per_second')), spread(of('p50_us'), 2, 1000), spread(of('p99_us'), 2, 1000), spread(ratios(rounds, 'h2o'), 2),
      against.length > 0 ? spread(against, 2) : '', ...goalOf(operation, rounds),
    ]
  })
  return table(['operation', 'requests/s', 'p50 ms', 'p99 ms', 'ratio to h2o', 'ratio to pgbench', 'goal', ''], rows)
}

export function cpuTable(results) {
  const rows = results.map(({ operation, rounds }) => {
    const of = (who, field) => (rounds[0][who] ? spread(rounds.map((round) => round[who][field]), 1) : '')
    return [
      operation.name, `${operation.connections}`, of('daemon', 'cpu_us'), of('daemon', 'postgres_us'), of('h2o', 'cpu_us'), of('pgbench', 'postgres_us'),
      rounds[0].h2o ? format(median(rounds.map((round) => round.h2o.per_second))) : '',
      rounds[0].pgbench ? format(median(rounds.map((round) => round.pgbench.per_second))) : '',
    ]
  })
  const head = ['operation', 'connections', 'daemon CPU µs', 'PostgreSQL CPU µs', 'h2o CPU µs', 'pgbench: PostgreSQL CPU µs', 'h2o requests/s', 'pgbench/s']
  return table(head, rows)
}

export function processTable(processes) {
  const mib = (kib) => format(kib / 1024, 1)
  const rows = Object.entries(processes).map(([name, { idle, after, start }]) => [
    name, mib(idle.rss), mib(idle.pss), mib(idle.anonymous), after ? mib(after.rss) : '', verdict(idle.rss <= MEMORY_GOAL_KIB && (after?.rss ?? 0) <= MEMORY_AFTER_GOAL_KIB),
    spread(start.map((s) => s.ms), 1), spread(start.map((s) => s.cpu_ms), 1), verdict(median(start.map((s) => s.ms)) <= START_GOAL_MS),
  ])
  const head = ['daemon', 'idle RSS MiB', 'PSS', 'anonymous', 'RSS after load', `goal ≤ ${mib(MEMORY_GOAL_KIB)}, ${mib(MEMORY_AFTER_GOAL_KIB)}`, 'cold start ms', 'its CPU ms', `goal ≤ ${START_GOAL_MS}`]
  return table(head, rows)
}

export function backendsTable(results) {
  const rows = results.map(({ name, against, rounds }) => {
    const through = (field, digits = 0) => spread(rounds.map((round) => round.through[field]), digits)
    const alone = (field) => (against === '' ? '' : spread(rounds.map((round) => round.alone[field])))
    const adds = against === '' ? '' : spread(rounds.map((round) => round.through.p50_us - round.alone.p50_us))
    const ratio = against === '' ? '' : spread(rounds.map((round) => round.through.per_second / round.alone.per_second), 2)
    return [name, against, alone('p50_us'), through('p50_us'), adds, alone('per_second'), through('per_second'), ratio, through('cpu_us')]
  })
  return table(['backend, one call at a time', 'directly', 'p50 µs', 'through mcp p50 µs', 'added µs', 'directly/s', 'through mcp/s', 'ratio', "mcp's CPU µs"], rows)
}

export function streamsTable(results) {
  const rows = results.map((r) => [format(r.streams), format(r.bytes_per_stream), format(r.resident / 1024 ** 2, 1)])
  return table(['idle streams', 'bytes each', 'RSS MiB of mcp'], rows)
}

export function auditTable({ rounds }) {
  const shown = (values, ...more) => (values[0] === undefined ? '' : spread(values, ...more))
  const row = (what, of, ratio) => [
    what, spread(rounds.map((r) => of(r).per_second)), ratio ? spread(rounds.map(ratio), 2) : '', shown(rounds.map((r) => of(r).cpu_us), 1),
    shown(rounds.map((r) => of(r).postgres_us), 1), shown(rounds.map((r) => of(r).p99_us), 2, 1000),
  ]
  const rows = [
    row('calls that read, without a log', (r) => r.reads.bare),
    row('calls that read, audited', (r) => r.reads.audited, (r) => r.reads.audited.per_second / r.reads.bare.per_second),
    row('records in a log that commits in groups', (r) => r.log),
    row('records of calls that write, on the disk', (r) => ({ per_second: r.writes.per_second * r.records }), (r) => (r.writes.per_second * r.records) / r.log.per_second),
    row('those calls', (r) => r.writes),
  ]
  return table(['audit', 'a second', 'ratio', "mcp's CPU µs", 'PostgreSQL CPU µs', 'p99 ms'], rows)
}

export function catalogueTable({ few, many, starts, rounds }) {
  const row = (count, which) => [
    format(count), spread(starts[which].map((s) => s.ms)), spread(starts[which].map((s) => s.cpu_ms)), spread(rounds.map((r) => r[which].per_second)),
    spread(rounds.map((r) => r[which].cpu_us), 1), spread(rounds.map((r) => r[which].p99_us), 2, 1000),
  ]
  return table(['tools', 'cold start ms', 'its CPU ms', 'calls/s', 'CPU µs', 'p99 ms'], [row(few, 'few'), row(many, 'many')])
}
