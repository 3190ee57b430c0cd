// SPDX-License-Identifier: Apache-2.0
// What happened, as clients saw it. Times are milliseconds of one clock; an operation took effect at a moment between its start and its end.
//
// outcome   ok       the success answer arrived
//           refused  400 invalid_grant: it had an effect only if it was a replay
//           client   401 invalid_client
//           unknown  503, or no answer: it may have happened, up to `settle` ms after its end
//           never    nobody listened, or 429: it did not happen

export const KINDS = {
  redemptions: 'a code is redeemed at most once',
  codeLost: 'a failed redemption consumes nothing, and a code works until it is spent',
  codeWrong: 'a code is never redeemed by another client, with another redirect URI or verifier',
  sameString: 'one generation is one string, of one grant',
  contract: 'a refresh answers n+1 or the newest n, never an older one, and a generation is rotated away once',
  window: 'an old refresh token is taken no longer than its retry window',
  lost: 'X-9: no acknowledged grant is lost: what is refused was revoked or replayed before',
  undone: 'no revocation is undone: after an acknowledged one, nothing of the grant succeeds',
  client: 'a client is refused as one exactly while it is disabled or deleted',
  inactive: 'introspection says inactive of what is revoked, at another process within a second, and of nothing else',
  foreign: 'what another client presents is refused and changes nothing',
  outage: 'trouble is told as 503 or not at all, and ends by itself',
}

export class Facts {
  settle = 1500
  slowest = 0
  latest = 0
  counts = {}
  violations = []

  /** A machine under load: what it may still have been doing when a client gave up lasts longer. */
  took(ms) {
    if (ms > this.slowest) this.slowest = ms
    this.settle = Math.max(1500, 2 * this.slowest)
  }

  /** How long the other process still said active after an acknowledged end. */
  late(ms) {
    this.latest = Math.max(this.latest, ms)
  }

  count(name, outcome) {
    const of = (this.counts[name] ??= {})
    of[outcome] = (of[outcome] ?? 0) + 1
  }

  violation(kind, text, evidence = []) {
    this.violations.push({ kind, text, evidence })
    this.onViolation?.()
  }

  possibleEnd = (op) => (op.o === 'unknown' ? op.e + this.settle : op.e)
}

/** What ends a person's codes and grants: each {s, e} from the first attempt to the acknowledgement. */
export class Person {
  disables = []
}

/** Times when a client was, or may have been, disabled; and deleted. */
export class Client {
  off = [] // {s, acked, on, onAcked}
  deletes = [] // {s, e}

  mayBeOff = (s, e) =>
    this.off.some((x) => x.s <= e && (x.onAcked ?? Infinity) >= s) || this.deletes.some((x) => x.s <= e)
  isOff = (s, e) =>
    this.off.some((x) => x.acked !== undefined && x.acked < s && (x.on ?? Infinity) > e) || this.deletes.some((x) => x.e !== undefined && x.e < s)
}
