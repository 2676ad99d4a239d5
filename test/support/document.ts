import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './sources.js';

/** A page of the documentation, with the files that it gives to copy: each under a heading `#### \`name\``, in the block that follows. */
export class Page {
  readonly text: string;
  private readonly files: ReadonlyMap<string, string>;

  constructor(path: string) {
    this.text = readFileSync(join(ROOT, path), 'utf8');
    const found = this.text.matchAll(/^#### `([^`\n]+)`\n\n```\w*\n([\s\S]*?)^```$/gm);
    this.files = new Map([...found].map(([, name = '', content = '']) => [name, content]));
  }

  get names(): string[] {
    return [...this.files.keys()];
  }

  file(name: string): string {
    const content = this.files.get(name);
    if (content === undefined) throw new Error(`the page has no file ${name}`);
    return content;
  }
}
