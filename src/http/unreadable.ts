import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** Node's reason why some bytes did not become a request. */
type Unreadable = Error & Readonly<{ code?: string }>;

type Refusal = Readonly<{ status: 400 | 408 | 431; code: 'invalid_request' | 'too_large'; error: string }>;

const REFUSALS: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'invalid_request',
    error: 'The request did not arrive in time.',
  },
  HPE_HEADER_OVERFLOW: { status: 431, code: 'too_large', error: 'The headers of the request are too large.' },
};
const MALFORMED: Refusal = { status: 400, code: 'invalid_request', error: 'The request is not valid HTTP.' };

/** What never becomes a request, because no parser can read it or it does not end, is answered in the same form as all others. */
export function answerUnreadable(reason: Unreadable, socket: Socket): void {
  if (reason.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.write(written(REFUSALS[reason.code ?? ''] ?? MALFORMED));
  socket.destroy();
}

function written({ status, code, error }: Refusal): string {
  const body = JSON.stringify({ error, code });
  const lines = [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}`,
    `X-Request-Id: ${randomUUID()}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    'Connection: close',
    '',
    body,
  ];
  return lines.join('\r\n');
}
