// SPDX-License-Identifier: Apache-2.0
// Killed daemons and an absent database: 503 meanwhile, nothing acknowledged is lost, and all recovers by itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getCode, getTokens, modern, redeem, refresh, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const instance = await startInstance()

async function until(what, check) {
  const end = Date.now() + 20000
  for (;;) {
    const value = await check().catch(() => undefined)
    if (value) return value
    if (Date.now() > end) throw new Error(`waited too long: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const isGone = (pid) => async () => {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}

test('kill -9 of authz loses no grant and no code', async () => {
  const tokens = await getTokens(instance, 'alice')
  const client = await register(instance.issuer)
  const got = await getCode(instance, client, 'alice')
  const pid = instance.pids.authz
  process.kill(pid, 'SIGKILL')
  await until('authz to be gone', isGone(pid))
  await instance.startAgain()
  assert.equal((await redeem(instance, client, got)).status, 200)
  const rotated = await refresh(instance, tokens.client, tokens.refresh_token)
  assert.equal(rotated.status, 200)
  const retried = await refresh(instance, tokens.client, tokens.refresh_token)
  assert.equal(retried.json.refresh_token, rotated.json.refresh_token)
})

test('kill -9 of mcp: the same token works again', async () => {
  const tokens = await getTokens(instance, 'alice')
  const pid = instance.pids.mcp
  process.kill(pid, 'SIGKILL')
  await until('mcp to be gone', isGone(pid))
  await instance.startAgain()
  assert.equal((await modern(instance, tokens.access_token, 'tools/list')).status, 200)
})

test('without authz, a known token goes on and an unknown one gets 503, never 401', async () => {
  const known = await getTokens(instance, 'alice')
  const fresh = await getTokens(instance, 'alice')
  assert.equal((await modern(instance, known.access_token, 'tools/list')).status, 200)
  const pid = instance.pids.authz
  process.kill(pid, 'SIGKILL')
  await until('authz to be gone', isGone(pid))
  assert.equal((await modern(instance, known.access_token, 'tools/list')).status, 200)
  const answer = await modern(instance, fresh.access_token, 'tools/list')
  assert.equal(answer.status, 503)
  assert.equal(answer.headers.get('www-authenticate'), null)
  await instance.startAgain()
  await until('the fresh token to be accepted', async () => (await modern(instance, fresh.access_token, 'tools/list')).status === 200)
})

test('the database goes and comes back', async () => {
  const tokens = await getTokens(instance, 'alice')
  const pid = instance.pids.postgres
  process.kill(pid, 'SIGQUIT') // immediate shutdown: like a crash
  await until('postgres to be gone', isGone(pid))
  const answer = await refresh(instance, tokens.client, tokens.refresh_token)
  assert.equal(answer.status, 503)
  assert.ok(answer.headers.get('retry-after'))
  assert.equal((await fetch(`${instance.issuer}/jwks`)).status, 200)
  const pids = { ...instance.pids }
  await instance.startAgain()
  assert.equal(instance.pids.authz, pids.authz, 'authz was not started again')
  const rotated = await until('authz to reconnect', async () => {
    const again = await refresh(instance, tokens.client, tokens.refresh_token)
    return again.status === 200 ? again : undefined
  })
  assert.ok(rotated.json.refresh_token)
  const call = await until('mcp to reconnect', async () => {
    const again = await modern(instance, rotated.json.access_token, 'tools/call', { name: 'deployment_status', arguments: { service: 'checkout' } })
    return again.status === 200 && !again.json.result.isError ? again : undefined
  })
  assert.ok(call.json.result.structuredContent.rows.length > 0)
})
