import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { runInBash, settled, stepsOf } from '../support/console-story.js';
import { ROOT } from '../support/sources.js';

describe('docs/changing-secrets.md', () => {
  it('answers every command as it prints', async () => {
    const app = await TestApp.start();
    const folder = await mkdtemp(join(tmpdir(), 'coffer-docs-'));
    try {
      const steps = stepsOf(await readFile(join(ROOT, 'docs/changing-secrets.md'), 'utf8'));
      const commands = steps.map(({ command }) => command.replaceAll('http://127.0.0.1:8080', app.url));
      const answers = await runInBash(commands, folder);
      expect(steps.length).toBeGreaterThan(15);
      steps.forEach(({ answer, line }, index) => {
        expect(`line ${String(line)}: ${settled(answers[index] ?? '')}`).toBe(
          `line ${String(line)}: ${settled(answer)}`,
        );
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
      await app.close();
    }
  });
});
