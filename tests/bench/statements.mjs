// SPDX-License-Identifier: Apache-2.0
// What the daemons prepare, read from where they have it, as scripts for pgbench.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { top } from './instance.mjs'

/** The text of a run of C string literals. */
function literals(source) {
  return [...source.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => JSON.parse(`"${match[1]}"`)).join('')
}

/** A prepared statement of the authorization server. */
export async function authzStatement(name) {
  const source = await readFile(join(top, 'authz', 'store.c'), 'utf8')
  const columns = literals(/#define CLIENT_COLUMNS\s*\\?\n?((?:.*\\\n)*.*)/.exec(source)[1])
  const found = new RegExp(`\\{"${name}",([\\s\\S]*?)\\},\\n`).exec(source)
  if (found === null) throw new Error(`authz/store.c has no statement ${name}`)
  return literals(found[1].replaceAll('CLIENT_COLUMNS', JSON.stringify(columns)))
}

/** The statement of a tool of the sample, behind the one that sets its bounds: one implicit transaction, as at the daemon. */
export async function toolStatements(name) {
  const source = await readFile(join(top, 'mcp', 'catalogue', 'catalogue.c'), 'utf8')
  const tool = await readFile(join(top, 'contrib', 'samples', 'company', 'tools', `${name}.yaml`), 'utf8')
  return {
    bounds: ['WRITE', 'READ'].map((name) => literals(new RegExp(`#define ${name}_BOUNDS (.*)`).exec(source)[1])).join(''), // the second is the first and more
    statement: /^ {2}statement: (.*)$/m.exec(tool)[1],
  }
}

/**
 * Puts values into $1, $2, ...: null, {sql: an expression}, or a text, which becomes a variable of the script.
 * Gives the text and the options that define the variables.
 */
export function bind(statement, values, prefix = 'v') {
  const defines = []
  const places = values.map((value, i) => {
    if (value === null || value === undefined) return 'NULL'
    if (value === '') return "''" // pgbench takes no empty variable
    if (value.sql !== undefined) return value.sql
    defines.push('-D', `${prefix}${i}=${value}`)
    return `:${prefix}${i}`
  })
  return { text: statement.replace(/\$(\d+)/g, (_, n) => places[n - 1]), defines }
}
