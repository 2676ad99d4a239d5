/** Where something happens: an organisation, one of its projects, or one of that project's environments. */
export type Scope = Readonly<{
  org: Readonly<{ id: string; slug: string }>;
  project?: Readonly<{ id: string; slug: string }>;
  environment?: Readonly<{ id: string; name: string }>;
}>;

/** A scope by ids alone, as grants and tokens store it. Absent means: everything below the parent. */
export type ScopeIds = Readonly<{ projectId: string | null; environmentId: string | null }>;

/** `org`, `org/project` or `org/project/environment`. */
export function scopePath(scope: Scope): string {
  return [scope.org.slug, scope.project?.slug, scope.environment?.name]
    .filter((part) => part !== undefined)
    .join('/');
}

export function scopeIds(scope: Scope): ScopeIds {
  return { projectId: scope.project?.id ?? null, environmentId: scope.environment?.id ?? null };
}

/** Whether `outer` is `inner` or lies above it, within one organisation. */
export function covers(outer: ScopeIds, inner: ScopeIds): boolean {
  if (outer.projectId === null) return true;
  if (outer.projectId !== inner.projectId) return false;
  return outer.environmentId === null || outer.environmentId === inner.environmentId;
}
