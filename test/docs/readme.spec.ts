import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SETTINGS } from '../../src/config/config.js';
import { TestApp } from '../support/app.js';
import { runInBash, settled, stepsOf } from '../support/console-story.js';
import { ROOT } from '../support/sources.js';

describe('README.md', () => {
  it('answers every command as it prints', async () => {
    const app = await TestApp.start();
    const folder = await mkdtemp(join(tmpdir(), 'coffer-readme-'));
    try {
      const steps = stepsOf(await readFile(join(ROOT, 'README.md'), 'utf8'));
      const commands = steps.map(({ command }) => command.replaceAll('http://127.0.0.1:8080', app.url));
      const answers = await runInBash(commands, folder);
      expect(steps.length).toBeGreaterThan(15);
      steps.forEach(({ answer, line }, index) => {
        expect(`line ${line}: ${settled(answers[index] ?? '')}`).toBe(`line ${line}: ${settled(answer)}`);
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
      await app.close();
    }
  });

  it('names every setting', async () => {
    const text = await readFile(join(ROOT, 'README.md'), 'utf8');
    const named = SETTINGS.filter(
      (name) => !text.includes(`\`${name}\``) && !name.endsWith('_PREVIOUS_ROOT_KEY_FILE'),
    );
    expect(named).toEqual([]);
  });
});
