// SPDX-License-Identifier: Apache-2.0
// What the operation `schema` measures: schemas as tools have them, each with instances that differ, of which all are valid.
import { createHash } from 'node:crypto'

const INSTANCES = 32

/** The same numbers in every run: `range(n)` below n. */
class Numbers {
  constructor(name) {
    this.name = name
    this.count = 0
  }

  range(n) {
    return createHash('sha256').update(`${this.name} ${this.count++}`).digest().readUInt32BE() % n
  }

  of(list) {
    return list[this.range(list.length)]
  }

  digits(n) {
    return `${this.range(10 ** n)}`.padStart(n, '0')
  }

  uuid() {
    const hex = createHash('sha256').update(`${this.name} ${this.count++}`).digest('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  }
}

const WORDS = ['checkout', 'payment', 'search', 'inventory', 'mailer', 'gateway', 'ledger', 'notifier']
const PEOPLE = ['Ada Lovelace', 'Grace Hopper', 'Zoë Müller', 'Nguyễn Văn An', 'Alan Turing', 'Katherine Johnson']

const flat = {
  name: 'flat arguments, patterns',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['service', 'since'],
    properties: {
      service: { type: 'string', pattern: '^[a-z][a-z0-9-]{0,62}$' },
      since: { type: 'string', pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$' },
      level: { enum: ['debug', 'info', 'warning', 'error'] },
      contains: { type: 'string', minLength: 1, maxLength: 200 },
      limit: { type: 'integer', minimum: 1, maximum: 1000 },
      follow: { type: 'boolean' },
    },
  },
  instance: (n) => ({
    service: `${n.of(WORDS)}-${n.range(100)}`,
    since: `2026-0${1 + n.range(9)}-1${n.range(10)}T1${n.range(10)}:4${n.range(10)}:0${n.range(10)}Z`,
    level: n.of(['debug', 'info', 'warning', 'error']),
    contains: `timeout of ${n.of(WORDS)}`,
    limit: 1 + n.range(1000),
    follow: n.range(2) === 1,
  }),
}

const SHIPMENTS = [
  (n) => ({ kind: 'parcel', weight_grams: 1 + n.range(30000), insured: n.range(2) === 1 }),
  (n) => ({ kind: 'letter', registered: n.range(2) === 1 }),
  (n) => ({ kind: 'pickup', shop: `S-${n.digits(4)}`, until: `2026-12-${10 + n.range(20)}` }),
]

const nested = {
  name: 'nested object, oneOf',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['order', 'customer', 'shipment'],
    properties: {
      order: { type: 'string', pattern: '^[A-Z]{2}-[0-9]{6}$' },
      customer: {
        type: 'object',
        required: ['name', 'address'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 100 },
          address: {
            type: 'object',
            required: ['street', 'city', 'country'],
            properties: {
              street: { type: 'string', maxLength: 200 },
              city: { type: 'string', maxLength: 100 },
              country: { type: 'string', minLength: 2, maxLength: 2 },
            },
          },
        },
      },
      shipment: {
        oneOf: [
          {
            type: 'object',
            required: ['kind', 'weight_grams'],
            additionalProperties: false,
            properties: { kind: { const: 'parcel' }, weight_grams: { type: 'integer', minimum: 1, maximum: 30000 }, insured: { type: 'boolean' } },
          },
          {
            type: 'object',
            required: ['kind'],
            additionalProperties: false,
            properties: { kind: { const: 'letter' }, registered: { type: 'boolean' } },
          },
          {
            type: 'object',
            required: ['kind', 'shop'],
            additionalProperties: false,
            properties: { kind: { const: 'pickup' }, shop: { type: 'string', pattern: '^S-[0-9]{4}$' }, until: { type: 'string', maxLength: 10 } },
          },
        ],
      },
    },
  },
  instance: (n) => ({
    order: `OR-${n.digits(6)}`,
    customer: { name: n.of(PEOPLE), address: { street: `${n.of(WORDS)} street ${n.range(200)}`, city: 'Saarbrücken', country: 'DE' } },
    shipment: n.of(SHIPMENTS)(n),
  }),
}

