// SPDX-License-Identifier: Apache-2.0
// What an idle stream weighs: opens GET streams at a sallyport-mcp and reads its resident memory.
//
//     node streams.mjs URL TOKEN PID [COUNT]...
//
// The server's configuration has to let one caller and one address have as many: streams and connections_per_address.
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'

const [url, token, pid, ...counts] = process.argv.slice(2)
const { hostname, port, pathname } = new URL(url)
const resident = async () => 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1])
const head = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${token}\r\nAccept: text/event-stream\r\nUser-Agent: node\r\nMCP-Protocol-Version: 2025-06-18\r\n\r\n`

const open = () =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(head))
    socket.on('error', reject)
    socket.once('data', (bytes) => (/^HTTP\/1\.1 200 /.test(bytes) ? resolve(socket) : reject(new Error(String(bytes)))))
  })

const sockets = [await open()]
const before = await resident()
for (const count of counts.length > 0 ? counts.map(Number) : [1000, 10000]) {
  while (sockets.length <= count) sockets.push(...(await Promise.all(Array.from({ length: Math.min(100, count + 1 - sockets.length) }, open))))
  const bytes = (await resident()) - before
  console.log(JSON.stringify({ streams: count, bytes, bytes_per_stream: Math.round(bytes / count) }))
}
for (const socket of sockets) socket.destroy()
