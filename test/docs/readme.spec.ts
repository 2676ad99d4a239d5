import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { SETTINGS } from '../../src/config/config.js';
import { CLI } from '../cli/support/coffer.js';
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
      await mkdir(join(folder, 'bin'));
      await symlink(CLI, join(folder, 'bin/coffer'));
      const path = [join(folder, 'bin'), process.env['PATH']].join(delimiter);
      const answers = await runInBash(commands, folder, path);
      expect(steps.length).toBeGreaterThan(30);
      steps.forEach(({ answer, line }, index) => {
        const got = (answers[index] ?? '').replaceAll(app.url, 'http://127.0.0.1:8080');
        expect(`line ${line}: ${settled(got)}`).toBe(`line ${line}: ${settled(answer)}`);
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
