import { basename, join } from 'node:path';
import { ApiClient } from '../api-client.js';
import type { Call } from '../call.js';
import type { CommandSpec } from '../command.js';
import { Bearer, sessionFrom } from '../credential.js';
import { setting } from '../environment.js';
import { EXIT, Failure, usage } from '../failure.js';
import { writeFile } from '../files.js';
import { changeLogins, readLogins, type Login } from '../logins.js';
import { environmentArgument, nameOf } from '../scope.js';
import { ask, isInteractive, readStdin } from '../stdin.js';
import { print, printable, printJson, say, warn } from '../terminal.js';
import {
  checkedToken,
  currentFolder,
  findCredential,
  findEnvironment,
  findServer,
  type Credential,
} from '../where.js';

// Who one is, and where one works.

export const accountCommands: readonly CommandSpec[] = [
  {
    usage: 'login',
    summary: 'log in, and save the login for this server',
    details:
      'Asks for the e-mail address or user name and, without showing it, for the password. The login is saved for this one server, readable by you alone, and renews itself.',
    flags: [
      ['--login <name>', 'the e-mail address or user name'],
      ['--password-stdin', 'read the password from stdin'],
      ['--token-stdin', 'save a token, read from stdin, in place of a session'],
    ],
    asks: 'address',
    json: true,
    examples: [
      'coffer login --server https://coffer.example.com',
      'coffer login --login olivia --password-stdin < password.txt',
      'coffer login --token-stdin < token.txt',
    ],
    run: login,
  },
  {
    usage: 'logout',
    summary: 'end the saved login of this server',
    details:
      'A session ends at once, here and there. A token that was saved is forgotten here; revoke it where it was made.',
    asks: 'address',
    json: true,
    examples: ['coffer logout'],
    run: logout,
  },
  {
    usage: 'whoami',
    summary: 'show who the credential stands for',
    asks: 'server',
    json: true,
    examples: ['coffer whoami'],
    run: whoami,
  },
  {
    usage: 'use <org/project/env>',
    summary: 'choose the environment for this folder and those below it',
    details: 'Writes .coffer.json here. It holds no secret and may be checked in.',
    asks: 'nobody',
    json: true,
    examples: ['coffer use acme/web/dev'],
    run: use,
  },
  {
    usage: 'config',
    summary: 'show every setting, its value, and where it comes from',
    asks: 'environment',
    json: true,
    examples: ['coffer config'],
    run: config,
  },
];

async function login(call: Call): Promise<void> {
  const { server } = call.connection;
  const saved = call.flags.isSet('tokenStdin') ? await tokenLogin(call) : await sessionLogin(call);
  await changeLogins(async (logins) => {
    return [{ current: server, logins: { ...logins.logins, [server]: saved } }, undefined] as const;
  });
  say(`Logged in to ${server} as ${printable(saved.who)}.`);
  if (setting('COFFER_TOKEN') !== undefined) warn('COFFER_TOKEN is set and goes before this login.');
  if (isOpenToOthers(server)) warn(`${server} is not encrypted: whoever is between reads along.`);
  if (call.json) await printJson({ server, who: saved.who });
}

async function tokenLogin(call: Call): Promise<Login> {
  if (call.flags.isSet('passwordStdin') || call.flags.text('login') !== undefined) {
    throw usage('--token-stdin stands alone: a token says itself whose it is.');
  }
  const bytes = await readStdin('the token');
  if (bytes.length === 0) throw usage('There is no token on stdin.');
  const token = checkedToken(Buffer.from(bytes).toString('utf8'), 'stdin');
  const bearer = new Bearer({ value: { token }, source: 'stdin' }, call.connection);
  return { who: nameIn(await new ApiClient(call.connection, bearer).get('/auth/me', {})), token };
}

async function sessionLogin(call: Call): Promise<Login> {
  const name = call.flags.text('login') ?? (await askedName());
  const password = await passwordFor(call);
  const client = new ApiClient(call.connection, null);
  const opened = await client.post('/auth/login', { body: { login: name, password } });
  const session = sessionFrom(opened);
  if (session === null)
    throw new Failure(EXIT.unreachable, `${call.connection.server} answered without a session.`);
  return { who: opened.user.username, session };
}

async function askedName(): Promise<string> {
  if (!isInteractive())
    throw usage('There is no terminal to ask on: give --login NAME --password-stdin, or --token-stdin.');
  const name = ((await ask('E-mail or user name: ')) ?? '').trim();
  if (name === '') throw usage('No name was given.');
  return name;
}

async function passwordFor(call: Call): Promise<string> {
  if (call.flags.isSet('passwordStdin')) {
    const text = Buffer.from(await readStdin('the password'))
      .toString('utf8')
      .replace(/\r?\n$/, '');
    if (text === '') throw usage('There is no password on stdin.');
    return text;
  }
  if (!isInteractive())
    throw usage('There is no terminal to ask on: give the password on stdin, with --password-stdin.');
  const { askHidden } = await import('../hidden.js');
  return askHidden('Password: ');
}

