import type { TestApp } from './app.js';

export type TrailRow = Readonly<{
  action: string;
  outcome: 'allowed' | 'denied';
  actor_type: string;
  actor_name: string | null;
  resource: Readonly<Record<string, unknown>>;
  ip: string;
  user_agent: string;
  request_id: string;
}>;

/** The events of a user's own trail, the oldest first, as the database has them. */
export async function trailOf(app: TestApp, user: { id: string }): Promise<TrailRow[]> {
  const { rows } = await app.sql.query<TrailRow>(
    `select action, outcome, actor_type, actor_name, resource, ip, user_agent, request_id from user_events
     where user_id = $1 order by seq`,
    [user.id],
  );
  return rows;
}

/** Another node of the same service: the same database, the same root key. */
export type Node = Readonly<{ database: { url: string; drop(): Promise<void> }; rootKey: Uint8Array }>;

export function besides(app: TestApp): Node {
  return { database: { url: app.databaseUrl, drop: () => Promise.resolve() }, rootKey: app.rootKey };
}
