import type { OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

const NAME = { type: 'string', maxLength: 63 } as const;

/** The path parameters that guards read, so that no controller names them. */
const PLACES: Readonly<Record<string, string>> = {
  o: 'The organisation’s slug.',
  p: 'The project’s slug.',
  envName: 'The environment’s name.',
};

const ERROR = { 'application/json': { schema: { $ref: '#/components/schemas/ErrorView' } } };

/** What can happen on every route, and on every one that takes a body. */
const ALWAYS: Readonly<Record<string, string>> = {
  '400': 'A rule is broken, or a parameter is not known.',
  '429': 'Too many requests: `Retry-After` says how long to wait.',
  '500': 'Something went wrong inside the service; the log has the request id.',
  '503':
    'The database, the audit trail or the keys cannot be reached; nothing was changed and no value left.',
};
const WITH_BODY: Readonly<Record<string, string>> = {
  '413': 'The body is too large.',
  '415': 'The body is not JSON.',
};

/** Completes the document with what is true of many routes. The personal doors describe their own errors. */
export function completed(document: OpenAPIObject): OpenAPIObject {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
      const operation = item[method];
      if (operation === undefined) continue;
      namePlaces(path, operation);
      if (!path.startsWith('/api/')) addErrors(operation);
    }
  }
  return document;
}

function namePlaces(path: string, operation: Operation): void {
  const named = new Set(
    (operation.parameters ?? []).map((parameter) => ('name' in parameter ? parameter.name : '')),
  );
  const places = [...path.matchAll(/\{(\w+)\}/g)]
    .map(([, name]) => name ?? '')
    .filter((name) => name in PLACES && !named.has(name))
    .map((name) => ({
      name,
      in: 'path' as const,
      required: true,
      description: PLACES[name] ?? '',
      schema: { ...NAME },
    }));
  operation.parameters = [...places, ...(operation.parameters ?? [])];
}

function addErrors(operation: Operation): void {
  const more = { ...ALWAYS, ...(operation.requestBody === undefined ? {} : WITH_BODY) };
  for (const [status, description] of Object.entries(more)) {
    operation.responses[status] ??= { description, content: ERROR };
  }
}
