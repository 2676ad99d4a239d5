import { lstatSync, rmSync } from 'node:fs';
import { makeFoldersFor, PRIVATE_FILE, writeFile, writeNewFile } from '../files.js';
import { warn } from '../terminal.js';
import type { PlannedFile } from './plan.js';

/** The files that a child finds. Those of `--file` are made for it, and go with it; those of personal secrets stay. */
export class TargetFiles {
  readonly #made = new Set<string>();

  /** Writes all of them. Throws when one cannot be written; those that were made so far are then to be removed. */
  write(files: readonly PlannedFile[]): void {
    for (const { path, value, isNew } of files) {
      makeFoldersFor(path);
      if (isNew && !this.#made.has(path)) {
        writeNewFile(path, value, PRIVATE_FILE);
        this.#made.add(path);
      } else {
        writeFile(path, value, { mode: PRIVATE_FILE, keepsMode: true, replacesLink: true });
      }
    }
    const wanted = new Set(files.map(({ path }) => path));
    this.#removeAll([...this.#made].filter((path) => !wanted.has(path)));
  }

  remove(): void {
    this.#removeAll([...this.#made]);
  }

  #removeAll(paths: readonly string[]): void {
    for (const path of paths) {
      this.#made.delete(path);
      try {
        // Something else that was put in its place since is not ours to take away.
        if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === true) rmSync(path);
      } catch {
        warn(`${path} could not be removed, and holds a secret.`);
      }
    }
  }
}
