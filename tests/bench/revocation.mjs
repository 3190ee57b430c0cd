// SPDX-License-Identifier: Apache-2.0
// How long a token that mcp knows still opens it after authz has answered its revocation. A tenth are revoked with their grant, the others alone.
import { performance } from 'node:perf_hooks'
import { CodeMaker } from './codes.mjs'
import { modern, postForm, refresh, register } from '../flow/lib/client.mjs'

const AT_ONCE = 8
const GRANT_EACH = 10
const GIVEN_UP_MS = 30000

async function demand(status, answer, what) {
  if (answer.status !== status) throw new Error(`${what}: ${answer.status} ${answer.text}`)
  return answer
}

const list = (instance, token) => modern(instance, token, 'tools/list')

/** From the answer of /revoke until the first refusal has come, in milliseconds. */
async function revokeOne(instance, client, accessToken, token) {
  await demand(200, await list(instance, accessToken), 'tools/list')
  await demand(200, await postForm(`${instance.issuer}/revoke`, { token, client_id: client.client_id }), 'revoke')
  const revoked = performance.now()
  for (;;) {
    const answer = await list(instance, accessToken)
    const passed = performance.now() - revoked
    if (answer.status === 401) return passed
    await demand(200, answer, 'tools/list')
    if (passed > GIVEN_UP_MS) throw new Error(`a revoked token is believed after ${GIVEN_UP_MS} ms`)
  }
}

/** Access tokens of one grant, each revoked alone, then the grant. */
async function spendGrant(instance, client, first, count, took) {
  let tokens = first
  for (let i = 1; i < count; i++) {
    took.push(await revokeOne(instance, client, tokens.access_token, tokens.access_token))
    tokens = (await demand(200, await refresh(instance, client, tokens.refresh_token), 'refresh')).json
  }
  took.push(await revokeOne(instance, client, tokens.access_token, tokens.refresh_token))
}

export async function measureRevocations(instance, count, say) {
  const client = await register(instance.issuer, { client_name: 'Bench of revocations' })
  const maker = new CodeMaker(instance, client, 'alice')
  const took = []
  const started = performance.now()
  let left = count
  while (left > 0) {
    const grants = await maker.tokens(Math.min(AT_ONCE, Math.ceil(left / GRANT_EACH)))
    await Promise.all(grants.map((tokens) => {
      const share = Math.min(GRANT_EACH, left)
      left -= share
      return share > 0 ? spendGrant(instance, client, tokens, share, took) : undefined
    }))
    say(`\r${took.length} of ${count} revocations`)
  }
  say('\n')
  took.sort((a, b) => a - b)
  const quantile = (share) => took[Math.min(took.length - 1, Math.ceil(share * took.length) - 1)]
  return { count: took.length, seconds: (performance.now() - started) / 1000, p50: quantile(0.5), p99: quantile(0.99), p9999: quantile(0.9999), max: took.at(-1) }
}

export function revocationLine(r) {
  const ms = (value) => `${value.toFixed(1)} ms`
  return `${r.count} revocations in ${r.seconds.toFixed(0)} s, from the answer of authz to the refusal at mcp: ` +
    `p50 ${ms(r.p50)}, p99 ${ms(r.p99)}, p99.99 ${ms(r.p9999)}, longest ${ms(r.max)} (goal: p99.99 under 1 s: ${r.p9999 < 1000 ? 'met' : 'missed'})`
}
