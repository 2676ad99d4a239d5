import type { Call } from '../call.js';
import type { CommandSpec, FlagSpec, GroupSpec } from '../command.js';
import { confirmed } from '../confirm.js';
import { expiryOf } from '../expiry.js';
import { nameOf, projectArgument, type Project } from '../scope.js';
import { printTable } from '../table.js';
import { print, printJson, say } from '../terminal.js';
import { told } from '../times.js';

// How programs get in that keep a token.

const TOKENS = '/{o}/{p}/tokens';

export const ROLE: FlagSpec = [
  '--role <role>',
  'what it may do: consumer, for a pipeline that reads values',
  'required',
];
export const ENVIRONMENT: FlagSpec = [
  '--environment <env>',
  'only in this environment (default: in the whole project)',
];
const YES: FlagSpec = ['--yes', 'do not ask'];

export const tokenCommands: GroupSpec = {
  name: 'token',
  summary: 'service tokens of a project: list, create, revoke',
  commands: [
    {
      usage: 'list <org/project>',
      summary: 'list the service tokens; never the tokens themselves',
      asks: 'server',
      json: true,
      examples: ['coffer token list acme/web'],
      run: listTokens,
    },
    {
      usage: 'create <org/project>',
      summary: 'create a service token; it goes to stdout, and is shown this once',
      flags: [
        ['--name <name>', 'what it is for', 'required'],
        ROLE,
        ENVIRONMENT,
        ['--expires <when>', 'how long it works: 30m, 12h, 30d, or a time (default: until it is revoked)'],
        ['--allow-ip <cidr>', 'from these addresses only', 'repeatable'],
      ],
      asks: 'server',
      json: true,
      examples: [
        'coffer token create acme/web --name deploy --role consumer --environment prod --expires 90d',
        'coffer token create acme/web --name ci --role consumer --allow-ip 192.0.2.0/24 > token.txt',
      ],
      run: createToken,
    },
    {
      usage: 'revoke <org/project> <id>',
      summary: 'revoke a service token, at once and everywhere',
      flags: [YES],
      asks: 'server',
      json: true,
      examples: ['coffer token revoke acme/web 01234567-89ab-7def-8123-456789abcdef'],
      run: revokeToken,
    },
  ] satisfies CommandSpec[],
};

async function listTokens(call: Call): Promise<void> {
  const project = projectArgument(call.argument(0));
  const tokens = await call.api.all(TOKENS, { path: pathOf(project) });
  if (call.json) return printJson(tokens);
  if (tokens.length === 0) {
    say(`There are no service tokens in ${nameOf(project)}.`);
    return;
  }
  await printTable(
    ['ID', 'NAME', 'ROLE', 'IN', 'EXPIRES', 'LAST USED', 'CREATED BY'],
    tokens.map(({ id, name, role, envName, expiresAt, lastUsedAt, createdBy }) => [
      id,
      name,
      role,
      envName ?? 'the project',
      expiresAt === null ? 'never' : told(expiresAt),
      lastUsedAt === null ? 'never' : told(lastUsedAt),
      createdBy.name,
    ]),
  );
}

async function createToken(call: Call): Promise<void> {
  const project = projectArgument(call.argument(0));
  const envName = call.flags.text('environment');
  const expiresAt = expiryOf(call);
  const allowedIps = [...call.flags.list('allowIp')];
  const body = {
    name: call.flags.required('name'),
    role: call.flags.required('role'),
    ...(envName !== undefined && { envName }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(allowedIps.length > 0 && { allowedIps }),
  };
  const made = await call.api.post(TOKENS, { path: pathOf(project), body });
  if (call.json) return printJson(made);
  await print(`${made.token}\n`);
  say(`Created the token “${made.name}” (${made.id}). It is shown this once.`);
}

async function revokeToken(call: Call): Promise<void> {
  const project = projectArgument(call.argument(0));
  const id = call.argument(1);
  if (!(await confirmed(call, `Revoke the token ${id} of ${nameOf(project)}?`))) return;
  await call.api.delete('/{o}/{p}/tokens/{id}', { path: { ...pathOf(project), id } });
  if (call.json) return printJson({ revoked: true, id });
  say(`Revoked the token ${id}. What it has read: coffer exposure ${project.org} --actor ${id}`);
}

export function pathOf({ org, project }: Project): { o: string; p: string } {
  return { o: org, p: project };
}
