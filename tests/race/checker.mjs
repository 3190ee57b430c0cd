// SPDX-License-Identifier: Apache-2.0
// Judges a history by the contract. Of each rotation it derives the earliest and the latest moment that the answers allow, and then asks of every
// answer whether any order of the operations within their times explains it. What is unknown explains, and proves nothing.
import { CODE_MS, SPREAD_MS, WINDOW_MS } from './place.mjs'

const CLOCK_MS = 2 // between this program's clock and PostgreSQL's
const HURRY = 32 // rotations inside a window that are remembered one by one

const show = (op) => `${op.k}${op.g !== undefined ? ` ${op.g}` : ''} -> ${op.o}${op.m !== undefined ? ` ${op.m}` : ''} [${op.s.toFixed(1)}, ${op.e.toFixed(1)}]`

// ---- codes ----

function mayHaveEnded(code, op) {
  if (code.ops.some((x) => x !== op && x.k === 'right' && (x.o === 'ok' || x.o === 'unknown') && x.s <= op.e)) return true
  if (code.person.disables.some((d) => d.s <= op.e && (d.e ?? Infinity) >= code.s)) return true
  return code.client.deletes.some((d) => d.s <= op.e) || op.e > code.s + CODE_MS - CLOCK_MS
}

function mustHaveEnded(code, op) {
  if (code.ops.some((x) => x.k === 'right' && x.o === 'refused' && x.e < op.s)) return 'after it had been refused'
  if (code.person.disables.some((d) => d.s > code.e && d.e !== undefined && d.e < op.s)) return 'after its person had been disabled'
  if (op.s > code.e + CODE_MS + CLOCK_MS) return 'after it had expired'
}

export function checkCode(code, facts) {
  const evidence = () => code.ops.map(show)
  const done = code.ops.filter((op) => op.o === 'ok')
  for (const op of done.filter((x) => x.k !== 'right')) facts.violation('codeWrong', `${code.id}: ${op.k} was accepted`, evidence())
  if (done.length > 1) facts.violation('redemptions', `${code.id} was redeemed ${done.length} times`, evidence())
  for (const op of code.ops) {
    if (op.k === 'right' && op.o === 'refused' && !mayHaveEnded(code, op)) facts.violation('codeLost', `${code.id} was refused: ${show(op)}`, evidence())
    const late = op.k === 'right' && op.o === 'ok' && mustHaveEnded(code, op)
    if (late) facts.violation('undone', `${code.id} was redeemed ${late}: ${show(op)}`, evidence())
  }
  checkClient(code, code.ops.filter((op) => op.k !== 'client'), facts)
}

function checkClient(of, ops, facts) {
  for (const op of ops) {
    if (op.o === 'client' && !of.client.mayBeOff(op.s, op.e)) facts.violation('client', `${of.id}: a living client was refused: ${show(op)}`)
    if (op.o === 'ok' && of.client.isOff(op.s, op.e)) facts.violation('client', `${of.id}: a client that is off was served: ${show(op)}`)
  }
}

// ---- grants ----

/** rotations[k]: when generation k was rotated away. `from` and `to` bound the moment, `stamp` the time that the window is counted from. */
function boundRotations(grant, refreshes, facts) {
  const answered = refreshes.filter((op) => op.o === 'ok')
  const newest = Math.max(1, ...answered.map((op) => op.m))
  const rotations = []
  for (let k = 1; k <= newest; k++) {
    const could = refreshes.filter((op) => op.g === k && (op.o === 'unknown' || (op.o === 'ok' && op.m === k + 1)))
    const stamp = Math.min(Infinity, ...could.map((op) => op.s))
    const from = Math.max(stamp, rotations[k - 1]?.from ?? grant.s, ...answered.filter((op) => op.m <= k).map((op) => op.s))
    const to = Math.min(Infinity, ...answered.filter((op) => op.m > k).map((op) => op.e))
    rotations[k] = { from, to, stamp, could }
  }
  for (let k = 1; k < newest; k++) {
    const r = rotations[k]
    if (r.could.length === 0) facts.violation('contract', `${grant.id}: generation ${k} was rotated away, and nobody presented it`, refreshes.map(show))
    else if (r.from > r.to) facts.violation('contract', `${grant.id}: generation ${k} was answered after ${k + 1} had been`, refreshes.map(show))
    else if (!r.could.some((op) => op.s <= r.to && facts.possibleEnd(op) >= r.from))
      facts.violation('contract', `${grant.id}: generation ${k} was rotated away when nobody presented it`, refreshes.map(show))
  }
  return { rotations, newest }
}

/** More rotations than are remembered one by one may share an entry that lives a sixteenth of the window longer. */
function allowance(rotations, newest) {
  for (let k = 1; k + HURRY - 1 < newest; k++) if (rotations[k + HURRY - 1].from - rotations[k].to < WINDOW_MS) return WINDOW_MS / 16 + CLOCK_MS
  return CLOCK_MS
}

