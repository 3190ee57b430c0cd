// SPDX-License-Identifier: Apache-2.0
// The tools that the benchmark adds.

export const SAID = 'hello world'

/** Takes a text, which is checked, and says it back where only one is ever said: nothing is asked of anybody. */
export const FIXED_TOOL = {
  name: 'bench_hello',
  title: 'Say hello',
  description: 'Echo a text',
  scope: 'logs:read',
  tier: 'read',
  input: { type: 'object', additionalProperties: false, required: ['text'], properties: { text: { type: 'string', maxLength: 1000 } } },
  static: { content: [{ type: 'text', text: SAID }] },
}
export const FIXED_CALL = { name: FIXED_TOOL.name, arguments: { text: SAID } }
