import type { Lines } from './entry.js';

const SHORTEST_MASK = 4;

/**
 * The commands that make a GitHub runner hide a value in its log, line by line as the log has it. Shorter pieces are
 * left out: hiding every `a` would hide nothing and make the log unreadable. A line with a carriage return in it is
 * hidden as it is and in pieces, because a program may print it either way.
 */
export function writeGithubMask(_variable: string, value: string): Lines {
  const masks = value
    .split('\n')
    .flatMap((line) => (line.includes('\r') ? [line, ...line.split('\r')] : [line]));
  const commands = masks.filter(isLongEnough).map((mask) => `::add-mask::${encoded(mask)}\n`);
  return { text: commands.join('') };
}

function isLongEnough(mask: string): boolean {
  return [...mask].length >= SHORTEST_MASK;
}

/** As GitHub's runner decodes the data of a command. The percent sign comes first, so that nothing is encoded twice. */
function encoded(mask: string): string {
  return mask.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
