import { usage } from './failure.js';

export type Environment = Readonly<{ org: string; project: string; environment: string }>;
export type Project = Readonly<{ org: string; project: string }>;

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LONGEST_ENVIRONMENT = 31;

/** `org/project/environment`, or null when it is no such thing. */
export function environmentFrom(text: string): Environment | null {
  const [org, project, environment, ...rest] = text.split('/');
  if (org === undefined || project === undefined || environment === undefined || rest.length > 0) return null;
  return isSlug(org) && isSlug(project) && isEnvironment(environment) ? { org, project, environment } : null;
}

/** An argument that must be `org/project/environment`. */
export function environmentArgument(text: string): Environment {
  const found = environmentFrom(text);
  if (found === null) throw usage(`“${text}” is no environment: write it as org/project/environment.`);
  return found;
}

/** An argument that must be `org/project`. */
export function projectArgument(text: string): Project {
  const [org, project, ...rest] = text.split('/');
  if (org === undefined || project === undefined || rest.length > 0 || !isSlug(org) || !isSlug(project)) {
    throw usage(`“${text}” is no project: write it as org/project.`);
  }
  return { org, project };
}

/** An argument that must be an organisation's slug. */
export function orgArgument(text: string): string {
  if (!isSlug(text)) throw usage(`“${text}” is no organisation: give its slug, such as acme.`);
  return text;
}

/** `org/project[/environment]` inside an organisation; without it, the whole organisation. */
export function scopeInside(
  org: string,
  text: string | undefined,
): Readonly<{ project?: string; environment?: string }> {
  if (text === undefined || text === org) return {};
  const isProject = text.split('/').length === 2;
  const { org: first, ...inside } = isProject ? projectArgument(text) : environmentArgument(text);
  if (first !== org) throw usage(`The scope “${text}” is not in the organisation ${org}.`);
  return inside;
}

/** An environment of a project: its name alone, or the whole path when the project is the same. */
export function environmentOf(project: Project, text: string): string {
  if (!text.includes('/')) {
    if (isEnvironment(text)) return text;
    throw usage(`“${text}” is no environment: give its name, or org/project/environment.`);
  }
  const found = environmentArgument(text);
  if (found.org !== project.org || found.project !== project.project) {
    throw usage(`“${text}” is in another project than ${nameOf(project)}; both must be in one.`);
  }
  return found.environment;
}

export function nameOf(place: Environment | Project): string {
  return [place.org, place.project, ...('environment' in place ? [place.environment] : [])].join('/');
}

function isSlug(text: string): boolean {
  return SLUG.test(text) && !text.includes('--');
}

function isEnvironment(text: string): boolean {
  return isSlug(text) && text.length <= LONGEST_ENVIRONMENT;
}
