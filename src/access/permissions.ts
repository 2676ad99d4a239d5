/** The permissions and the five built-in roles. An organisation can define roles of its own out of the same permissions. */
export const PERMISSIONS = [
  'secrets:read',
  'secrets:write',
  'secrets:set-value',
  'secrets:get-value',
  'environments:write',
  'projects:write',
  'tokens:manage',
  'members:manage',
  'audit:read',
  'org:manage',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

const VIEWER = ['secrets:read'] as const;
const MEMBER = [...VIEWER, 'secrets:write'] as const;
const ADMIN = [
  ...MEMBER,
  'environments:write',
  'projects:write',
  'tokens:manage',
  'members:manage',
  'audit:read',
] as const;
const OWNER = [...ADMIN, 'secrets:set-value', 'org:manage'] as const;

/** No role for people reads values: `consumer` is for pipelines, servers and those who run the program locally. */
export const BUILT_IN_ROLES: Readonly<Record<BuiltInRole, readonly Permission[]>> = {
  viewer: VIEWER,
  member: MEMBER,
  admin: ADMIN,
  owner: OWNER,
  consumer: ['secrets:read', 'secrets:get-value'],
};

export type BuiltInRole = 'viewer' | 'member' | 'admin' | 'owner' | 'consumer';

export function isBuiltInRole(name: string): name is BuiltInRole {
  return Object.hasOwn(BUILT_IN_ROLES, name);
}

export function isPermission(name: string): name is Permission {
  return (PERMISSIONS as readonly string[]).includes(name);
}
