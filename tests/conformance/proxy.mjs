// SPDX-License-Identifier: Apache-2.0
// Stands on a loopback port before the MCP server and adds the access token of a person who signed in. Everything else goes through as it is, both
// ways and while it comes. By hand: node tests/conformance/proxy.mjs FILE, with the FILE that tests/conformance/serve wrote.
import { readFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { getTokens, refresh } from '../flow/lib/client.mjs'

/** Gives {url, close}. The token is refreshed long before it expires. */
export async function startProxy(instance, username = 'alice') {
  let tokens = await getTokens(instance, username)
  const { client } = tokens
  const renew = async () => {
    const answer = await refresh(instance, client, tokens.refresh_token)
    if (answer.status !== 200) throw new Error(`refresh: ${answer.status} ${answer.text}`)
    tokens = answer.json
  }
  const timer = setInterval(() => renew().catch((error) => console.error(error.message)), tokens.expires_in * 500)
  timer.unref()

  const server = createServer((from, to) => {
    const { hostname, port } = new URL(instance.mcp)
    const headers = [...from.rawHeaders, 'Authorization', `Bearer ${tokens.access_token}`]
    const through = request({ hostname, port, path: from.url, method: from.method, headers, setHost: false }, (answer) => {
      to.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders)
      to.flushHeaders()
      answer.pipe(to)
      answer.on('error', () => to.destroy())
    })
    through.on('error', () => to.destroy())
    to.on('close', () => through.destroy())
    from.pipe(through)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}${new URL(instance.mcp).pathname}`,
    close: () => {
      clearInterval(timer)
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const instance = JSON.parse(await readFile(process.argv[2], 'utf8'))
  instance.person = (name) => instance.people.find((person) => person.username === name)
  const proxy = await startProxy(instance)
  console.log(proxy.url)
}
