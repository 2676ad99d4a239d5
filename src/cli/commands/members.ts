import type { View } from '../api-client.js';
import type { Call } from '../call.js';
import type { CommandSpec, FlagSpec, GroupSpec } from '../command.js';
import { confirmed } from '../confirm.js';
import { EXIT, Failure, usage } from '../failure.js';
import { orgArgument, scopeInside } from '../scope.js';
import { ask, isInteractive, readStdin } from '../stdin.js';
import { printTable } from '../table.js';
import { print, printable, printJson, say } from '../terminal.js';
import { expiryOf } from '../expiry.js';

// Who belongs to an organisation, and what they may do in it.

const ROLE: FlagSpec = [
  '--role <role>',
  'viewer, member, admin, owner, consumer, or one of the organisation’s own',
  'required',
];
const SCOPE: FlagSpec = ['--scope <org/project[/env]>', 'only there (default: in the whole organisation)'];

export const memberCommands: GroupSpec = {
  name: 'member',
  summary: 'members of an organisation: list, add, remove, invite',
  commands: [
    {
      usage: 'list <org>',
      summary: 'list the members and what they hold',
      asks: 'server',
      json: true,
      examples: ['coffer member list acme'],
      run: list,
    },
    {
      usage: 'add <org> <user>',
      summary: 'give a user a role; the user is a user name or an e-mail address',
      flags: [ROLE, SCOPE],
      asks: 'server',
      json: true,
      examples: [
        'coffer member add acme mia --role member',
        'coffer member add acme mia --role consumer --scope acme/web/dev',
      ],
      run: add,
    },
    {
      usage: 'remove <org> <user>',
      summary: 'take everything that a user holds in the organisation; a user name or an e-mail address',
      flags: [['--yes', 'do not ask']],
      asks: 'server',
      json: true,
      examples: ['coffer member remove acme mia'],
      run: remove,
    },
    {
      usage: 'invite <org>',
      summary: 'invite somebody; the invitation goes to stdout, and is shown this once',
      flags: [
        ROLE,
        SCOPE,
        ['--email <address>', 'only for who has this address'],
        ['--expires <when>', 'how long it holds: 30m, 12h, 7d, or a time'],
      ],
      asks: 'server',
      json: true,
      examples: ['coffer member invite acme --role member --expires 7d'],
      run: invite,
    },
    {
      usage: 'accept',
      summary: 'accept an invitation, given on stdin or asked for',
      asks: 'server',
      json: true,
      examples: ['coffer member accept < invitation.txt'],
      run: accept,
    },
  ] satisfies CommandSpec[],
};

export const roleCommands: GroupSpec = {
  name: 'role',
  summary: 'an organisation’s own roles: list, create, delete',
  commands: [
    {
      usage: 'list <org>',
      summary: 'list the roles and what they hold',
      asks: 'server',
      json: true,
      examples: ['coffer role list acme'],
      run: listRoles,
    },
    {
      usage: 'create <org> <name>',
      summary: 'create a role out of permissions',
      details:
        'Permissions: secrets:read, secrets:write, secrets:set-value, secrets:get-value, environments:write, projects:write, tokens:manage, members:manage, audit:read, org:manage.',
      flags: [['--permission <permission>', 'one of those that the role holds', 'repeatable']],
      asks: 'server',
      json: true,
      examples: ['coffer role create acme rotator --permission secrets:read --permission secrets:set-value'],
      run: createRole,
    },
    {
      usage: 'delete <org> <name>',
      summary: 'delete a role that nobody holds',
      flags: [['--yes', 'do not ask']],
      asks: 'server',
      json: true,
      examples: ['coffer role delete acme rotator'],
      run: deleteRole,
    },
  ] satisfies CommandSpec[],
};

async function list(call: Call): Promise<void> {
  const o = orgArgument(call.argument(0));
  const members = await call.api.all('/orgs/{o}/members', { path: { o } });
  if (call.json) return printJson(members);
  const rows = members.flatMap(({ user, grants }) =>
    grants.map(({ role, scope }) => [user.username, user.email, role, scope]),
  );
  await printTable(['USER', 'E-MAIL', 'ROLE', 'IN'], rows);
}

async function add(call: Call): Promise<void> {
  const o = orgArgument(call.argument(0));
  const user = call.argument(1);
  const role = call.flags.required('role');
  const body = { user, role, ...scopeInside(o, call.flags.text('scope')) };
  const grant = await call.api.post('/orgs/{o}/grants', { path: { o }, body });
  if (call.json) return printJson(grant);
  say(`${grant.user.username} is ${role} in ${grant.scope}.`);
}

