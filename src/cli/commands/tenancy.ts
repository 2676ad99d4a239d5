import type { Call } from '../call.js';
import type { CommandSpec, FlagSpec, GroupSpec } from '../command.js';
import { confirmed } from '../confirm.js';
import { environmentArgument, nameOf, orgArgument, projectArgument } from '../scope.js';
import { printTable } from '../table.js';
import { printJson, say } from '../terminal.js';
import { told } from '../times.js';

// Organisations, their projects, and the environments of those.

const NAME: FlagSpec = ['--name <text>', 'a name for people'];
const YES: FlagSpec = ['--yes', 'do not ask'];
const FORCE: FlagSpec = ['--force', 'even if there is something in it, which is destroyed too'];

export const orgCommands: GroupSpec = {
  name: 'org',
  summary: 'organisations: list, create, delete',
  commands: [
    {
      usage: 'list',
      summary: 'list the organisations that you belong to',
      asks: 'server',
      json: true,
      examples: ['coffer org list'],
      run: listOrgs,
    },
    {
      usage: 'create <slug>',
      summary: 'create an organisation, with you as its owner',
      flags: [NAME],
      asks: 'server',
      json: true,
      examples: ['coffer org create acme --name "Acme Inc."'],
      run: createOrg,
    },
    {
      usage: 'delete <slug>',
      summary: 'delete an organisation, with everything in it and its keys; nothing brings it back',
      flags: [YES],
      asks: 'server',
      json: true,
      examples: ['coffer org delete acme'],
      run: deleteOrg,
    },
  ] satisfies CommandSpec[],
};

export const projectCommands: GroupSpec = {
  name: 'project',
  summary: 'projects of an organisation: list, create, delete',
  commands: [
    {
      usage: 'list <org>',
      summary: 'list the projects of an organisation',
      asks: 'server',
      json: true,
      examples: ['coffer project list acme'],
      run: listProjects,
    },
    {
      usage: 'create <org/project>',
      summary: 'create a project, with an environment “default”',
      flags: [NAME],
      asks: 'server',
      json: true,
      examples: ['coffer project create acme/web'],
      run: createProject,
    },
    {
      usage: 'delete <org/project>',
      summary: 'delete a project',
      flags: [FORCE, YES],
      asks: 'server',
      json: true,
      examples: ['coffer project delete acme/web', 'coffer project delete acme/web --force --yes'],
      run: deleteProject,
    },
  ] satisfies CommandSpec[],
};

export const environmentCommands: GroupSpec = {
  name: 'environment',
  summary: 'environments of a project: list, create, delete',
  commands: [
    {
      usage: 'list <org/project>',
      summary: 'list the environments of a project',
      asks: 'server',
      json: true,
      examples: ['coffer environment list acme/web'],
      run: listEnvironments,
    },
    {
      usage: 'create <org/project/env>',
      summary: 'create an environment',
      asks: 'server',
      json: true,
      examples: ['coffer environment create acme/web/prod'],
      run: createEnvironment,
    },
    {
      usage: 'delete <org/project/env>',
      summary: 'delete an environment',
      flags: [FORCE, YES],
      asks: 'server',
      json: true,
      examples: [
        'coffer environment delete acme/web/preview',
        'coffer environment delete acme/web/preview --force --yes',
      ],
      run: deleteEnvironment,
    },
  ] satisfies CommandSpec[],
};

async function listOrgs(call: Call): Promise<void> {
  const orgs = await call.api.all('/orgs', {});
  if (call.json) return printJson(orgs);
  if (orgs.length === 0) {
    say('You belong to no organisation yet: coffer org create SLUG');
    return;
  }
  await printTable(
    ['ORG', 'NAME', 'CREATED'],
    orgs.map(({ slug, name, createdAt }) => [slug, name, told(createdAt)]),
  );
}