/** Whatever may have ended the grant: possible from `s` on, certain from `c` on. */
function findKillers(grant, rotations, facts) {
  const killers = []
  for (const op of grant.ops.filter((x) => x.k === 'revoke' && x.o !== 'never' && x.o !== 'client'))
    killers.push({ op, s: op.s, c: op.o === 'ok' ? op.e : Infinity })
  for (const d of grant.person.disables) {
    const end = d.e ?? Infinity
    if (end >= grant.s) killers.push({ op: { k: 'disable', o: 'ok', ...d, e: end }, s: d.s, c: grant.e < (d.on ?? Infinity) ? end : Infinity })
  }
  for (const d of grant.client.deletes) killers.push({ op: { k: 'delete', o: 'ok', ...d, e: d.e ?? Infinity }, s: d.s, c: d.e ?? Infinity })
  for (const op of grant.code.ops.filter((x) => x.k === 'right' && x !== grant.birth && (x.o === 'refused' || x.o === 'unknown')))
    if (facts.possibleEnd(op) >= grant.s) killers.push({ op, s: op.s, c: op.o === 'refused' ? op.e : Infinity })
  for (const op of grant.ops.filter((x) => x.k === 'refresh' && (x.o === 'refused' || x.o === 'unknown')))
    if (mayBeReplay(op, rotations, facts)) killers.push({ op, s: op.s, c: op.o === 'refused' ? op.e : Infinity })
  return killers
}

const mayBeReplay = (op, rotations, facts) => facts.possibleEnd(op) > (rotations[op.g]?.stamp ?? Infinity) + WINDOW_MS - CLOCK_MS

function checkAnswer(grant, op, rotations, late, facts, evidence) {
  if (op.m <= op.g) return facts.violation('contract', `${grant.id}: an older generation was answered: ${show(op)}`, evidence())
  const r = rotations[op.g]
  const isOld = op.m > op.g + 1 || op.s > r.to // else it may have been the rotation itself
  if (isOld && op.s > r.to + WINDOW_MS + late) facts.violation('window', `${grant.id}: taken ${(op.s - r.to).toFixed(1)} ms after its rotation: ${show(op)}`, evidence())
}

export function checkGrant(grant, facts) {
  const refreshes = grant.ops.filter((op) => op.k === 'refresh')
  const evidence = () => [...grant.ops, ...grant.code.ops].sort((a, b) => a.s - b.s).map(show)
  const { rotations, newest } = boundRotations(grant, refreshes, facts)
  const late = allowance(rotations, newest)
  const killers = findKillers(grant, rotations, facts)
  const dead = Math.min(Infinity, ...killers.map((x) => x.c), ...refreshes.filter((op) => op.o === 'refused').map((op) => op.e))
  for (const op of refreshes) {
    if (op.o === 'ok') checkAnswer(grant, op, rotations, late, facts, evidence)
    if (op.o === 'ok' && op.s > dead) facts.violation('undone', `${grant.id}: refreshed ${(op.s - dead).toFixed(1)} ms after its end: ${show(op)}`, evidence())
    if (op.o === 'refused') facts.count('refused refreshes, ended by something', killers.some((x) => x.op !== op && x.c <= op.e) ? 'acknowledged' : mayBeReplay(op, rotations, facts) ? 'itself' : 'unknown or concurrent')
    if (op.o === 'refused' && !killers.some((x) => x.s <= op.e)) facts.violation('lost', `${grant.id}: refused, and nothing had ended it: ${show(op)}`, evidence())
  }
  for (const op of grant.ops.filter((x) => x.k === 'foreign' && x.o === 'ok')) facts.violation('foreign', `${grant.id}: another client was served: ${show(op)}`, evidence())
  checkClient(grant, refreshes, facts)
  checkIntrospections(grant, killers, dead, facts, evidence)
}

/** An end is known at once to the process that acknowledged it, and to the others within a second; whoever asks these sooner may hear either. */
function checkIntrospections(grant, killers, dead, facts, evidence) {
  const revocations = grant.ops.filter((op) => op.k === 'revoke token' && op.o !== 'never')
  for (const op of grant.ops.filter((x) => x.k === 'introspect')) {
    const own = revocations.filter((x) => x.jti === op.jti)
    const asked = grant.ops.filter((x) => x.k === 'revoke' || own.includes(x)).filter((x) => x.o === 'ok' && x.e < op.s)
    const ends = [dead, ...asked.map((x) => x.e)].filter((x) => x < op.s)
    const isFelt = ends.some((x) => x + SPREAD_MS < op.s) || asked.some((x) => x.side === op.side) || grant.client.isOff(op.s - SPREAD_MS, op.e)
    const mayHave = killers.some((x) => x.s <= op.e) || own.some((x) => x.s <= op.e) || grant.client.mayBeOff(op.s, op.e)
    if (op.o === 'ok' && isFelt) facts.violation('inactive', `${grant.id}: active after its end: ${show(op)}`, evidence())
    else if (op.o === 'ok' && ends.length > 0) facts.late(op.e - Math.min(...ends))
    if (op.o === 'inactive' && !mayHave) facts.violation('inactive', `${grant.id}: inactive, and nothing had ended it: ${show(op)}`, evidence())
  }
}
