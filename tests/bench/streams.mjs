// SPDX-License-Identifier: Apache-2.0
// The operation `streams`: what an idle stream weighs. Opens GET streams of 2025-06-18 at an mcp of its own and reads its resident memory.
// As many need 20,000 file descriptors (ulimit -Hn): no more than half of them are for streams.
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { prepareMcp, startMcp } from './second_mcp.mjs'
import { FIXED_TOOL } from './tools.mjs'

const COUNTS = [1000, 10000]
const AT_ONCE = 100
const SETTINGS = { streams: { all: 15000, per_caller: 15000 }, connections_per_address: 20000 }

const resident = async (pid) => 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1])

function opener(address, token) {
  const { hostname, port, pathname } = new URL(address)
  const head = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${token}\r\nAccept: text/event-stream\r\nUser-Agent: node\r\nMCP-Protocol-Version: 2025-06-18\r\n\r\n`
  return () =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write(head))
      socket.on('error', reject)
      socket.once('data', (bytes) => (/^HTTP\/1\.1 200 /.test(bytes) ? resolve(socket) : reject(new Error(String(bytes)))))
    })
}

/** For each count: the bytes of one stream beyond the first, and all that the process has. */
export async function measureStreams({ instance, token }, say) {
  say('\nstreams:')
  const server = await startMcp(instance, await prepareMcp(instance, 'streams', [FIXED_TOOL], SETTINGS))
  const open = opener(server.address, token)
  const sockets = [await open()]
  const before = await resident(server.pid)
  const results = []
  try {
    for (const count of COUNTS) {
      say(` ${count}`)
      while (sockets.length < count) sockets.push(...(await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, open))))
      const all = await resident(server.pid)
      results.push({ streams: count, bytes_per_stream: (all - before) / (count - 1), resident: all })
    }
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.stop()
    say('\n')
  }
  return results
}
