// SPDX-License-Identifier: Apache-2.0
// What schema.c does, with ajv's compiled code: the same lines in, the same lines out.
import { createInterface } from 'node:readline'
import addFormats from 'ajv-formats'
import Ajv2020 from 'ajv/dist/2020.js'

const ROUNDS_PER_LOOK = 16
const cases = []
let reading = true

function addCase({ schema, instances }) {
  const ajv = new Ajv2020({ strict: false })
  addFormats(ajv)
  const texts = instances.map((instance) => JSON.stringify(instance))
  cases.push({ check: ajv.compile(schema), texts, instances: texts.map((text) => JSON.parse(text)) })
}

function measure({ check, texts, instances }, seconds, parse) {
  let done = 0
  let took
  const began = process.hrtime.bigint()
  do {
    for (let round = 0; round < ROUNDS_PER_LOOK; round++) {
      for (let i = 0; i < texts.length; i++) {
        if (!check(parse ? JSON.parse(texts[i]) : instances[i])) throw new Error(`not valid for ajv: ${texts[i]}`)
      }
    }
    done += ROUNDS_PER_LOOK * texts.length
    took = Number(process.hrtime.bigint() - began)
  } while (took < seconds * 1e9)
  return took / done
}

for await (const line of createInterface({ input: process.stdin })) {
  if (reading && line !== '') {
    addCase(JSON.parse(line))
  } else if (reading) {
    reading = false
  } else {
    const [number, seconds, what] = line.split(' ')
    console.log(measure(cases[number], Number(seconds), what === 'parse').toFixed(1))
  }
}
