// SPDX-License-Identifier: Apache-2.0
// Random choices that a seed repeats. Every actor has a sequence of its own, so that what one chooses does not hang on how fast another was.
import { createHash } from 'node:crypto'

export class Random {
  constructor(seed, name) {
    this.state = createHash('sha256').update(`${seed}/${name}`).digest().readUInt32LE(0)
  }

  /** From 0 up to, and without, 1 (mulberry32). */
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  between = (low, high) => low + this.next() * (high - low)
  int = (low, high) => Math.floor(this.between(low, high + 1))
  chance = (p) => this.next() < p
  pick = (list) => list[Math.floor(this.next() * list.length)]

  /** A name of {name: weight}. */
  weighted(weights) {
    let left = this.next() * Object.values(weights).reduce((a, b) => a + b, 0)
    for (const [name, weight] of Object.entries(weights)) if ((left -= weight) < 0) return name
    return Object.keys(weights).at(-1)
  }

  shuffle(list) {
    const copy = [...list]
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.int(0, i)
      ;[copy[i], copy[j]] = [copy[j], copy[i]]
    }
    return copy
  }
}
