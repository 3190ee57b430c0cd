// SPDX-License-Identifier: Apache-2.0
// The standard's text as plain as can be, for the keywords that are generated: it says who is right where two disagree. Formats are not
// decided here; `format` is a function (name, text) -> bool.
const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v)
const points = (text) => [...text].length

function typeFits(type, v) {
  switch (type) {
    case 'null': return v === null
    case 'array': return Array.isArray(v)
    case 'object': return isObject(v)
    case 'integer': return Number.isInteger(v)
    default: return typeof v === type
  }
}

export function equal(a, b) {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((v, i) => equal(v, b[i]))
  if (!isObject(a) || !isObject(b)) return false
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]))
}

/** In decimals, exactly. */
function isMultiple(v, of) {
  const digits = (n) => {
    const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(String(n))
    return { value: BigInt(sign + whole + fraction), scale: fraction.length - Number(exponent) }
  }
  const [a, b] = [digits(v), digits(of)]
  const scale = Math.max(a.scale, b.scale, 0)
  return (a.value * 10n ** BigInt(scale - a.scale)) % (b.value * 10n ** BigInt(scale - b.scale)) === 0n
}

class Check {
  constructor(root, format) {
    this.root = root
    this.format = format
  }

  /** What was looked at, or undefined if the value does not fit. */
  apply(s, v) {
    const seen = { names: new Set(), items: new Set() }
    if (typeof s === 'boolean') return s ? seen : undefined
    const take = (from) => {
      if (from === undefined) return false
      for (const name of from.names) seen.names.add(name)
      for (const item of from.items) seen.items.add(item)
      return true
    }
    const fits = this.ofValue(s, v) && this.ofBranches(s, v, take) && (!Array.isArray(v) || this.ofArray(s, v, seen)) && (!isObject(v) || this.ofObject(s, v, seen, take))
    return fits ? seen : undefined
  }

  ofValue(s, v) {
    if (s.type !== undefined && ![s.type].flat().some((type) => typeFits(type, v))) return false
    if (s.enum && !s.enum.some((e) => equal(e, v))) return false
    if ('const' in s && !equal(s.const, v)) return false
    if (typeof v === 'number') {
      if (v < s.minimum || v > s.maximum || v <= s.exclusiveMinimum || v >= s.exclusiveMaximum) return false
      if (s.multipleOf && !isMultiple(v, s.multipleOf)) return false
    }
    if (typeof v === 'string') {
      if (points(v) < s.minLength || points(v) > s.maxLength) return false
      if (s.pattern !== undefined && !new RegExp(s.pattern, 'u').test(v)) return false
      if (s.format && !this.format(s.format, v)) return false
    }
    return true
  }

  ofBranches(s, v, take) {
    const apply = (sub) => this.apply(sub, v)
    if (s.$ref && !take(apply(this.root.$defs[s.$ref.slice(8)]))) return false
    if (s.allOf && !s.allOf.map(apply).every(take)) return false
    if (s.anyOf && s.anyOf.map(apply).filter(take).length === 0) return false
    if (s.oneOf) {
      const fitting = s.oneOf.map(apply).filter((x) => x !== undefined)
      if (fitting.length !== 1) return false
      take(fitting[0])
    }
    if (s.not !== undefined && apply(s.not) !== undefined) return false
    if (s.if === undefined) return true
    const branch = take(apply(s.if)) ? s.then : s.else
    return branch === undefined || take(apply(branch))
  }

  ofArray(s, v, seen) {
    if (v.length < s.minItems || v.length > s.maxItems) return false
    if (s.uniqueItems && v.some((a, i) => v.slice(0, i).some((b) => equal(a, b)))) return false
    const prefix = s.prefixItems?.length ?? 0
    for (const [i, item] of v.entries()) {
      const sub = i < prefix ? s.prefixItems[i] : s.items
      if (sub === undefined) continue
      if (this.apply(sub, item) === undefined) return false
      seen.items.add(i)
    }
    if (s.contains !== undefined) {
      const found = [...v.keys()].filter((i) => this.apply(s.contains, v[i]) !== undefined)
      if (found.length < (s.minContains ?? 1) || found.length > s.maxContains) return false
      for (const i of found) seen.items.add(i)
    }
    if (s.unevaluatedItems === undefined) return true
    const rest = [...v.keys()].filter((i) => !seen.items.has(i))
    for (const i of rest) seen.items.add(i)
    return rest.every((i) => this.apply(s.unevaluatedItems, v[i]) !== undefined)
  }

  ofObject(s, v, seen, take) {
    const names = Object.keys(v)
    if (names.length < s.minProperties || names.length > s.maxProperties) return false
    if (s.required?.some((name) => !Object.hasOwn(v, name))) return false
    for (const [cause, needed] of Object.entries(s.dependentRequired ?? {})) if (Object.hasOwn(v, cause) && needed.some((name) => !Object.hasOwn(v, name))) return false
    for (const [cause, sub] of Object.entries(s.dependentSchemas ?? {})) if (Object.hasOwn(v, cause) && !take(this.apply(sub, v))) return false
    if (s.propertyNames !== undefined && names.some((name) => this.apply(s.propertyNames, name) === undefined)) return false
    for (const name of names) {
      const subs = Object.entries(s.patternProperties ?? {}).filter(([pattern]) => new RegExp(pattern, 'u').test(name)).map(([, sub]) => sub)
      if (s.properties && Object.hasOwn(s.properties, name)) subs.push(s.properties[name])
      if (subs.length === 0 && s.additionalProperties !== undefined) subs.push(s.additionalProperties)
      if (subs.some((sub) => this.apply(sub, v[name]) === undefined)) return false
      if (subs.length > 0) seen.names.add(name)
    }
    if (s.unevaluatedProperties === undefined) return true
    const rest = names.filter((name) => !seen.names.has(name))
    for (const name of rest) seen.names.add(name)
    return rest.every((name) => this.apply(s.unevaluatedProperties, v[name]) !== undefined)
  }
}

export const oracle = (root, v, format) => new Check(root, format).apply(root, v) !== undefined
