import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BLANK = ' \t\n\r';
const SHELL_SPECIAL = '"\\`$';

/**
 * An `EnvironmentFile=` as systemd reads it for a service: its own rules for quotes, then the check that drops an
 * assignment with control characters, and the refusal of a whole file that is not what it takes for UTF-8.
 */
export function readSystemdEnvFile(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  for (let at = 0; at < text.length;) {
    while (at < text.length && BLANK.includes(text.charAt(at))) at += 1;
    if (at >= text.length) break;
    const equals = text.indexOf('=', at);
    if (equals === -1 || /[\n\r]/.test(text.slice(at, equals)))
      throw new Error('this reader knows only variables');
    const name = text.slice(at, equals).trimEnd();
    const [value, end] = readValue(text, equals + 1);
    if (/\p{Noncharacter_Code_Point}/u.test(value)) throw new Error('invalid UTF-8');
    if (!/[\0-\x08\x0b-\x1f\x7f]/.test(value)) variables.set(name, value);
    at = end;
  }
  return variables;
}

/** The value up to the end of its line, out of pieces in quotes and, which no writer of ours makes, without. */
function readValue(text: string, start: number): [value: string, end: number] {
  let value = '';
  let at = start;
  while (at < text.length && !/[\n\r]/.test(text.charAt(at))) {
    const character = text.charAt(at);
    if (character === "'") {
      const close = text.indexOf("'", at + 1);
      value += text.slice(at + 1, close === -1 ? text.length : close);
      at = close === -1 ? text.length : close + 1;
    } else if (character === '"') {
      at += 1;
      while (at < text.length && text.charAt(at) !== '"') {
        if (text.charAt(at) !== '\\') value += text.charAt(at);
        else {
          at += 1;
          const escaped = text.charAt(at);
          if (SHELL_SPECIAL.includes(escaped)) value += escaped;
          else if (escaped !== '\n') value += `\\${escaped}`;
        }
        at += 1;
      }
      at += 1;
    } else if (BLANK.includes(character)) {
      at += 1;
    } else {
      throw new Error('a value without quotes');
    }
  }
  return [value, at + 1];
}

const GENERATOR = '/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator';

export const hasSystemd = existsSync(GENERATOR);

/**
 * The same file through systemd itself, by the one program of it that reads such a file without a running manager.
 * That program alone expands `$` and skips empty values, so the dollars are doubled for it and no empty value may be in
 * the file; its output is quoted for a shell.
 */
export function readWithSystemd(text: string): Map<string, string> {
  const home = mkdtempSync(join(tmpdir(), 'coffer-systemd-'));
  try {
    mkdirSync(join(home, 'environment.d'));
    writeFileSync(join(home, 'environment.d', 'values.conf'), text.replaceAll('$', '$$$$'));
    const output = execFileSync(GENERATOR, {
      env: { XDG_CONFIG_HOME: home },
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return new Map(output.split('\n').filter(Boolean).map(unquoted));
  } finally {
    rmSync(home, { recursive: true });
  }
}

function unquoted(line: string): [name: string, value: string] {
  const equals = line.indexOf('=');
  const value = line.slice(equals + 1);
  if (!value.startsWith('"')) return [line.slice(0, equals), value];
  const inside = value.slice(1, -1).replace(/\\([nt"\\$`])/g, (_, letter: string) => {
    if (letter === 'n') return '\n';
    return letter === 't' ? '\t' : letter;
  });
  return [line.slice(0, equals), inside];
}
