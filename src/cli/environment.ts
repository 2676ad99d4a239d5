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

/**
 * Node's own debug log (NODE_DEBUG) shows headers and the environments of children, so it would show credentials and values. It is
 * the only thing that writes to the stream of stderr here: what we say goes to the descriptor.
 */
export function hideDebugLog(): void {
  if (process.env['NODE_DEBUG'] === undefined) return;
  process.stderr.write = () => true;
}
