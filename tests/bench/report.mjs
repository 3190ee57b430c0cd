// SPDX-License-Identifier: Apache-2.0
// The tables at the end.

export const MEMORY_GOAL_KIB = 12 * 1024
export const START_GOAL_MS = 50

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

function table(head, rows) {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)))
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n')
}

const verdict = (met) => (met ? 'met' : 'missed')

/** Of each round: what the daemon did by what the other one did. */
const ratios = (rounds, other) => rounds.filter((round) => round[other]).map((round) => round.daemon.per_second / round[other].per_second)

function goalOf(operation, rounds) {
  const [[other, least]] = Object.entries(operation.goal ?? { none: 0 })
  if (other === 'none') return ['', '']
  return [`≥ ${least} of ${other}`, verdict(median(ratios(rounds, other)) >= least)]
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
    name, mib(idle.rss), mib(idle.pss), mib(idle.anonymous), after ? mib(after.rss) : '', verdict(idle.rss <= MEMORY_GOAL_KIB),
    spread(start.map((s) => s.ms), 1), spread(start.map((s) => s.cpu_ms), 1), verdict(median(start.map((s) => s.ms)) <= START_GOAL_MS),
  ])
  const head = ['daemon', 'idle RSS MiB', 'PSS', 'anonymous', 'RSS after load', `goal ≤ ${mib(MEMORY_GOAL_KIB)}`, 'cold start ms', 'its CPU ms', `goal ≤ ${START_GOAL_MS}`]
  return table(head, rows)
}