async function logout(call: Call): Promise<void> {
  const { server } = findServerOf(call);
  const saved = readLogins().logins[server];
  if (saved === undefined) {
    say(`There is no saved login for ${server}.`);
    if (call.json) await printJson({ server, who: null });
    return;
  }
  const bearer = new Bearer({ value: saved, source: 'the saved login' }, call.connection);
  const told = 'session' in saved ? await sessionEnded(call, bearer) : null;
  await changeLogins(async (logins) => {
    const rest = Object.fromEntries(Object.entries(logins.logins).filter(([name]) => name !== server));
    return [{ current: logins.current === server ? null : logins.current, logins: rest }, undefined] as const;
  });
  if (told !== null) throw told;
  say(
    `Logged out of ${server}.${'token' in saved ? ' The token itself is still valid: revoke it where it was made.' : ''}`,
  );
  if (call.json) await printJson({ server, who: saved.who });
}

/** What kept the service from ending the session, unless it had ended before. */
async function sessionEnded(call: Call, bearer: Bearer): Promise<Failure | null> {
  try {
    await new ApiClient(call.connection, bearer).post('/auth/logout', {});
    return null;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.exitCode === EXIT.denied) return null;
    return new Failure(
      error.exitCode,
      `The login was forgotten here, but the session may live on there.\n${error.message}`,
    );
  }
}

function findServerOf(call: Call): { server: string } {
  return { server: findServer(call.given).value };
}

async function whoami(call: Call): Promise<void> {
  const me = await call.api.get('/auth/me', {});
  if (call.json) return printJson(me);
  if ('token' in me) {
    const { name, role, scope } = me.token;
    return print(`service token “${printable(name)}”: ${printable(role)} in ${printable(scope)}\n`);
  }
  await print(`${printable(me.username)} (${printable(me.email)})\n`);
}

type Me = Readonly<{ username: string }> | Readonly<{ token: Readonly<{ name: string }> }>;

function nameIn(me: Me): string {
  return 'token' in me ? `the token “${me.token.name}”` : me.username;
}

async function use(call: Call): Promise<void> {
  const environment = nameOf(environmentArgument(call.argument(0)));
  const folder = currentFolder();
  if (folder === null) throw new Failure(EXIT.configuration, 'The folder that you are in is gone.');
  const path = join(folder, '.coffer.json');
  writeFile(path, `${JSON.stringify({ env: environment }, null, 2)}\n`, { mode: 0o644, keepsMode: true });
  say(`${environment} is chosen for this folder (${basename(path)}).`);
  if (call.json) await printJson({ env: environment, file: path });
}

type Row = Readonly<{ value: string | null; source: string | null; problem?: string }>;

async function config(call: Call): Promise<void> {
  const { given } = call;
  const failures: Failure[] = [];
  const server = settingRow(
    () => findServer(given),
    (value) => value,
    failures,
  );
  const rows: Record<string, Row> = {
    server,
    credential: settingRow(
      () => (server.value === null ? null : findCredential(given, server.value)),
      shortened,
      failures,
    ),
    env: settingRow(() => findEnvironment(given), nameOf, failures),
    timeout: {
      value: `${String(given.timeoutSeconds)} s`,
      source: call.flags.text('timeout') === undefined ? 'the default' : '--timeout',
    },
  };
  const { loginsPath } = await import('../logins.js');
  rows['logins'] = settingRow(
    () => ({ value: loginsPath(), source: 'the default' }),
    (value) => value,
    failures,
  );
  call.exitCode = failures[0]?.exitCode ?? 0;
  if (call.json) return printJson(rows);
  const { printTable } = await import('../table.js');
  const lines = Object.entries(rows).map(([name, { value, source, problem }]) => [
    name,
    value ?? '-',
    source ?? (problem === undefined ? 'not set' : 'not usable, see below'),
  ]);
  await printTable(['SETTING', 'VALUE', 'FROM'], lines);
  for (const { message } of failures) say(`coffer: ${message}`);
}

/** A setting that is broken is shown with what is wrong, beside the others. */
function settingRow<T>(
  find: () => Readonly<{ value: T; source: string }> | null,
  shown: (value: T) => string,
  failures: Failure[],
): Row {
  try {
    const found = find();
    return found === null
      ? { value: null, source: null }
      : { value: shown(found.value), source: found.source };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    failures.push(error);
    return { value: null, source: null, problem: error.message };
  }
}

/** Enough of a token to tell it from others. */
function shortened(value: Credential['value']): string {
  if ('session' in value) return `a session of ${value.who}`;
  const { token } = value;
  const prefix = /^cof[ps]_/.exec(token)?.[0] ?? '';
  return token.length < 24 ? '…' : `${prefix}…${token.slice(-4)}`;
}

/** Plain HTTP is for one's own machine. */
function isOpenToOthers(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  return protocol === 'http:' && !/^(?:localhost|127\..*|\[::1\])$/.test(hostname);
}
