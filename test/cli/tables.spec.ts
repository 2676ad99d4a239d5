import stringWidth from 'string-width';
import type { Coffer } from './support/coffer.js';
import { Workplace } from './support/service.js';
import { Terminal } from './support/terminal.js';

const WIDE = {
  PLAIN: 'plain words',
  KANJI: '主データベースの接続先',
  EMOJI: 'key 🔑 of 👩‍💻 and 🇯🇵',
  MARKS: 'e\u0301te\u0301 a\u0308o\u0308',
  LONG: '漢字'.repeat(60),
};

describe('what is shown on a terminal', () => {
  let place: Workplace;
  let coffer: Coffer;

  beforeAll(async () => {
    place = await Workplace.open();
    coffer = place.coffer;
    const client = place.app.as(place.owner);
    for (const [name, description] of Object.entries(WIDE)) {
      const body = { kind: 'Secret', name, description };
      await client.post('/acme/web/envs/dev/secrets', body).expect(201);
    }
  });

  afterAll(() => place.close());

  async function shown(
    args: readonly string[],
    { env = {}, columns = 80 }: { env?: Record<string, string>; columns?: number } = {},
  ): Promise<string[]> {
    const terminal = Terminal.open(coffer, args, env, columns);
    expect(await terminal.ended).toBe(0);
    return terminal.shown.trimEnd().split('\r\n');
  }

  /** Where a text begins, in columns of the terminal. */
  const columnOf = (line: string, text: string): number => stringWidth(line.slice(0, line.indexOf(text)));

  it.each([60, 80, 120])(
    'a table is no wider than %i columns, and its columns begin below each other',
    async (columns) => {
      const [heading = '', ...rows] = await shown(['list'], { columns });
      for (const line of [heading, ...rows]) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
      const begins = columnOf(heading, 'DESCRIPTION');
      expect(rows).toHaveLength(Object.keys(WIDE).length);
      for (const row of rows) {
        const name = row.split(' ')[0] ?? '';
        const first = [...new Intl.Segmenter().segment(Object(WIDE)[name])][0]?.segment ?? '';
        expect([name, columnOf(row, ` ${first}`) + 1]).toEqual([name, begins]);
      }
    },
  );

  it('what does not fit ends with … at a whole character, and is whole for programs', async () => {
    const rows = await shown(['list'], { columns: 80 });
    const long = rows.find((row) => row.startsWith('LONG')) ?? '';
    expect(long).toMatch(/(?:漢字)+漢?…$/);
    expect((await coffer.run(['list'])).stdout).toContain(WIDE.LONG);
  });

  it('a table that has more columns than the terminal has room is still a table', async () => {
    const rows = await shown(['list'], { columns: 10 });
    expect(rows).toHaveLength(Object.keys(WIDE).length + 1);
  });

  it('nothing is coloured, and nothing but text comes with NO_COLOR', async () => {
    for (const args of [['list'], ['check', '--json', '--help'], ['member', 'list', 'acme']]) {
      const terminal = Terminal.open(coffer, args, { NO_COLOR: '1' });
      await terminal.ended;
      expect(terminal.shown).not.toContain('\x1b');
    }
  });

  it('foreign text cannot act on it', async () => {
    const described = { kind: 'Secret', name: 'PLAIN', description: 'a\u202eb\u2066c\x1b[31m\u009b31m' };
    await place.app.as(place.owner).put('/acme/web/envs/dev/secrets/PLAIN', described).expect(200);
    const text = (await shown(['list'], { columns: 200 })).join('\n');
    expect(text).toContain('a\\u202eb\\u2066c\\u001b[31m\\u009b31m');
    const json = (await shown(['list', '--json'])).join('\n');
    expect(text + json).not.toMatch(/[\u202e\u2066\u009b\x1b]/);
    expect(JSON.parse(json)).toContainEqual(expect.objectContaining({ description: described.description }));
  });

  describe('a value', () => {
    it('is typed without being shown, with a newline only when it was pasted', async () => {
      const terminal = Terminal.open(coffer, ['set', 'PLAIN']);
      await terminal.shows(/Value of PLAIN: /);
      terminal.type('canary-ä\x7fé\r');
      expect(await terminal.ended).toBe(0);
      expect(terminal.shown).not.toContain('canary');
      expect((await coffer.run(['get', 'PLAIN'])).stdout).toBe('canary-é');
      const pasted = Terminal.open(coffer, ['set', 'PLAIN']);
      await pasted.shows(/Value of PLAIN: /);
      pasted.type('\x1b[200~line one\rline two\r\x1b[201~\r');
      expect(await pasted.ended).toBe(0);
      expect((await coffer.run(['get', 'PLAIN'])).stdout).toBe('line one\nline two\n');
    });

    it('that is nothing is refused, and Ctrl-C leaves everything as it was', async () => {
      const nothing = Terminal.open(coffer, ['set', 'PLAIN']);
      await nothing.shows(/Value of PLAIN: /);
      nothing.type('\r');
      expect(await nothing.ended).toBe(64);
      const stopped = Terminal.open(coffer, ['set', 'PLAIN']);
      await stopped.shows(/Value of PLAIN: /);
      stopped.type('half\x03');
      expect(await stopped.ended).toBe(130);
      expect((await coffer.run(['get', 'PLAIN'])).stdout).toBe('line one\nline two\n');
    });

    it('is not shown by get, unless it is told to', async () => {
      const refused = Terminal.open(coffer, ['get', 'PLAIN']);
      expect(await refused.ended).toBe(64);
      expect(refused.shown).toContain('--show');
      expect(refused.shown).not.toContain('line one');
      expect(await shown(['get', 'PLAIN', '--show'])).toEqual(['line one', 'line two']);
    });
  });
});
