import { IncomingMessage } from 'node:http';
import { isJson, refusal, stranger } from './api-error.js';
import type { components, paths } from './api-types.js';
import type { Bearer } from './credential.js';
import { EXIT, Failure } from './failure.js';
import type { Answer, Connection } from './http.js';
import { isRecord, parsed } from './json.js';

// The service as typed calls: a path of its OpenAPI document, and what that document says about it. Everything that is
// no success is thrown as a sentence for people. The credential goes to the one server that it belongs to.

/** One of the service's shapes, by its name. */
export type View<N extends keyof components['schemas']> = components['schemas'][N];

const SCOPE_PARAMETERS = ['o', 'p', 'envName'];
/** Where the query or the body of a request names places too. */
const OTHER_PLACES = ['from', 'to', 'project', 'environment', 'envName'];

type Method = 'get' | 'put' | 'post' | 'delete' | 'patch';

/** The paths that have a method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, unknown> ? P : never;
}[keyof paths];

type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;

type OrUndefined<T> = { [K in keyof T]: T[K] | undefined };

type PathPart<O> = O extends { parameters: { path: infer V extends object } }
  ? { path: V }
  : { path?: never };
type QueryPart<O> = O extends { parameters: { query?: infer V extends object } }
  ? { query?: OrUndefined<V> }
  : { query?: never };
type BodyPart<O> = O extends { requestBody: { content: { 'application/json': infer V } } }
  ? { body: V }
  : { body?: never };

type Input<O> = PathPart<O> & QueryPart<O> & BodyPart<O> & { headers?: Readonly<Record<string, string>> };

type JsonOf<R> = R extends { content: { 'application/json': infer V } } ? V : undefined;
type Output<O> = O extends { responses: infer R } ? JsonOf<R[keyof R & (200 | 201 | 204)]> : never;

type Result<P extends keyof paths, M extends Method> = Output<Operation<P, M>>;

/** What a list's page is made of. */
type ItemOf<O> = Output<O> extends readonly (infer Item)[] ? Item : never;

type Sent = Readonly<{
  path?: object | undefined;
  query?: object | undefined;
  body?: unknown;
  headers?: Readonly<Record<string, string>> | undefined;
}>;

export class ApiClient {
  constructor(
    private readonly connection: Connection,
    /** Null for the few routes that need no credential. */
    private readonly bearer: Bearer | null,
  ) {}

  get server(): string {
    return this.connection.server;
  }

  get<P extends PathOf<'get'>>(path: P, input: Input<Operation<P, 'get'>>): Promise<Result<P, 'get'>> {
    return this.#call('get', path, input);
  }

  post<P extends PathOf<'post'>>(path: P, input: Input<Operation<P, 'post'>>): Promise<Result<P, 'post'>> {
    return this.#call('post', path, input);
  }

  put<P extends PathOf<'put'>>(path: P, input: Input<Operation<P, 'put'>>): Promise<Result<P, 'put'>> {
    return this.#call('put', path, input);
  }

  patch<P extends PathOf<'patch'>>(
    path: P,
    input: Input<Operation<P, 'patch'>>,
  ): Promise<Result<P, 'patch'>> {
    return this.#call('patch', path, input);
  }

  delete<P extends PathOf<'delete'>>(
    path: P,
    input: Input<Operation<P, 'delete'>>,
  ): Promise<Result<P, 'delete'>> {
    return this.#call('delete', path, input);
  }

  /** Every item of a list, page after page. */
  all<P extends PathOf<'get'>>(
    path: P,
    input: Input<Operation<P, 'get'>>,
  ): Promise<ItemOf<Operation<P, 'get'>>[]> {
    return this.some(path, input, Number.POSITIVE_INFINITY);
  }

  /** The first items of a list, `most` at the most. */
  async some<P extends PathOf<'get'>>(
    path: P,
    input: Input<Operation<P, 'get'>>,
    most: number,
  ): Promise<ItemOf<Operation<P, 'get'>>[]> {
    type Page = ItemOf<Operation<P, 'get'>>[];
    const items: Page = [];
    let cursor: string | undefined;
    do {
      const query = cursor === undefined ? input.query : { ...input.query, cursor };
      const answer = await this.#send('get', path, { ...input, query });
      const page = this.#body(answer);
      if (!Array.isArray(page)) throw stranger(answer, this.server);
      items.push(...(page as Page));
      cursor = nextCursor(answer);
    } while (cursor !== undefined && items.length < most);
    return items.slice(0, most);
  }

