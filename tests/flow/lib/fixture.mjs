// SPDX-License-Identifier: Apache-2.0
// An MCP server of the test's own: sallyport-mcp-fixture (tests/conformance) with the files that the test writes, beside the instance's.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { deriveConfig, etc, freePort, home, startDaemon, writeEtc } from './programs.mjs'

const run = promisify(execFile)
const top = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const digest = async (file) => createHash('sha256').update(await readFile(file)).digest('hex')

/** The folder that the instance's programs were built in. */
async function buildFolder(instance) {
  const wanted = await digest(instance.program('sallyport-mcp'))
  for (const name of await readdir(join(top, 'build'))) {
    const folder = join(top, 'build', name)
    if (await digest(join(folder, 'sallyport-mcp')).then((found) => found === wanted, () => false)) return folder
  }
  throw new Error('the build of this instance is not found')
}

/** A tool of the script backend, as YAML (JSON is YAML). */
export const tool = (name, script, more = {}) =>
  [`tools/${name}.yaml`, { name, title: name, description: `Test tool ${name}`, scope: 'logs:read', tier: 'read', input: { type: 'object', additionalProperties: false, properties: {} }, script, ...more }]

let installed

/** Starts one; `files`: [path below its folder, content] pairs. It takes the tokens of the instance's resource. */
export async function startFixture(instance, name, files, ...changes) {
  installed ??= (async () => {
    const folder = await buildFolder(instance)
    await run('make', ['-C', folder, 'tests/conformance/sallyport-mcp-fixture'], { maxBuffer: 64 << 20 })
    await copyFile(join(folder, 'tests/conformance/sallyport-mcp-fixture'), join(home(instance), 'prefix', 'sbin', 'sallyport-mcp-fixture'))
  })()
  await installed
  const port = await freePort()
  for (const folder of ['tools', 'resources', 'prompts']) await mkdir(etc(instance, `${name}/${folder}`), { recursive: true, mode: 0o755 })
  for (const [path, content] of files) await writeEtc(instance, `${name}/${path}`, JSON.stringify(content))
  const config = await readFile(etc(instance, 'mcp.yaml'), 'utf8')
  await deriveConfig(instance, 'mcp.yaml', `${name}.yaml`, [
    [/^listen: .*$/m, `listen: 127.0.0.1:${port}`],
    ...['tools', 'resources', 'prompts'].flatMap((folder) => {
      const line = new RegExp(`^${folder}: .*$`, 'm')
      const own = files.some(([path]) => path.startsWith(`${folder}/`)) ? `${folder}: ${name}/${folder}` : ''
      return line.test(config) ? [[line, own]] : own !== '' ? [own] : []
    }),
    ...changes,
  ])
  const daemon = await startDaemon(instance, 'mcp-fixture', `${name}.yaml`)
  return { url: `http://127.0.0.1:${port}/mcp`, port, daemon }
}

/** Reads the events of an answer: next() gives {id, retry, data} with data as JSON, or undefined at the end. */
export function events(response) {
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  const comments = []
  const next = async () => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end === -1) {
        const { value, done } = await reader.read()
        if (done) return undefined
        text += decoder.decode(value, { stream: true })
        continue
      }
      const event = {}
      for (const line of text.slice(0, end).split('\n')) {
        const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line)
        if (field === '') comments.push(value)
        else event[field] = field === 'data' && value !== '' ? JSON.parse(value) : value
      }
      text = text.slice(end + 2)
      if (Object.keys(event).length > 0) return event
    }
  }
  /** All that follows. */
  const rest = async () => {
    const all = []
    for (let event = await next(); event !== undefined; event = await next()) all.push(event)
    return all
  }
  return { next, rest, comments, cancel: () => reader.cancel() }
}
