import type { View } from '../api-client.js';
import type { Call } from '../call.js';
import type { CommandSpec, GroupSpec } from '../command.js';
import { confirmed } from '../confirm.js';
import { EXIT, Failure, usage } from '../failure.js';
import { readNamedFile } from '../files.js';
import { nameOf, projectArgument, type Project } from '../scope.js';
import { printTable } from '../table.js';
import { printable, printJson, say } from '../terminal.js';
import { told } from '../times.js';
import { ENVIRONMENT, pathOf, ROLE } from './tokens.js';

// How programs get in that keep nothing: they show a token of an issuer that is trusted.

const TRUSTS = '/{o}/{p}/trusts';
const DEFAULT_TTL_SECONDS = 900;
const LARGEST_TOKEN_FILE = 64 * 1024;

export const trustCommands: GroupSpec = {
  name: 'trust',
  summary: 'trusts of a project in an issuer: list, create, delete, simulate',
  commands: [
    {
      usage: 'list <org/project>',
      summary: 'list the trusts',
      asks: 'server',
      json: true,
      examples: ['coffer trust list acme/web'],
      run: listTrusts,
    },
    {
      usage: 'create <org/project>',
      summary: 'trust the tokens of an issuer that make these claims',
      details:
        'Claims are compared one by one, exactly. A claim that is given more than once may have any of its values. For GitHub, pin repository_id or repository_owner_id; for GitLab, project_id or namespace_id.',
      flags: [
        ['--name <name>', 'what it is for', 'required'],
        ['--issuer <url>', 'who issues the tokens', 'required'],
        ['--audience <audience>', 'for whom they must be', 'required'],
        ['--claim <claim=value>', 'what they must claim', 'repeatable'],
        ROLE,
        ENVIRONMENT,
        ['--ttl <seconds>', `how long access lasts (default ${String(DEFAULT_TTL_SECONDS)})`, 'number'],
      ],
      asks: 'server',
      json: true,
      examples: [
        'coffer trust create acme/web --name deploy --issuer https://token.actions.githubusercontent.com \\\n  --audience https://coffer.example.com --claim repository_id=74 --claim ref=refs/heads/main --role consumer',
      ],
      run: createTrust,
    },
    {
      usage: 'delete <org/project> <name>',
      summary: 'delete a trust',
      flags: [['--yes', 'do not ask']],
      asks: 'server',
      json: true,
      examples: ['coffer trust delete acme/web deploy'],
      run: deleteTrust,
    },
    {
      usage: 'simulate <org/project> <name>',
      summary: 'see whether a token, or some claims, would be trusted, and why not',
      details: 'Exits with 1 when they would not. Nothing is given out.',
      flags: [
        ['--token-file <file>', 'the file that holds the issuer’s token'],
        ['--claim <claim=value>', 'a claim, in place of a token', 'repeatable'],
      ],
      asks: 'server',
      json: true,
      examples: [
        'coffer trust simulate acme/web deploy --claim repository_id=74 --claim ref=refs/heads/main',
      ],
      run: simulateTrust,
    },
  ] satisfies CommandSpec[],
};

async function listTrusts(call: Call): Promise<void> {
  const project = projectArgument(call.argument(0));
  const trusts = await call.api.all(TRUSTS, { path: pathOf(project) });
  if (call.json) return printJson(trusts);
  if (trusts.length === 0) {
    say(`There are no trusts in ${nameOf(project)}.`);
    return;
  }
  await printTable(
    ['NAME', 'ROLE', 'IN', 'LAST USED', 'ISSUER', 'CLAIMS'],
    trusts.map(({ name, role, envName, lastUsedAt, issuer, claims }) => [
      name,
      role,
      envName ?? 'the project',
      lastUsedAt === null ? 'never' : told(lastUsedAt),
      issuer,
      Object.entries(claims)
        .map(([claim, value]) => `${claim}=${[value].flat().join('|')}`)
        .join(' '),
    ]),
  );
}

async function createTrust(call: Call): Promise<void> {
  const project = projectArgument(call.argument(0));
  const envName = call.flags.text('environment');
  const body = {
    name: call.flags.required('name'),
    issuer: call.flags.required('issuer'),
    audience: call.flags.required('audience'),
    claims: claimsOf(call),
    role: call.flags.required('role'),
    ttlSeconds: Number(call.flags.text('ttl') ?? DEFAULT_TTL_SECONDS),
    ...(envName !== undefined && { envName }),
  };
  const trust = await call.api.post(TRUSTS, { path: pathOf(project), body });
  if (call.json) return printJson(trust);
  say(
    `Created the trust “${trust.name}”. A workload asks for access with the audience ${nameOf(project)}/${trust.name}.`,
  );
}

async function deleteTrust(call: Call): Promise<void> {
  const project = projectArgument(call.argument(0));
  const trust = await trustNamed(call, project);
  if (!(await confirmed(call, `Delete the trust ${trust.name} of ${nameOf(project)}?`))) return;
  await call.api.delete(`${TRUSTS}/{id}`, { path: { ...pathOf(project), id: trust.id } });
  if (call.json) return printJson({ deleted: true, name: trust.name });
  say(`Deleted the trust ${trust.name} of ${nameOf(project)}.`);
}

async function simulateTrust(call: Call): Promise<void> {
  const project = projectArgument(call.argument(0));
  const file = call.flags.text('tokenFile');
  if ((file === undefined) === (call.flags.list('claim').length === 0)) {
    throw usage('Give either --token-file, or claims with --claim.');
  }
  const body = file === undefined ? { claims: claimsOf(call) } : { subject_token: subjectToken(file) };
  const trust = await trustNamed(call, project);
  const path = { ...pathOf(project), id: trust.id };
  const { matches, mismatches } = await call.api.post(`${TRUSTS}/{id}/simulate`, { path, body });
  if (!matches) call.exitCode = EXIT.failed;
  if (call.json) return printJson({ matches, mismatches });
  if (matches) {
    say(`The trust ${trust.name} matches.`);
    return;
  }
  await printTable(
    ['CLAIM', 'EXPECTED', 'ACTUAL'],
    mismatches.map(({ claim, expected, actual }) => [claim, shown(expected), shown(actual)]),
  );
  say(`The trust ${trust.name} does not match.`);
}

async function trustNamed(call: Call, project: Project): Promise<View<'TrustView'>> {
  const name = call.argument(1);
  const trusts = await call.api.all(TRUSTS, { path: pathOf(project) });
  const trust = trusts.find((each) => each.name === name);
  if (trust !== undefined) return trust;
  throw new Failure(
    EXIT.failed,
    `There is no trust “${printable(name)}” in ${nameOf(project)} that you may see.`,
  );
}

/** One value as text; several of the same claim as a list. */
function claimsOf(call: Call): Record<string, string | string[]> {
  const claims = new Map<string, string[]>();
  for (const each of call.flags.list('claim')) {
    const [, claim, value] = /^([^=]+)=(.*)$/s.exec(each) ?? [];
    if (claim === undefined || value === undefined) throw usage('--claim takes CLAIM=VALUE.');
    claims.set(claim, [...(claims.get(claim) ?? []), value]);
  }
  return Object.fromEntries(
    [...claims].map(([claim, values]) => [claim, values.length === 1 ? values.join() : values]),
  );
}

function subjectToken(file: string): string {
  return Buffer.from(readNamedFile(file, LARGEST_TOKEN_FILE)).toString('utf8').trim();
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
