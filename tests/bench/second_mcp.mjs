// SPDX-License-Identifier: Apache-2.0
// MCP servers beside the measured one: the same resource on a port of their own, with other tools and settings.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { freePort, SERVER_CORE } from './instance.mjs'

/** A configuration file and a folder of tools (a list of objects); `settings`: members of mcp.yaml. */
export async function prepareMcp(instance, name, tools, settings = {}) {
  const etc = dirname(instance.configuration('mcp'))
  const folder = join(etc, `bench-${name}`)
  await mkdir(folder, { recursive: true })
  await Promise.all(tools.map((tool) => writeFile(join(folder, `${tool.name}.yaml`), JSON.stringify(tool))))
  const port = await freePort()
  const replaced = { listen: `127.0.0.1:${port}`, tools: `bench-${name}`, ...settings }
  const isReplaced = (line) => Object.keys(replaced).some((member) => line.startsWith(`${member}:`)) || /^(resources|prompts|upstreams|catalogue_file):/.test(line)
  const text = (await readFile(instance.configuration('mcp'), 'utf8')).replace(/^(audit_log|log): (.*)$/gm, `$1: $2.${name}`)
  const kept = text.split('\n').filter((line) => !isReplaced(line))
  const added = Object.entries(replaced).map(([member, value]) => `${member}: ${JSON.stringify(value)}`)
  const file = join(etc, `mcp-${name}.yaml`)
  await writeFile(file, [...kept, ...added, ''].join('\n'))
  await chmod(file, 0o644)
  return { name, file, folder, port }
}

/** Starts it on the servers' core; gives the instance as that server's operations see it. */
export async function startMcp(instance, { name, file, port }) {
  const { uid, gid } = instance.user
  const log = openSync(join(instance.folder, `mcp-${name}.log`), 'w')
  const rights = process.getuid() === 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] : []
  const command = [...rights, 'taskset', '-c', `${SERVER_CORE}`, instance.daemon('mcp'), '-c', file, 'serve']
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', log, log] })
  closeSync(log)
  let ended = false
  child.on('exit', () => (ended = true))
  instance.peerProcesses.push(child)
  const address = `http://127.0.0.1:${port}${new URL(instance.mcp).pathname}`
  for (let i = 0; !(await fetch(address, { method: 'POST' }).then((r) => r.status === 401, () => false)); i++) {
    if (ended || i > 500) throw new Error(`the MCP server of ${file} does not start: ${await readFile(join(instance.folder, `mcp-${name}.log`), 'utf8')}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const stop = () => new Promise((resolve) => {
    if (ended) return resolve()
    child.on('exit', resolve)
    child.kill()
  })
  return { port, pid: child.pid, address, stop }
}
