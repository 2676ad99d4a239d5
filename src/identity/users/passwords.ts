import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { hash, verify, type Options } from '@node-rs/argon2';

/** argon2id (RFC 9106) with 19 MiB, two passes, one lane: the least that OWASP's cheat sheet on password storage accepts. */
export const ARGON2: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 };

/** libuv has four threads. More hashes at once would only take more memory. */
const AT_ONCE = 4;

/** Hashes passwords and compares them, a few at a time, so that a flood of logins has to queue instead of filling the memory. */
@Injectable()
export class Passwords {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  /** Of a password that nobody knows: compared with where there is no account, so that it takes as long. */
  private readonly decoy = hash(randomBytes(32), ARGON2);

  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(normal(password), ARGON2));
  }

  /** Null stands for an account that does not exist: false, after the same work. */
  async matches(stored: string | null, password: string): Promise<boolean> {
    const isIt = await verify(stored ?? (await this.decoy), normal(password));
    return isIt && stored !== null;
  }

  /** Waits for a turn among the hashes that run at once. First come, first served. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= AT_ONCE) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}

/** Keyboards write the same letter in different ways: RFC 8265, 4.2.2 asks for one form. */
function normal(password: string): string {
  return password.normalize('NFC');
}
