import type { Client } from './client.js';

/** Where the next page is, as an answer's `Link` header says it; undefined on the last one. */
export function nextOf(answer: { headers: Record<string, string> }): string | undefined {
  return /<([^>]+)>; rel="next"/.exec(answer.headers['link'] ?? '')?.[1];
}

/** Follows a list from page to page and gives what they hold together. */
export async function allPages(client: Client, first: string): Promise<unknown[]> {
  const items: unknown[] = [];
  let path: string | undefined = first;
  while (path !== undefined) {
    const answer = (await client.get(path).expect(200)) as {
      body: unknown[];
      headers: Record<string, string>;
    };
    items.push(...answer.body);
    path = nextOf(answer);
  }
  return items;
}
