// SPDX-License-Identifier: Apache-2.0
// Stands between one authz and PostgreSQL, and cuts the connection where it hurts: before a question, amid it, or between the commit and its answer.
import { chmod } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'

// What a verdict that changed something answers. The answer leaves PostgreSQL after the commit.
const CHANGED = /rotated|retried|reused|granted|replayed|approved|done/

export class Proxy {
  pairs = new Set()
  armed = []
  isDown = false

  constructor(path, target) {
    Object.assign(this, { path, target })
    this.server = createServer((daemon) => this.accept(daemon))
  }

  async listen() {
    this.server.listen(this.path)
    await once(this.server, 'listening')
    await chmod(this.path, 0o777)
  }

  accept(daemon) {
    if (this.isDown) return void daemon.destroy()
    const database = connect(this.target)
    const pair = { daemon, database }
    this.pairs.add(pair)
    const end = () => this.cut(pair)
    for (const socket of [daemon, database]) socket.on('error', end).on('close', end)
    daemon.on('data', (data) => this.question(pair, data))
    database.on('data', (data) => this.answer(pair, data))
  }

  cut(pair) {
    this.pairs.delete(pair)
    pair.daemon.destroy()
    pair.database.destroy()
  }

  /** Takes the first cut of this kind that is due. */
  take(kinds) {
    const at = this.armed.findIndex((armed) => kinds.includes(armed.kind))
    return at < 0 ? undefined : this.armed.splice(at, 1)[0]
  }

  question(pair, data) {
    const due = pair.asked === true ? this.take(['question', 'midway']) : undefined
    if (due === undefined) return void pair.database.write(data)
    due.done()
    if (due.kind === 'question') return this.cut(pair)
    pair.database.write(data, () => this.cut(pair))
  }

  answer(pair, data) {
    const changed = CHANGED.test(data.toString('latin1'))
    pair.asked ||= changed // not while it connects
    const due = changed ? this.take(['answer']) : undefined
    if (due === undefined) return void pair.daemon.write(data)
    due.done()
    this.cut(pair)
  }

  /** Cuts the next connection that gets there; resolves when it happened. */
  arm(kind) {
    return new Promise((done) => this.armed.push({ kind, done }))
  }

  disarm() {
    for (const armed of this.armed.splice(0)) armed.done()
  }

  cutAll() {
    for (const pair of [...this.pairs]) this.cut(pair)
  }

  async close() {
    this.disarm()
    this.server.close()
    this.cutAll()
  }
}
