import type { Basis } from './basis.js';
import type { Rights } from './rights.js';

/** From where a request comes; it stands in every audit event. `requestId` is the answer's `X-Request-Id`. */
export type Origin = Readonly<{ ip: string; userAgent: string; requestId: string }>;

export type User = Readonly<{ id: string; username: string; email: string }>;

/** A person: by a session of theirs or by a personal access token. */
export type UserCaller = Readonly<{
  kind: 'user';
  user: User;
  by: Readonly<{ kind: 'session' | 'personal-token'; id: string }>;
  origin: Origin;
  /** What it rests on, for whoever remembers it: the credential as it was read. */
  basis: Basis;
}>;

/** A service token or a federated workload: itself, one role in one project or in one environment of it. */
export type ServiceCaller = Readonly<{
  kind: 'service';
  token: Readonly<{
    id: string;
    name: string;
    role: string;
    projectSlug: string;
    environmentName: string | null;
  }>;
  org: Readonly<{ id: string; slug: string }>;
  /** A token carries its own rights: it is one holding. */
  rights: Rights;
  origin: Origin;
  /** What it rests on, for whoever remembers it: the credential and what it may do, as they were read. */
  basis: Basis;
  /** Which short-lived token this is, when a workload exchanged one of its issuer's for it: `token` is then the trust that matched. */
  federated?: Readonly<{ tokenId: string }>;
}>;

/** Who asks. Made by the authenticate guard out of any credential. */
export type Caller = UserCaller | ServiceCaller;

/** Who did something, as the audit trail says it. */
export type Actor = Readonly<{
  type: 'user' | 'service-token' | 'system' | 'anonymous';
  id: string | null;
  name: string | null;
}>;

export function actorOf(caller: Caller): Actor {
  return caller.kind === 'user'
    ? { type: 'user', id: caller.user.id, name: caller.user.username }
    : { type: 'service-token', id: caller.token.id, name: caller.token.name };
}
