/** The exit codes of the command's own failures; where sysexits.h has a number for one, it is that. */
export const EXIT = {
  failed: 1,
  valueMissing: 3,
  usage: 64,
  unreachable: 69,
  denied: 77,
  configuration: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What stops a command: a sentence for stderr that says what to do next and never shows a value, and the exit code. */
export class Failure extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

export function usage(message: string): Failure {
  return new Failure(EXIT.usage, message);
}

/** The kind of an error of our own making, and its place: its message might repeat what it was given. */
export function whereIn(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const place = /\((?:file:\/\/)?.*\/([^/]+:\d+):\d+\)/.exec(error.stack ?? '')?.[1];
  return place === undefined ? error.name : `${error.name} at ${place}`;
}

/** The system's own word for what went wrong with a file, without the path, which the caller's sentence has. */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return 'for an unknown reason';
  const code = systemCode(error);
  return (code === null ? undefined : SYSTEM_REASONS[code]) ?? code ?? error.message;
}

export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  ELOOP: 'a symbolic link is in the way',
  ENAMETOOLONG: 'the name is too long',
  EFBIG: 'the file is too large',
};
