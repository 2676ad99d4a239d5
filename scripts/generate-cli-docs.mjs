// Makes docs/cli.md out of the command's own help. It reads the sources, so nothing has to be built for it.
//
//   npm run cli-docs                 writes it
//   npm run cli-docs -- --check      changes nothing; exits 1 when it is not current

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import './typescript.mjs';
import { root, say } from './run.mjs';

const TARGET = join(root, 'docs/cli.md');
const WIDTH = 100;

const INTRODUCTION = `# The \`coffer\` command

This page is generated from the command's own help: \`npm run cli-docs\`.

From a clone, after \`npm start\` has built it once: \`npx coffer\`, or \`npm link\` for a \`coffer\` of your own. Data goes to stdout and
everything else to stderr, so that output can be piped; \`--json\` is for programs. \`coffer config\` shows which server, credential and
environment are used, and why. The options about where and who are the same everywhere: [coffer](#coffer) says what each means.

## Exit codes

| code | means |
| --- | --- |
| 0 | done |
| 1 | refused by a rule of the service, answered with no, or anything else that is not listed here |
| 3 | a declared secret has no value |
| 64 | wrong usage: an unknown flag or format, a malformed scope, two sources of a value or none |
| 69 | the service cannot be reached, or the connection was dropped |
| 77 | no credential, a refused one, or not allowed |
| 78 | configuration: no environment chosen, a broken \`.coffer.json\` |

\`coffer run\` ends with the exit code of its program: 128 + n when signal n ended it, 127 when it is not found, 126 when it cannot be
executed. Node does not tell of the end by a real-time signal (32 and above): that counts as 0.
`;

const { createProgram } = await import('../src/cli/program.ts');
const program = createProgram(() => {});
const text = await format(`${INTRODUCTION}\n${sections(program, 'coffer').join('\n')}`, {
  ...(await resolveConfig(TARGET)),
  filepath: TARGET,
});

if (!process.argv.includes('--check')) {
  writeFileSync(TARGET, text);
} else if (readFileSync(TARGET, 'utf8') !== text) {
  say('docs/cli.md is not what the command says of itself: npm run cli-docs');
  process.exitCode = 1;
}

function sections(command, name) {
  command.configureOutput({ getOutHelpWidth: () => WIDTH, getOutHasColors: () => false });
  const help = command.helpInformation().trim();
  const own = `## ${name}\n\n\`\`\`text\n${command === program ? help : withNamesOnly(help)}\n\`\`\`\n`;
  return [own, ...command.commands.flatMap((each) => sections(each, `${name} ${each.name()}`))];
}

/** What fifty commands have in common is explained once. */
function withNamesOnly(help) {
  const blocks = help.split('\n\n').map((block) => {
    if (!block.startsWith('Where and who:')) return block;
    return `Where and who: ${[...block.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name]) => name).join(', ')}`;
  });
  return blocks.join('\n\n');
}
