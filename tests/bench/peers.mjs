// SPDX-License-Identifier: Apache-2.0
// Other authorization servers, and other MCP servers, on the same core and the same PostgreSQL cluster, asked by the same load in the same round.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { freePort, memory, SERVER_CORE } from './instance.mjs'
import { startGlewlwyd } from './peers/glewlwyd.mjs'
import { startMcpServers, startToolbox } from './peers/mcp_servers.mjs'
import { startOidcProvider } from './peers/oidc_provider.mjs'

const START_MS = 15000

/** A server on the servers' core, until its path answers 200. */
async function startServer(instance, name, commandOf, path) {
  const port = await freePort()
  const command = await commandOf(port)
  const log = openSync(join(instance.folder, `${name.replace(/\W+/g, '-')}.log`), 'w')
  const began = performance.now()
  const child = spawn('taskset', ['-c', `${SERVER_CORE}`, ...command], { stdio: ['ignore', log, log], env: { ...process.env, NODE_ENV: 'production' } })
  closeSync(log)
  let ended = false
  child.on('exit', () => (ended = true))
  child.on('error', () => (ended = true))
  while (!(await fetch(`http://127.0.0.1:${port}${path}`).then((r) => r.ok, () => false))) {
    if (ended || performance.now() - began > START_MS) {
      child.kill()
      throw new Error(`${command[0]} does not start`)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return { port, pid: child.pid, child, start_ms: performance.now() - began, idle: await memory(child.pid) }
}

const isOfMcp = (operation) => operation.startsWith('tools-')

/** Those that are there and have something to do; and why the others are not. */
export async function startPeers(context, { names, goals }, say) {
  const { instance } = context
  const peers = []
  const wanted = []
  if (!names.every(isOfMcp)) wanted.push(['oidc-provider', startOidcProvider])
  if (!names.every(isOfMcp) && !goals) wanted.push(['Glewlwyd', startGlewlwyd]) // no goal speaks of it
  if (names.some(isOfMcp)) wanted.push(['SDK servers', startMcpServers], ['MCP Toolbox', startToolbox])
  for (const [name, start] of wanted) {
    try {
      const startProcess = async (...args) => {
        const server = await startServer(instance, ...args)
        instance.peerProcesses.push(server.child)
        return server
      }
      peers.push(...(await start(context, startProcess)))
    } catch (error) {
      say(`\n${name} is left out: ${error.message}\n`)
    }
  }
  await instance.pinPostgres()
  return peers
}
