// SPDX-License-Identifier: Apache-2.0
// Schemas and instances from a seed: the same seed gives the same ones. Few names and few values, so that they meet.

/** mulberry32 */
export class Random {
  constructor(seed) {
    this.state = seed >>> 0
  }

  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  below(n) {
    return this.next() % n
  }

  one(list) {
    return list[this.below(list.length)]
  }

  some(list) {
    return list.filter(() => this.below(2) === 0)
  }

  /** True once in n times. */
  chance(n) {
    return this.below(n) === 0
  }
}

const NAMES = ['a', 'b', 'c', 'id', 'name', 'longer_name', '', 'a/b', 'ä']
const TEXTS = ['', 'a', 'b', 'ab', 'abc', 'a-b', 'A1', '12', 'ä', '😀', 'aä😀', 'long text of many characters', ' ', 'a\nb', 'id', 'x'.repeat(70)]
const NUMBERS = [0, 1, -1, 2, 3, 5, 10, 0.5, 1.5, -2.5, 0.1, 0.3, 19.99, 1e3, 123456789, 9007199254740991, -9007199254740991, 1e-7, 2.5e10]
const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']
const FORMATS = ['date', 'time', 'date-time', 'ipv4', 'ipv6', 'uuid', 'json-pointer', 'email', 'hostname', 'uri', 'uri-reference', 'duration', 'regex']
const FORMATTED = [
  '2026-02-28', '2026-02-29', '2024-02-29', '2026-13-01', '12:00:00Z', '12:00:00', '25:00:00Z', '12:00:00.5+01:00', '2026-01-31T12:00:00Z', '2026-01-31',
  '192.0.2.1', '256.0.0.1', '1.2.3', '01.2.3.4', '::1', '2001:db8::1', '1::2::3', 'g::1', '01234567-89ab-cdef-0123-456789abcdef', '0123', '/a/0', '/a~2', 'a/0', '',
  'a@example.com', 'a.example.com', 'a@', '@b', 'example.com', '-a.com', 'a..b', 'https://example.com/a?b#c', '/a', 'a b', 'P1D', 'P', 'PT1S', 'P1', '^a+$', '(',
]
const ATOMS = ['a', 'b', 'c', '-', '1', 'ä', '[a-c]', '[^a]', '\\d', '\\w', '\\s', '\\D', '.', '(?:ab)', '(a|b)', '[ä-ü😀]', '\\u{1F600}', '[\\w-]', '(?=a)', '\\b', '(a)\\1', '\\p{L}']
const REPEATS = ['', '', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?']

function pattern(r) {
  let text = r.chance(2) ? '^' : ''
  for (let i = r.below(4); i >= 0; i--) {
    const atom = r.one(ATOMS)
    text += atom === '\\b' || atom === '(?=a)' ? atom : atom + r.one(REPEATS)
    if (r.chance(8)) text += '|'
  }
  return text + (r.chance(2) ? '$' : '')
}

export function value(r, depth = 0) {
  const kind = r.below(depth > 2 ? 5 : 8)
  if (kind === 0) return r.one([null, true, false])
  if (kind < 3) return r.one(NUMBERS)
  if (kind < 5) return r.chance(3) ? r.one(FORMATTED) : r.one(TEXTS)
  if (kind < 6) return Array.from({ length: r.below(5) }, () => value(r, depth + 1))
  return members(r, () => value(r, depth + 1))
}

function members(r, make, names = NAMES) {
  return Object.fromEntries(Array.from({ length: r.below(5) }, () => [r.one(names), make()]))
}

const count = (r) => r.below(5)

/** Each adds a keyword or a few that belong together. */
const KEYWORDS = [
  (r, s) => void (s.type = r.chance(3) ? [...new Set([r.one(TYPES), r.one(TYPES)])] : r.one(TYPES)),
  (r, s) => void (s.enum = Array.from({ length: 1 + r.below(4) }, () => value(r, 1))),
  (r, s) => void (s.const = value(r, 1)),
  (r, s) => void (s[r.one(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'])] = r.one(NUMBERS)),
  (r, s) => void (s.multipleOf = r.one([1, 2, 3, 5, 0.5, 0.1, 0.01, 1.5, 10])),
  (r, s) => void (s[r.one(['minLength', 'maxLength'])] = r.one([0, 1, 2, 3, 5, 60, 70])),
  (r, s) => void (s.pattern = pattern(r)),
  (r, s) => void (s.format = r.one(FORMATS)),
  (r, s) => void (s[r.one(['minItems', 'maxItems', 'minProperties', 'maxProperties'])] = count(r)),
  (r, s) => void (s.uniqueItems = true),
  (r, s) => void (s.required = [...new Set(r.some(NAMES))].slice(0, 3)),
  (r, s) => void (s.dependentRequired = members(r, () => r.some(NAMES).slice(0, 2))),
  (r, s, sub) => void (s.properties = members(r, sub)),
  (r, s, sub) => void (s.properties = members(r, sub)),
  (r, s, sub) => void (s.patternProperties = Object.fromEntries([[pattern(r), sub()]])),
  (r, s, sub) => void (s.additionalProperties = r.chance(2) ? false : sub()),
  (r, s, sub) => void (s.propertyNames = sub()),
  (r, s, sub) => void (s.dependentSchemas = members(r, sub)),
  (r, s, sub) => void (s.items = sub()),
  (r, s, sub) => void (s.prefixItems = Array.from({ length: 1 + r.below(3) }, sub)),
  (r, s, sub) => Object.assign(s, { contains: sub() }, r.chance(2) ? { minContains: r.below(3) } : {}, r.chance(2) ? { maxContains: 1 + r.below(3) } : {}),
  (r, s, sub) => void (s[r.one(['allOf', 'anyOf', 'oneOf'])] = Array.from({ length: 1 + r.below(3) }, sub)),
  (r, s, sub) => void (s.not = sub()),
  (r, s, sub) => Object.assign(s, { if: sub() }, r.chance(3) ? {} : { then: sub() }, r.chance(3) ? {} : { else: sub() }),
  (r, s, sub) => void (s.unevaluatedProperties = r.chance(2) ? false : sub()),
  (r, s, sub) => void (s.unevaluatedItems = r.chance(2) ? false : sub()),
  (r, s) => void (s.$ref = `#/$defs/${r.one(['x', 'y'])}`),
]

function schema(r, depth) {
  if (r.chance(12)) return r.chance(2)
  const ret = {}
  for (let i = 1 + r.below(depth === 0 ? 4 : 3); i > 0; i--) {
    const keyword = r.one(depth > 2 ? KEYWORDS.slice(0, 12) : KEYWORDS)
    keyword(r, ret, () => schema(r, depth + 1))
  }
  return ret
}

/** $defs are leaves, or refer to the other one below a member: no circle stays on one value. */
export function document(r) {
  const ret = schema(r, 0)
  if (typeof ret !== 'object') return ret
  const leaf = () => schema(r, 3)
  ret.$defs = { x: r.chance(3) ? { properties: { a: { $ref: '#/$defs/y' }, b: leaf() } } : leaf(), y: r.chance(4) ? { items: { $ref: '#/$defs/x' } } : leaf() }
  return ret
}

/** Values that the schema speaks of, so that some fit. */
function wanted(r, s, root, depth) {
  if (typeof s !== 'object' || depth > 4 || r.chance(8)) return value(r, depth)
  if (s.$ref && r.chance(2)) return wanted(r, root.$defs[s.$ref.slice(8)], root, depth + 1)
  if ('const' in s) return s.const
  if (s.enum) return r.one(s.enum)
  const branches = [...(s.allOf ?? []), ...(s.anyOf ?? []), ...(s.oneOf ?? []), ...(s.then ? [s.then] : [])]
  if (branches.length > 0 && r.chance(2)) return wanted(r, r.one(branches), root, depth + 1)
  if (s.properties || s.required || s.additionalProperties !== undefined || s.unevaluatedProperties !== undefined) {
    const made = {}
    for (const name of s.required ?? []) made[name] = value(r, depth + 1)
    for (const [name, sub] of Object.entries(s.properties ?? {})) if (!r.chance(3)) made[name] = wanted(r, sub, root, depth + 1)
    if (r.chance(4)) made[r.one(NAMES)] = value(r, depth + 1)
    return made
  }
  if (s.items !== undefined || s.prefixItems || s.contains !== undefined || s.uniqueItems || s.unevaluatedItems !== undefined)
    return Array.from({ length: r.below(5) }, (_, i) => wanted(r, s.prefixItems?.[i] ?? s.items ?? s.contains ?? true, root, depth + 1))
  if (s.type === 'integer' || s.type === 'number' || s.minimum !== undefined || s.multipleOf) return r.one(NUMBERS)
  if (s.type === 'string' || s.pattern || s.format || s.minLength) return s.format ? r.one(FORMATTED) : r.one(TEXTS)
  return value(r, depth)
}

export const instance = (r, root) => (r.chance(4) ? value(r) : wanted(r, root, root, 0))
