// The one place in which the command looks at the environment of its process.
import { isatty } from 'node:tty';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process. A child of `coffer run` gets a copy of it. */
export function environment(): Environment {
  return process.env;
}

/** A setting of ours. One that is set to nothing, as in `COFFER_ENV= coffer list`, counts as not set. */
export function setting(name: 'COFFER_SERVER' | 'COFFER_TOKEN' | 'COFFER_ENV'): string | undefined {
  return process.env[name] === '' ? undefined : process.env[name];
}

/** Whether people watch: what moves on the screen is for them alone. */
export function isLively(): boolean {
  return isatty(1) && isatty(2) && (process.env['NO_COLOR'] ?? '') === '';
}
