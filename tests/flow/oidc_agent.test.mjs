// SPDX-License-Identifier: Apache-2.0
// oidc-agent, the shell's OpenID client: it registers itself, waits for the browser's redirect, keeps the refresh token and hands out access tokens.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'node:test'
import { Browser, signInAndDecide } from './lib/browser.mjs'
import { atEnd, ENDS_WITH_US } from './lib/ending.mjs'
import { startInstance } from './lib/instance.mjs'
import { freePort } from './lib/programs.mjs'

const run = promisify(execFile)
const skip = !existsSync('/usr/bin/oidc-agent') && 'oidc-agent is not installed'

test('oidc-agent registers, signs in and renews', { skip }, async () => {
  const instance = await startInstance()
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-agent-'))
  const environment = { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, OIDC_CONFIG_DIR: folder }
  const { stdout } = await run('oidc-agent', ['--no-autoload'], { env: environment })
  for (const [, name, value] of stdout.matchAll(/^(OIDC_SOCK|OIDCD_PID)=([^;]+);/gm)) environment[name] = value
  atEnd('kill "$1"; rm -rf -- "$2"', environment.OIDCD_PID, folder)
  const port = await freePort()
  const agent = spawn('setpriv', [...ENDS_WITH_US, '--', 'oidc-gen', 'sallyport', `--issuer=${instance.issuer}`, '--scope=logs:read', `--port=${port}`, '--flow=code', '--no-url-call', '--pw-cmd=echo only-for-this-test', '--prompt=none', '--confirm-yes'],
    { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = '', opened
  const look = (text) => {
    printed += text
    const url = /https?:\/\/\S+\/authorize\?\S+/.exec(printed)
    if (url === null || opened !== undefined) return
    opened = signInAndDecide(new Browser(), url[0], instance.person('alice')).then((redirect) => fetch(redirect))
    opened.catch((error) => { printed += `\n${error.stack}`; agent.kill() })
  }
  agent.stdout.setEncoding('utf8').on('data', look)
  agent.stderr.setEncoding('utf8').on('data', look)
  const code = await new Promise((resolve) => agent.on('close', resolve))
  assert.equal(code, 0, printed)
  const first = (await run('oidc-token', ['sallyport'], { env: environment })).stdout.trim()
  const second = (await run('oidc-token', ['--force-new', 'sallyport'], { env: environment })).stdout.trim()
  const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
  assert.deepEqual(claims(first).scope.split(' ').sort(), ['logs:read', 'openid'])
  assert.notEqual(claims(first).jti, claims(second).jti)
  assert.equal(claims(first).grant_id, claims(second).grant_id)
})
