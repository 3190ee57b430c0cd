// SPDX-License-Identifier: Apache-2.0
// Differential test of common/schema: the same schemas and instances, made from a seed, are given to it (through schema_check, a program on a
// pipe), to ajv, and to the plain reading of the standard in schema/oracle.mjs. Any disagreement is told, with the seed that makes it again.
//
//   node tests/fuzz/schema_against_ajv.mjs --program FILE [--pairs N] [--seed N]      FILE: a built tests/fuzz/schema_check
//
// TAP on standard output. The exit status is 1 if anything differs that is not listed in KNOWN.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import addFormats from 'ajv-formats'
import Ajv2020 from 'ajv/dist/2020.js'
import { document, instance, Random } from './schema/generator.mjs'
import { oracle } from './schema/oracle.mjs'

const INSTANCES = 20 // for each schema
const TOLD = 10

const text = { type: 'string' }
const { values: options } = parseArgs({ options: { program: text, pairs: { ...text, default: '10000' }, seed: text } })
const seed = Number(options.seed ?? Math.floor(Math.random() * 2 ** 31))
const schemas = Math.ceil(Number(options.pairs) / INSTANCES)

/** Does a keyword of these stand anywhere in the schema? */
const speaksOf = (schema, keywords) => new RegExp(`"(${keywords.join('|')})":`).test(JSON.stringify(schema))

/**
 * Where ajv is known to differ from the standard; the oracle agrees with us in each case. What ajv calls "evaluated" is computed when it
 * compiles, and it loses track behind references and branches (its issues #1943, #2163 and others).
 */
const KNOWN = [
  ['ajv-formats: see FORMATS_APART', (schema) => speaksOf(schema, ['format'])],
  ['ajv: multipleOf in floating point', (schema) => speaksOf(schema, ['multipleOf'])],
  ['ajv: an empty array although minContains is 1', (schema) => speaksOf(schema, ['minContains'])],
  ['ajv: an absent member whose name is empty', (schema) => speaksOf(schema, ['required', 'dependentRequired']) && /\[("[^"]*",)*""/.test(JSON.stringify(schema))],
  ['ajv: unevaluated* behind branches, references or contains', (schema) => speaksOf(schema, ['unevaluatedProperties', 'unevaluatedItems'])],
]

/** Texts of which ajv-formats says what the standards do not. */
const FORMATS_APART = [
  // RFC 3986, 4.2: what stands before a colon in the first segment is a scheme, and begins with a letter
  { name: /^uri-reference$/, text: /^[^a-zA-Z/?#][^/?#]*:/, fits: false },
]

function ajvFor(schema) {
  const ajv = new Ajv2020({ strict: false, logger: false, ownProperties: true, multipleOfPrecision: 9, validateSchema: false })
  addFormats(ajv)
  return { check: ajv.compile(schema), format: (name, value) => {
    const apart = FORMATS_APART.find((entry) => entry.name.test(name) && entry.text.test(value))
    if (apart) return apart.fits
    const format = ajv.formats[name]
    const fits = format.validate ?? format
    return typeof fits === 'function' ? fits(value) : fits.test(value)
  } }
}

/** ajv's own code fails now and then, where it mixes unevaluated* with branches. */
function verdict(check, value) {
  try {
    return check(value)
  } catch (error) {
    return `failed: ${error.message}`
  }
}

class Ours {
  constructor(program) {
    this.process = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]()
  }

  async ask(schema, instances) {
    this.process.stdin.write(`${JSON.stringify({ schema, instances, formats: true })}\n`)
    const { value, done } = await this.lines.next()
    if (done) throw new Error('schema_check has ended')
    return JSON.parse(value)
  }

  async stop() {
    this.process.stdin.end()
    const [code, signal] = await once(this.process, 'close')
    if (code !== 0) throw new Error(`schema_check ended with ${code ?? signal}`)
  }
}

class Tally {
  pairs = 0
  valid = 0
  refused = 0
  known = new Map()
  differences = []

  differ(of, schema, value, said) {
    for (const [why, applies] of KNOWN) {
      if (said.oracle === said.ours && said.ajv !== said.ours && applies(schema, value)) return void this.known.set(why, (this.known.get(why) ?? 0) + 1)
    }
    this.differences.push({ seed: of, schema, value, ...said })
  }
}

/** One schema with its instances, all from one seed. */
async function compare(ours, of, tally) {
  const random = new Random(of)
  const schema = JSON.parse(JSON.stringify(document(random)))
  const instances = Array.from({ length: INSTANCES }, () => instance(random, schema))
  const answer = await ours.ask(schema, instances)
  let ajv
  let refusal
  try {
    ajv = ajvFor(schema)
  } catch (error) {
    refusal = error.message
  }
  if ((refusal !== undefined) !== (answer.refused !== undefined)) return tally.differ(of, schema, undefined, { ours: answer.refused ?? 'accepted', ajv: refusal ?? 'accepted' })
  if (refusal !== undefined) return void tally.refused++
  for (const [i, value] of instances.entries()) {
    const said = { ours: answer.valid[i], ajv: verdict(ajv.check, value), oracle: oracle(schema, value, ajv.format), problems: answer.problems[i] }
    tally.pairs++
    tally.valid += said.ours
    if (said.ours !== said.ajv || said.ours !== said.oracle) tally.differ(of, schema, value, said)
  }
}

async function main() {
  const ours = new Ours(options.program)
  const tally = new Tally()
  console.log(`TAP version 13\n# seed ${seed}, ${schemas} schemas with ${INSTANCES} instances each`)
  for (let i = 0; i < schemas; i++) await compare(ours, seed + i, tally)
  await ours.stop()
  console.log(`# ${tally.pairs} pairs, of which ${tally.valid} fit; ${tally.refused} schemas were refused by both`)
  for (const [why, count] of tally.known) console.log(`# known, ${count} times: ${why}`)
  const groups = tally.differences.length
  console.log(`1..1\n${groups === 0 ? 'ok' : 'not ok'} 1 common/schema says what ajv says${groups === 0 ? '' : ` (${groups} differences)`}`)
  for (const difference of tally.differences.slice(0, TOLD)) console.log(`# --seed ${difference.seed} --pairs 1: ${JSON.stringify(difference)}`)
  process.exitCode = groups === 0 ? 0 : 1
}

await main()
