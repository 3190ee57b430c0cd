// SPDX-License-Identifier: Apache-2.0
// One round of one operation: the daemon, the bare handler, pgbench.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cpuTime, cpuTimeOfFamily, runLoad, SERVER_CORE } from './instance.mjs'

const WARM_SECONDS = 0.3

async function load(instance, operation, port, seconds, requestText, lines) {
  const requestFile = join(instance.folder, 'request')
  const second = join(instance.folder, 'second')
  const bodies = join(instance.folder, 'bodies')
  await writeFile(requestFile, requestText)
  const options = operation.expect ? ['-e', operation.expect] : []
  if (operation.then) {
    await writeFile(second, operation.then.request(`127.0.0.1:${port}`))
    options.push('-t', second, operation.then.prefix)
  }
  const more = []
  if (lines) {
    await writeFile(bodies, `${lines.join('\n')}\n`)
    more.push(bodies, ...(operation.follow ?? []))
  }
  const answer = JSON.parse(await runLoad(instance.program('load'), ...options, `${port}`, `${operation.connections}`, `${seconds}`, requestFile, ...more))
  if (answer.errors > (operation.mayFail ? answer.requests / 2 : 0)) throw new Error(`${operation.name}: ${answer.errors} of ${answer.requests} requests failed`)
  return answer
}

async function measureDaemon(instance, operation, seconds, prepared) {
  const port = instance.port(operation.daemon)
  const text = operation.request(`127.0.0.1:${port}`)
  let lines = prepared.lines
  if (operation.warm) {
    const spare = operation.follow ? lines.slice(0, lines.length / 2) : lines
    if (operation.follow) lines = lines.slice(lines.length / 2)
    await load(instance, operation, port, WARM_SECONDS, text, spare)
  }
  const pid = instance.pids[operation.daemon]
  const before = [await cpuTime(pid), await cpuTimeOfFamily(instance.pids.postgres)]
  const answer = await load(instance, operation, port, seconds, text, lines)
  const after = [await cpuTime(pid), await cpuTimeOfFamily(instance.pids.postgres)]
  return { ...answer, cpu_us: (after[0] - before[0]) / answer.requests, postgres_us: (after[1] - before[1]) / answer.requests }
}

/** The same request with the bare handler's path; its answer is as long as the daemon's was. */
async function measureFloor(instance, operation, seconds, prepared, answerBytes) {
  const text = operation.request(`127.0.0.1:${instance.floorPort}`).replace(/^(\S+) \S+/, `$1 ${operation.floor}?${answerBytes}`)
  const body = prepared.lines?.[0] ?? ''
  const plain = text.replace('@BODY@', body)
  const bare = { ...operation, follow: undefined, then: undefined, expect: undefined }
  await load(instance, bare, instance.floorPort, WARM_SECONDS, plain)
  const before = await cpuTime(instance.floor.pid)
  const answer = await load(instance, bare, instance.floorPort, seconds, plain)
  return { ...answer, cpu_us: ((await cpuTime(instance.floor.pid)) - before) / answer.requests }
}

async function pgbench(instance, operation, clients, limit, { script, defines }) {
  const file = join(instance.folder, 'script.sql')
  await writeFile(file, script)
  const text = await runLoad(join(instance.postgresBin, 'pgbench'), '-n', '-M', 'prepared', '-c', `${clients}`, '-j', '1', ...limit,
    ...defines, '-f', file, '-d', instance.conninfoOf(operation.role ?? 'sallyport_authz'))
  const number = (pattern) => Number(pattern.exec(text)?.[1] ?? NaN)
  if (number(/number of failed transactions: (\d+)/) > 0) throw new Error(`${operation.name}: pgbench failed:\n${text}`)
  return {
    requests: number(/number of transactions actually processed: (\d+)/),
    per_second: number(/tps = ([\d.]+)/),
    mean_us: number(/latency average = ([\d.]+)/) * 1000,
  }
}

async function measurePgbench(instance, operation, options, prepared) {
  const limit = prepared.transactions ? ['-t', `${prepared.transactions}`] : ['-T', `${Math.max(1, Math.round(options.seconds))}`]
  const before = await cpuTimeOfFamily(instance.pids.postgres)
  const answer = await pgbench(instance, operation, options.clients, limit, prepared)
  const used = (await cpuTimeOfFamily(instance.pids.postgres)) - before
  if (prepared.verify) {
    const done = Number(await instance.sql(prepared.verify))
    if (done !== answer.requests) throw new Error(`${operation.name}: pgbench did ${answer.requests}, the database has ${done}`)
  }
  return { ...answer, postgres_us: used / answer.requests }
}

/** The same operation of another server, if it has it. */
async function measurePeer(instance, operation, peer, options) {
  const own = peer.operations[operation.name]
  if (own === undefined) return undefined
  const asked = { ...operation, follow: undefined, then: undefined, expect: undefined, ...own, mayFail: true }
  const prepared = (await own.prepare?.(2 * asked.connections)) ?? {}
  const half = prepared.lines?.length / 2
  const text = asked.request(`127.0.0.1:${peer.port}`)
  await load(instance, asked, peer.port, WARM_SECONDS, text, prepared.lines?.slice(0, half))
  const before = [await cpuTime(peer.pid), await cpuTimeOfFamily(instance.pids.postgres)]
  const answer = await load(instance, asked, peer.port, options.seconds, text, prepared.lines?.slice(half))
  const after = [await cpuTime(peer.pid), await cpuTimeOfFamily(instance.pids.postgres)]
  const good = answer.requests - answer.errors
  return { ...answer, connections: asked.connections, cpu_us: (after[0] - before[0]) / good, postgres_us: (after[1] - before[1]) / good }
}

async function measurePeers(instance, operation, peers, options) {
  const measured = {}
  for (const peer of peers) {
    const answer = await measurePeer(instance, operation, peer, options)
    if (answer) measured[peer.name] = answer
  }
  return measured
}

async function measureOwn(instance, operation, options, prepared) {
  const daemon = await measureDaemon(instance, operation, options.seconds, prepared)
  await operation.measured?.()
  return daemon
}

/** `big`: the same operation at the daemon whose tables are full. */
export async function measureRound(instance, operation, options, peers = [], big = undefined) {
  const prepared = (await operation.prepare?.()) ?? {}
  const daemon = await measureOwn(instance, operation, options, prepared)
  if (big) return { daemon, big: await measureOwn(big.instance, big.operation, options, (await big.operation.prepare?.()) ?? {}) }
  const h2o = await measureFloor(instance, operation, options.seconds, prepared, daemon.answer_bytes)
  const database = prepared.script ? await measurePgbench(instance, operation, options, prepared) : undefined
  return { daemon, h2o, pgbench: database, ...(await measurePeers(instance, operation, peers, options)) }
}

/** Milliseconds from exec to the first answer, and of CPU time, of a daemon that does not run. */
export async function measureStartOf(instance, name, configuration, port, times) {
  const { uid, gid } = instance.user
  const path = name === 'authz' ? 'GET /.well-known/oauth-authorization-server' : `POST ${new URL(instance.mcp).pathname}`
  const samples = []
  for (let i = 0; i < times; i++) {
    const text = await runLoad(instance.program('cold'), `${uid}`, `${gid}`, `${SERVER_CORE}`, `${port}`, path,
      name === 'authz' ? '200' : '401', instance.daemon(name), '-c', configuration, 'serve')
    samples.push(JSON.parse(text))
  }
  return samples
}

export const measureStart = (instance, name, times) => measureStartOf(instance, name, instance.configuration(name), instance.port(name), times)
