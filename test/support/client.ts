import type { Server } from 'node:http';
import request, { type Test } from 'supertest';

/** Requests as one caller. `body` is sent as JSON; every call returns supertest's request, to be awaited or asserted on. */
export class Client {
  constructor(
    private readonly server: Server | string,
    readonly credential: string | null,
  ) {}

  get(path: string): Test {
    return this.send('get', path);
  }

  post(path: string, body?: object): Test {
    return this.send('post', path, body);
  }

  put(path: string, body?: object): Test {
    return this.send('put', path, body);
  }

  patch(path: string, body?: object): Test {
    return this.send('patch', path, body);
  }

  delete(path: string, body?: object): Test {
    return this.send('delete', path, body);
  }

  send(
    method: 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head' | 'options',
    path: string,
    body?: object,
  ): Test {
    const sent = request(this.server)[method](path);
    if (this.credential !== null) void sent.set('authorization', `Bearer ${this.credential}`);
    return body === undefined ? sent : sent.send(body);
  }
}
