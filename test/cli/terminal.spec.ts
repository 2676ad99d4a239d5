import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { PASSWORD } from '../support/world.js';
import { until, type Coffer } from './support/coffer.js';
import { Workplace } from './support/service.js';
import { Terminal } from './support/terminal.js';

/** Appends each signal that it gets, and the width of its terminal, to a file. */
const TELLS = `
  const { appendFileSync } = require('node:fs');
  const { argv: [, file], pid, ppid } = process;
  for (const signal of ['SIGINT', 'SIGCONT', 'SIGHUP', 'SIGWINCH', 'SIGUSR1']) {
    process.on(signal, () => appendFileSync(file, signal + '\\n'));
  }
  process.stdout.on('resize', () => appendFileSync(file, 'columns ' + process.stdout.columns + '\\n'));
  process.on('SIGTERM', () => process.exit(9));
  setTimeout(() => process.exit(8), 20000);
  console.log('program ' + pid + ' of ' + ppid + ' on ' + require('node:fs').readlinkSync('/proc/self/fd/0') + ';');
`;

describe('on a terminal', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
  });

  afterAll(() => place.close());

  beforeEach(() => {
    writeFileSync(coffer.path('told'), '');
    writeFileSync(coffer.path('tells.cjs'), TELLS);
  });

  const told = (): string[] => readFileSync(coffer.path('told'), 'utf8').trim().split('\n');

  async function tells(what: string): Promise<void> {
    await until(`${what} (there was: ${told().join(' ')})`, () => told().includes(what));
    // What comes twice comes within this time.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }

  const program = ['run', '--no-personal', '--', process.execPath, '-e', TELLS, 'told'];

  async function started(terminal: Terminal): Promise<{ pid: number; parent: number; tty: string }> {
    const line = /program (\d+) of (\d+) on (\S+);/;
    await terminal.shows(line);
    const [, pid, parent, tty = ''] = line.exec(terminal.shown) ?? [];
    return { pid: Number(pid), parent: Number(parent), tty };
  }

  function stateOf(pid: number): string {
    return /\) (\w)/.exec(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'))?.[1] ?? '?';
  }

  describe('the program of run', () => {
    it('stops with the command at ^Z, goes on with it, and gets one ^C once then', async () => {
      const terminal = Terminal.shell(coffer);
      terminal.type('coffer run --no-personal -- node -e "$(cat tells.cjs)" told\r');
      const { pid, parent } = await started(terminal);
      terminal.type('\x1a');
      await until('both are stopped', () => stateOf(pid) === 'T' && stateOf(parent) === 'T');
      terminal.type('fg\r');
      await tells('SIGCONT');
      expect(stateOf(parent)).not.toBe('T');
      terminal.type('\x03');
      await tells('SIGINT');
      expect(told().filter((line) => line === 'SIGINT')).toHaveLength(1);
      process.kill(parent, 'SIGTERM');
      await until('the program has ended', () => !existsSync(`/proc/${String(pid)}`));
      terminal.type('\rexit $?\r');
      expect(await terminal.ended).toBe(9);
    });

    it('hears once of another size of the window, and sees it', async () => {
      const terminal = Terminal.open(coffer, program);
      const { parent, tty } = await started(terminal);
      execFileSync('stty', ['-F', tty, 'cols', '123']);
      await tells('columns 123');
      expect(told().sort()).toEqual(['SIGWINCH', 'columns 123']);
      process.kill(parent, 'SIGTERM');
      expect(await terminal.ended).toBe(9);
    });

    it('gets once what somebody sends to the command alone, WINCH too', async () => {
      const terminal = Terminal.open(coffer, program);
      const { parent } = await started(terminal);
      for (const signal of ['SIGWINCH', 'SIGUSR1'] as const) {
        process.kill(parent, signal);
        await tells(signal);
      }
      expect(told()).toEqual(['SIGWINCH', 'SIGUSR1']);
      process.kill(parent, 'SIGTERM');
      expect(await terminal.ended).toBe(9);
    });

    it('hears that the terminal is gone, and its file goes when it ends of that', async () => {
      await place.app.as(place.owner).post('/acme/web/envs/dev/secrets', { kind: 'Secret', name: 'KEY' });
      await place.app.as(place.owner).put('/acme/web/envs/dev/secrets/KEY/value', { value: 'v' }).expect(200);
      const script = 'trap "echo SIGHUP >> told; exit" HUP; echo ready; while :; do sleep 0.05; done';
      const terminal = Terminal.open(coffer, ['run', '--file', 'KEY=key', '--', 'sh', '-c', script]);
      await terminal.shows(/ready/);
      expect(existsSync(coffer.path('key'))).toBe(true);
      terminal.child.kill('SIGKILL');
      await until('the file is gone', () => !existsSync(coffer.path('key')));
      expect(told()).toEqual(['SIGHUP']);
    });
  });

  describe('login', () => {
    const anonymous = { COFFER_TOKEN: '' };

    it('asks for the name, and for the password without showing it; the terminal shows again what is typed then', async () => {
      const terminal = Terminal.shell(coffer, anonymous);
      terminal.type('coffer login\r');
      await terminal.shows(/user name: $/);
      terminal.type('olivia\r');
      await terminal.shows(/Password: $/);
      terminal.type(`${PASSWORD}x\x7f\r`);
      await terminal.shows(/Logged in to http:\S+ as olivia\./);
      terminal.type('coffer whoami; exit\r');
      await terminal.shows(/coffer whoami[^]*olivia@example.com/);
      expect(await terminal.ended).toBe(0);
      expect(terminal.shown).not.toContain('horse');
    });

    it('ends with 130 at ^C, says nothing, and leaves the terminal as it was', async () => {
      const terminal = Terminal.shell(coffer, anonymous);
      terminal.type('coffer login --login olivia\r');
      await terminal.shows(/Password: $/);
      terminal.type('secret\x03');
      await terminal.shows(/Password: [^]*\$ $/);
      terminal.type('echo code $?; stty -a | grep -o " -*echo "; exit\r');
      expect(await terminal.ended).toBe(0);
      expect(terminal.shown).toMatch(/code 130\r\n echo \r\n/);
      expect(terminal.shown).not.toContain('secret');
    });
  });
});
