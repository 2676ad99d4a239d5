import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** One command of a document's `console` block, with the answer that is printed below it. */
export type Step = Readonly<{ command: string; answer: string; line: number }>;

/** The commands of all `console` blocks: `$ ` begins one, `> ` continues it, everything else is its answer. */
export function stepsOf(markdown: string): Step[] {
  const steps: { command: string; answer: string; line: number }[] = [];
  let inside = false;
  markdown.split('\n').forEach((text, index) => {
    if (text.startsWith('```')) inside = text === '```console';
    else if (!inside) return;
    else if (text.startsWith('$ ')) steps.push({ command: text.slice(2), answer: '', line: index + 1 });
    else {
      const step = steps.at(-1);
      if (step === undefined) throw new Error(`line ${index + 1}: an answer without a command`);
      if (text.startsWith('> ')) step.command += `\n${text.slice(2)}`;
      else step.answer += `${text}\n`;
    }
  });
  return steps;
}

/** Runs the commands one after another in one bash, as somebody would who pastes them, and returns what each printed. */
export async function runInBash(
  commands: readonly string[],
  cwd: string,
  path = process.env['PATH'],
): Promise<string[]> {
  const bash = spawn('bash', ['--noprofile', '--norc'], {
    cwd,
    env: { PATH: path, HOME: cwd },
  });
  let printed = '';
  bash.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString('utf8')));
  bash.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString('utf8')));
  const marker = '----8<----';
  // One pipe for both, so that what is said stands where it was said.
  bash.stdin.write('exec 2>&1\n');
  for (const command of commands) bash.stdin.write(`${command}\nprintf '%s\\n' '${marker}'\n`);
  bash.stdin.end();
  await once(bash, 'close');
  return printed.split(`${marker}\n`).slice(0, commands.length);
}

/** The same text with everything in it that differs from run to run under one name. */
export function settled(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>')
    .replaceAll(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g, '<time>')
    .replaceAll(/cof[prs]_[0-9A-Za-z]+/g, '<token>')
    .replaceAll(/\b[0-9a-f]{64}\b/g, '<sha256>')
    .replaceAll(/"[A-Za-z0-9+/]{40,}={0,2}"/g, '"<base64>"')
    .replaceAll(/(?<=Signed with: )\S+/g, '<base64>')
    .trim();
}