const rows = {
  name: 'array of 500 objects',
  schema: {
    type: 'array',
    maxItems: 1000,
    items: {
      type: 'object',
      required: ['id', 'name', 'amount', 'status'],
      properties: {
        id: { type: 'integer', minimum: 1 },
        name: { type: 'string', minLength: 1, maxLength: 80 },
        amount: { type: 'number' },
        status: { enum: ['open', 'paid', 'cancelled'] },
        tags: { type: 'array', items: { type: 'string' }, maxItems: 8 },
      },
    },
  },
  instances: 1,
  instance: (n) => Array.from({ length: 500 }, (_, i) => ({
    id: 1 + i,
    name: `${n.of(WORDS)} ${n.range(1000)}`,
    amount: n.range(1_000_000) / 100,
    status: n.of(['open', 'paid', 'cancelled']),
    tags: [n.of(WORDS), n.of(WORDS)],
  })),
}

const closedRows = {
  ...rows,
  name: 'the same, no other members',
  schema: { ...rows.schema, items: { ...rows.schema.items, additionalProperties: false } },
}

const formats = {
  name: 'formats',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['id', 'mail', 'created'],
    properties: {
      id: { type: 'string', format: 'uuid' },
      mail: { type: 'string', format: 'email' },
      created: { type: 'string', format: 'date-time' },
      birthday: { type: 'string', format: 'date' },
      home: { type: 'string', format: 'uri' },
      address: { type: 'string', format: 'ipv4' },
      host: { type: 'string', format: 'hostname' },
    },
  },
  instance: (n) => ({
    id: n.uuid(),
    mail: `${n.of(WORDS)}.${n.range(1000)}@example.com`,
    created: `2026-0${1 + n.range(9)}-1${n.range(10)}T1${n.range(10)}:4${n.range(10)}:0${n.range(10)}.${n.digits(3)}Z`,
    birthday: `19${n.digits(2)}-0${1 + n.range(9)}-2${n.range(9)}`,
    home: `https://${n.of(WORDS)}.example.com/a/${n.range(1000)}?q=${n.of(WORDS)}#top`,
    address: `10.${n.range(256)}.${n.range(256)}.${n.range(256)}`,
    host: `${n.of(WORDS)}-${n.range(100)}.example.com`,
  }),
}

const unevaluated = {
  name: 'unevaluatedProperties, $ref',
  schema: {
    allOf: [{ $ref: '#/$defs/named' }, { $ref: '#/$defs/dated' }],
    type: 'object',
    properties: { kind: { enum: ['task', 'note'] } },
    required: ['kind'],
    unevaluatedProperties: false,
    $defs: {
      named: {
        type: 'object',
        properties: { id: { $ref: '#/$defs/id' }, title: { type: 'string', minLength: 1, maxLength: 120 }, parent: { $ref: '#/$defs/id' } },
        required: ['id', 'title'],
      },
      dated: {
        type: 'object',
        properties: { due: { type: 'string', maxLength: 10 }, done: { type: 'boolean' }, text: { type: 'string', maxLength: 4000 } },
      },
      id: { type: 'integer', minimum: 1 },
    },
  },
  instance: (n) => {
    const named = { id: 1 + n.range(1000), title: `${n.of(WORDS)}: ${n.of(PEOPLE)}`, parent: 1 + n.range(1000) }
    return n.range(2) === 1
      ? { ...named, kind: 'task', due: `2026-12-${10 + n.range(20)}`, done: n.range(2) === 1 }
      : { ...named, kind: 'note', text: `The ${n.of(WORDS)} waits for ${n.of(PEOPLE)}, who is on holiday.` }
  },
}

// Without branches beside unevaluatedProperties: there ajv refuses what fits.
export const SCHEMA_CASES = [flat, nested, rows, closedRows, formats, unevaluated].map(({ name, schema, instance, instances = INSTANCES }) => {
  const numbers = new Numbers(name)
  return { name, schema, instances: Array.from({ length: instances }, () => instance(numbers)) }
})
