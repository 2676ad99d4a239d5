import { spawnSync } from 'node:child_process';
import { Coffer } from './support/coffer.js';
import { inShell } from './support/shell.js';

/** The words that a shell offers after a line; each shell is asked in its own way. */
const ASK: Readonly<Record<string, (line: string) => string>> = {
  bash: (line) => `source <(coffer completion bash)
    COMP_WORDS=(${words(line).map(quoted).join(' ')})
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _coffer || true
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: (line) => `compdef() { :; }
    _describe() { print -l -- "\${(@)\${(@P)2}%%:*}"; }
    _files() { :; }
    source <(coffer completion zsh)
    words=(${words(line).map(quoted).join(' ')})
    CURRENT=$#words
    _coffer \${words[CURRENT]}`,
  fish: (line) =>
    `coffer completion fish | source; complete -C ${quoted(line)} | string split -f 1 \\t; true`,
};

/** bash is everywhere where we test; the others are asked where they are. */
const INSTALLED = ['bash', 'zsh', 'fish'].filter((shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0);

const words = (line: string): string[] => line.split(' ');
const quoted = (text: string): string => `'${text}'`;

describe('completion', () => {
  const coffer = new Coffer();

  afterAll(() => {
    coffer.close();
  });

  it('is tried in bash at least', () => {
    expect(INSTALLED).toContain('bash');
  });

  describe.each(INSTALLED)('in %s', (shell) => {
    /** What begins with the last word, as some shells filter it later. */
    async function offered(line: string): Promise<string[]> {
      const ask = ASK[shell];
      if (ask === undefined) throw new Error(`nobody knows how to ask ${shell}`);
      const { code, stdout, stderr } = await inShell(coffer, ask(line), { shell });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const begun = words(line).at(-1) ?? '';
      return stdout.split('\n').filter((word) => word !== '' && word.startsWith(begun));
    }

    it('offers commands, those of a group after its name, and the same to help', async () => {
      expect(await offered('coffer ')).toEqual(expect.arrayContaining(['list', 'secret', 'audit', 'help']));
      expect((await offered('coffer se')).sort()).toEqual(['secret', 'set']);
      expect((await offered('coffer org ')).sort()).toEqual(['create', 'delete', 'list']);
      expect((await offered('coffer help rol')).sort()).toEqual(['role', 'rollback']);
      expect((await offered('coffer completion ')).sort()).toEqual(['bash', 'fish', 'zsh']);
    });

    it('offers the flags of the very command, by each of its names, behind other flags too', async () => {
      expect(await offered('coffer secret create --d')).toEqual(['--description']);
      expect(await offered('coffer secret ls --o')).toEqual(['--output']);
      expect(await offered('coffer org list --m')).toEqual([]);
      expect(await offered('coffer list --m')).toEqual(['--missing']);
      expect(await offered('coffer --env acme/web/dev list --m')).toEqual(['--missing']);
      expect(await offered('coffer export -o file --only A --form')).toEqual(['--format']);
    });

    it('offers no command where a value is due', async () => {
      expect(await offered('coffer --server lis')).toEqual([]);
      expect(await offered('coffer export -o lis')).toEqual([]);
    });
  });

  it('of a shell that is not known is wrong usage', async () => {
    const { code, stderr } = await coffer.run(['completion', 'tcsh']);
    expect(code).toBe(64);
    expect(stderr).toContain('bash, zsh, fish');
  });
});
