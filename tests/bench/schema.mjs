// SPDX-License-Identifier: Apache-2.0
// The operation `schema`: common/schema against ajv's compiled code, on the same schemas and instances, one core, in turns.
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median } from './report.mjs'
import { SCHEMA_CASES } from './schema_cases.mjs'

const run = promisify(execFile)
const here = dirname(fileURLToPath(import.meta.url))
const top = join(here, '../..')
const CORE = '1'
const SLICE_SECONDS = 0.05
const WARM_SECONDS = 0.5
const BESIDES = ['encoding', 'json', 'secret', 'text'] // what common/schema needs of common
const PACKAGES = ['libh2o-evloop', 'openssl', 'jansson', 'libpcre2-8']
// as configure.ac has them
const FLAGS = ['-std=gnu17', '-O2', '-g', '-DH2O_USE_LIBUV=0', '-fstack-protector-strong', '-fstack-clash-protection', '-fcf-protection', '-ftrivial-auto-var-init=zero', '-fPIE', '-pie']

async function build(folder) {
  const common = (await readdir(join(top, 'common/schema'))).filter((name) => name.endsWith('.c')).map((name) => `schema/${name}`)
  const sources = [...common, ...BESIDES.map((name) => `${name}.c`)].map((name) => join(top, 'common', name))
  const { stdout } = await run('pkg-config', ['--cflags', '--libs', ...PACKAGES])
  const program = join(folder, 'schema')
  await run('gcc', [...FLAGS, `-I${top}`, '-o', program, join(here, 'schema.c'), ...sources, ...stdout.trim().split(/\s+/), '-lm'])
  return program
}

/** A process that measures when it is asked. */
class Measurer {
  constructor(command) {
    this.process = spawn('taskset', ['-c', CORE, ...command], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]()
    for (const { schema, instances } of SCHEMA_CASES) this.process.stdin.write(`${JSON.stringify({ schema, instances })}\n`)
    this.process.stdin.write('\n')
  }

  /** Nanoseconds for one instance. */
  async measure(number, seconds, what) {
    this.process.stdin.write(`${number} ${seconds} ${what}\n`)
    const { value, done } = await this.lines.next()
    if (done) throw new Error('a measurement of schemas ended early')
    return Number(value)
  }

  stop() {
    this.process.stdin.end()
  }
}

/** Per case and kind of work: samples of both, taken in turns. */
async function measureAll(ours, ajv, options, say) {
  const slices = Math.max(3, Math.round((options.rounds * options.seconds) / (2 * SLICE_SECONDS)))
  const results = []
  for (const [number, { name }] of SCHEMA_CASES.entries()) {
    say(` ${name};`)
    for (const what of ['check', 'parse']) {
      const samples = []
      for (const measurer of [ours, ajv]) await measurer.measure(number, WARM_SECONDS, what)
      for (let i = 0; i < slices; i++)
        samples.push({ ours: await ours.measure(number, SLICE_SECONDS, what), ajv: await ajv.measure(number, SLICE_SECONDS, what) })
      results.push({ name, what, samples })
    }
  }
  return results
}

export async function measureSchema(options, say) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-schema-'))
  try {
    const ours = new Measurer([await build(folder)])
    const ajv = new Measurer([process.execPath, join(here, 'schema_ajv.mjs')])
    say('\nschema:')
    const results = await measureAll(ours, ajv, options, say)
    for (const measurer of [ours, ajv]) measurer.stop()
    say('\n')
    return results
  } finally {
    await rm(folder, { recursive: true })
  }
}

const of = (samples, who) => median(samples.map((sample) => sample[who]))
const nanoseconds = (value) => Math.round(value).toLocaleString('en-US')

export function schemaLines(results) {
  const lines = ['schema: nanoseconds for one instance, medians; the ratio is ajv by ours, of neighbouring measurements (goal without parsing: ≥ 1)']
  for (const { name, what, samples } of results) {
    const ratio = median(samples.map((sample) => sample.ajv / sample.ours))
    const verdict = what === 'check' ? (ratio >= 1 ? ', met' : ', missed') : ''
    const label = `${name}${what === 'parse' ? ', with parsing' : ''}`
    lines.push(`  ${label.padEnd(46)} ours ${nanoseconds(of(samples, 'ours')).padStart(9)}  ajv ${nanoseconds(of(samples, 'ajv')).padStart(9)}  ratio ${ratio.toFixed(2)}${verdict}`)
  }
  return lines.join('\n')
}
