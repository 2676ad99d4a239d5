import { inspect } from 'node:util';

/**
 * A value on its way between a request and its seal, or between its seal and an answer. It refuses to be printed, joined or serialised, so
 * that it cannot end up in a log or an error by accident; `reveal` is the one way out, and a wall test names every file that may call it.
 */
export class Plaintext {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself: only where it is sealed, checked or sent to a caller whose right to it is proven. */
  reveal(): string {
    return this.#value;
  }

  toString(): never {
    throw new TypeError('A plaintext is not to be turned into text.');
  }

  toJSON(): never {
    throw new TypeError('A plaintext is not to be serialised.');
  }

  [Symbol.toPrimitive](): never {
    throw new TypeError('A plaintext is not to be converted.');
  }

  [inspect.custom](): string {
    return 'Plaintext(hidden)';
  }
}