async function createOrg(call: Call): Promise<void> {
  const slug = orgArgument(call.argument(0));
  const org = await call.api.post('/orgs', { body: { slug, ...nameFlag(call) } });
  if (call.json) return printJson(org);
  say(`Created the organisation ${slug}. Next: coffer project create ${slug}/PROJECT`);
}

async function deleteOrg(call: Call): Promise<void> {
  const o = orgArgument(call.argument(0));
  if (
    !(await confirmed(
      call,
      `Delete the organisation ${o} with all its projects, secrets and keys, for good?`,
    ))
  )
    return;
  await call.api.delete('/orgs/{o}', { path: { o } });
  if (call.json) return printJson({ deleted: true, name: o });
  say(`Deleted the organisation ${o}.`);
}

async function listProjects(call: Call): Promise<void> {
  const o = orgArgument(call.argument(0));
  const projects = await call.api.all('/orgs/{o}/projects', { path: { o } });
  if (call.json) return printJson(projects);
  if (projects.length === 0) {
    say(`You see no project in ${o}. A new one: coffer project create ${o}/PROJECT`);
    return;
  }
  await printTable(
    ['PROJECT', 'NAME', 'CREATED'],
    projects.map(({ slug, name, createdAt }) => [`${o}/${slug}`, name, told(createdAt)]),
  );
}

async function createProject(call: Call): Promise<void> {
  const { org: o, project: slug } = projectArgument(call.argument(0));
  const project = await call.api.post('/orgs/{o}/projects', {
    path: { o },
    body: { slug, ...nameFlag(call) },
  });
  if (call.json) return printJson(project);
  say(`Created the project ${o}/${slug}, with an environment: coffer use ${o}/${slug}/default`);
}

async function deleteProject(call: Call): Promise<void> {
  const { org: o, project: p } = projectArgument(call.argument(0));
  if (!(await confirmed(call, `Delete the project ${o}/${p}${withWhat(call)}, for good?`))) return;
  await call.api.delete('/orgs/{o}/projects/{p}', { path: { o, p }, query: { force: forced(call) } });
  if (call.json) return printJson({ deleted: true, name: `${o}/${p}` });
  say(`Deleted the project ${o}/${p}.`);
}

async function listEnvironments(call: Call): Promise<void> {
  const { org: o, project: p } = projectArgument(call.argument(0));
  const environments = await call.api.all('/{o}/{p}/environments', { path: { o, p } });
  if (call.json) return printJson(environments);
  await printTable(
    ['ENVIRONMENT', 'REVISION', 'CREATED'],
    environments.map(({ name, revision, createdAt }) => [
      `${o}/${p}/${name}`,
      String(revision),
      told(createdAt),
    ]),
  );
}

async function createEnvironment(call: Call): Promise<void> {
  const environment = environmentArgument(call.argument(0));
  const { org: o, project: p, environment: name } = environment;
  const made = await call.api.post('/{o}/{p}/environments', { path: { o, p }, body: { name } });
  if (call.json) return printJson(made);
  say(
    `Created the environment ${nameOf(environment)}. Choose it for this folder: coffer use ${nameOf(environment)}`,
  );
}

async function deleteEnvironment(call: Call): Promise<void> {
  const environment = environmentArgument(call.argument(0));
  const { org: o, project: p, environment: envName } = environment;
  const question = `Delete the environment ${nameOf(environment)}${withWhat(call)}, for good?`;
  if (!(await confirmed(call, question))) return;
  const input = { path: { o, p, envName }, query: { force: forced(call) } };
  await call.api.delete('/{o}/{p}/environments/{envName}', input);
  if (call.json) return printJson({ deleted: true, name: nameOf(environment) });
  say(`Deleted the environment ${nameOf(environment)}.`);
}

function nameFlag(call: Call): { name?: string } {
  const name = call.flags.text('name');
  return name === undefined ? {} : { name };
}

function withWhat(call: Call): string {
  return call.flags.isSet('force') ? ' with everything in it' : '';
}

function forced(call: Call): 'true' | undefined {
  return call.flags.isSet('force') ? 'true' : undefined;
}