  /** A text or a stream of this media type, after its head is known to be good. `silenceMs` as in `Connection.chunks`. */
  async stream<P extends PathOf<'get'>>(
    path: P,
    input: Input<Operation<P, 'get'>>,
    { type, silenceMs }: { type: string; silenceMs?: number },
  ): Promise<AsyncGenerator<Buffer>> {
    const open = async (headers: Readonly<Record<string, string>>): Promise<IncomingMessage> =>
      this.connection.open({
        method: 'GET',
        path: address(path, input),
        headers: { accept: type, ...input.headers, ...headers },
      });
    const message = await this.#authorized(open, (opened) => opened.statusCode ?? 0);
    const { statusCode: status = 0, headers } = message;
    if (status !== 200)
      throw refusal(
        { status, headers, body: await this.connection.read(message) },
        this.server,
        this.#whose,
        about(input),
      );
    if (headers['content-type']?.startsWith(type) === true) return this.connection.chunks(message, silenceMs);
    message.destroy();
    throw stranger({ status, headers }, this.server);
  }

  async #call<M extends Method, P extends PathOf<M>>(
    method: M,
    path: P,
    input: Input<Operation<P, M>>,
  ): Promise<Result<P, M>> {
    return this.#body(await this.#send(method, path, input)) as Result<P, M>;
  }

  async #send(method: Method, path: string, sent: Sent): Promise<Answer> {
    const body = sent.body === undefined ? undefined : JSON.stringify(sent.body);
    const answer = await this.#authorized(
      (headers) =>
        this.connection.send({
          method: method.toUpperCase(),
          path: address(path, sent),
          headers: { ...sent.headers, ...headers },
          ...(body !== undefined && { body }),
        }),
      ({ status }) => status,
    );
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw refusal(answer, this.server, this.#whose, about(sent));
  }

  /** Asks with the credential; once more with a renewed one, when the first had ended. */
  async #authorized<T>(
    ask: (headers: Record<string, string>) => Promise<T>,
    statusOf: (answer: T) => number,
  ): Promise<T> {
    if (this.bearer === null) return ask({});
    const token = await this.bearer.current();
    const answer = await ask({ authorization: `Bearer ${token}` });
    if (statusOf(answer) !== 401) return answer;
    const another = await this.bearer.after(token);
    if (another === null) return answer;
    if (answer instanceof IncomingMessage) answer.destroy();
    return ask({ authorization: `Bearer ${another}` });
  }

  get #whose(): string | null {
    return this.bearer?.source ?? null;
  }

  /**
   * The JSON of an answer. The callers above believe the service about its shape: `api-types.ts` is what it says of itself,
   * and a test holds the two together.
   */
  #body(answer: Answer): unknown {
    if (answer.status === 204) return undefined;
    const data = isJson(answer) ? parsed(answer.body.toString('utf8')) : undefined;
    if (!isRecord(data) && !Array.isArray(data)) throw stranger(answer, this.server);
    return data;
  }
}

/** `/orgs/{o}` and its parameters as the path and query of a request. */
function address(template: string, { path = {}, query = {} }: Sent): string {
  const values = new Map(Object.entries(path).map(([name, value]) => [name, String(value)]));
  const filled = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(values.get(name) ?? ''));
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.append(name, String(value));
  }
  return parameters.size === 0 ? filled : `${filled}?${parameters.toString()}`;
}

/** What stands between may shorten `roles/..` to the organisation itself, and would have that deleted. */
function segment(value: string): string {
  if (!/^\.{0,2}$/.test(value) && value.isWellFormed()) return encodeURIComponent(value);
  throw new Failure(EXIT.failed, `“${value}” cannot be a name.`);
}

/** What a request is about, for people: `NAME in acme/web/prod`, and the other places that it names. */
function about({ path = {}, query, body }: Sent): string {
  const named = Object.entries(path).map(([name, value]) => [name, String(value)] as const);
  const place = named.filter(([name]) => SCOPE_PARAMETERS.includes(name)).map(([, value]) => value);
  const own = named
    .filter(([name]) => ![...SCOPE_PARAMETERS, 'user'].includes(name))
    .map(([, value]) => value);
  const first = [own.join(' '), place.join('/')].filter((part) => part !== '').join(' in ');
  const others = Object.entries({ ...query, ...(isRecord(body) && body) })
    .filter(([name, value]) => OTHER_PLACES.includes(name) && typeof value === 'string')
    .map(([, value]) => String(value));
  return [first, ...others].join(', ');
}

/** Only the cursor is taken from the link: where the next page is asked for is not the answer's to say. */
function nextCursor(answer: Answer): string | undefined {
  const link = String(answer.headers['link'] ?? '');
  const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link)?.[1];
  if (target === undefined || !URL.canParse(target, 'http://localhost')) return undefined;
  return new URL(target, 'http://localhost').searchParams.get('cursor') ?? undefined;
}