async function remove(call: Call): Promise<void> {
  const o = orgArgument(call.argument(0));
  const username = await usernameOf(call, o, call.argument(1));
  if (!(await confirmed(call, `Take everything that ${username} holds in ${o}?`))) return;
  await call.api.delete('/orgs/{o}/members/{username}', { path: { o, username } });
  if (call.json) return printJson({ removed: true, username });
  say(
    `${username} holds nothing in ${o} any more. What they have read: coffer exposure ${o} --actor ${username}`,
  );
}

/** Members are removed by user name; whoever has an address only finds it among the members. */
async function usernameOf(call: Call, o: string, user: string): Promise<string> {
  if (!user.includes('@')) return user;
  const members = await call.api.all('/orgs/{o}/members', { path: { o } });
  const found = members.find((member) => member.user.email.toLowerCase() === user.toLowerCase());
  if (found !== undefined) return found.user.username;
  throw new Failure(EXIT.failed, `Nobody in ${o} that you may see has the address “${user}”.`);
}

async function invite(call: Call): Promise<void> {
  const o = orgArgument(call.argument(0));
  const role = call.flags.required('role');
  const email = call.flags.text('email');
  const expiresAt = expiryOf(call);
  const body = {
    role,
    ...scopeInside(o, call.flags.text('scope')),
    ...(email !== undefined && { email }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
  const invitation = await call.api.post('/orgs/{o}/invitations', { path: { o }, body });
  if (call.json) return printJson(invitation);
  await print(`${invitation.token}\n`);
  say(
    `This invitation to be ${role} in ${placeOf(o, invitation)} works once, until ${invitation.expiresAt}. It is accepted with: coffer member accept`,
  );
}

async function accept(call: Call): Promise<void> {
  const text = isInteractive()
    ? await ask('Invitation: ')
    : Buffer.from(await readStdin('the invitation')).toString('utf8');
  const token = (text ?? '').trim();
  if (token === '') throw usage('There is no invitation: give it on stdin.');
  const accepted = await call.api.post('/auth/invitations/accept', { body: { token } });
  if (call.json) return printJson(accepted);
  say(`You are ${accepted.role} in ${placeOf(accepted.org, accepted)}.`);
}

function placeOf(org: string, { project, environment }: { project?: string; environment?: string }): string {
  return [org, project, environment].filter((part) => part !== undefined).join('/');
}

async function listRoles(call: Call): Promise<void> {
  const o = orgArgument(call.argument(0));
  const roles = await call.api.all('/orgs/{o}/roles', { path: { o } });
  if (call.json) return printJson(roles);
  if (roles.length === 0) {
    say(`${o} has no roles of its own. Everywhere there are viewer, member, admin, owner and consumer.`);
    return;
  }
  await printTable(
    ['ROLE', 'PERMISSIONS'],
    roles.map(({ name, permissions }) => [name, permissions.join(' ')]),
  );
}

type Permission = View<'RoleBody'>['permissions'][number];

async function createRole(call: Call): Promise<void> {
  const o = orgArgument(call.argument(0));
  const name = call.argument(1);
  const permissions = call.flags.list('permission').map(permissionFrom);
  if (permissions.length === 0)
    throw usage('A role holds at least one permission: --permission secrets:read');
  const role = await call.api.post('/orgs/{o}/roles', { path: { o }, body: { name, permissions } });
  if (call.json) return printJson(role);
  say(`Created the role ${name} in ${o}.`);
}

const PERMISSIONS: Readonly<Record<Permission, true>> = {
  'secrets:read': true,
  'secrets:write': true,
  'secrets:set-value': true,
  'secrets:get-value': true,
  'environments:write': true,
  'projects:write': true,
  'tokens:manage': true,
  'members:manage': true,
  'audit:read': true,
  'org:manage': true,
};

function permissionFrom(text: string): Permission {
  if (isPermission(text)) return text;
  throw usage(
    `There is no permission “${printable(text)}”. There are: ${Object.keys(PERMISSIONS).join(', ')}`,
  );
}

function isPermission(text: string): text is Permission {
  return Object.hasOwn(PERMISSIONS, text);
}

async function deleteRole(call: Call): Promise<void> {
  const o = orgArgument(call.argument(0));
  const role = call.argument(1);
  if (!(await confirmed(call, `Delete the role ${role} of ${o}?`))) return;
  await call.api.delete('/orgs/{o}/roles/{role}', { path: { o, role } });
  if (call.json) return printJson({ deleted: true, name: role });
  say(`Deleted the role ${role} of ${o}.`);
}
