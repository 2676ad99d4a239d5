import { format, inspect } from 'node:util';
import { Plaintext } from '../../src/crypto/plaintext.js';

describe('a plaintext', () => {
  const value = new Plaintext('canary-4711');

  it('gives its value to whoever asks for it by name', () => {
    expect(value.reveal()).toBe('canary-4711');
  });

  it.each<[string, () => unknown]>([
    ['a template', () => `of ${value as unknown as string}`],
    ['String()', () => String(value)],
    ['a sum', () => (value as unknown as string) + 'more'],
    ['join', () => [value].join(',')],
    ['JSON', () => JSON.stringify({ value })],
  ])('refuses to become text by %s', (_, print) => {
    expect(print).toThrow(TypeError);
  });

  it('shows nothing when it is inspected or formatted', () => {
    expect(inspect({ deep: { value } }, { depth: 9, showHidden: true })).not.toContain('canary');
    expect(format('%o %O', value, value)).not.toContain('canary');
    expect(JSON.stringify(Object.entries(value))).toBe('[]');
  });
});
