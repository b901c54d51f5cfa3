import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type ApiAnswer, HttpApi, type HttpApiOptions, parseJson, Refused } from '../../namers/shared/http-api.js';
import { GarbageError } from '../../namers/shared/registry-watch.js';
import { eventually } from '../support/eventually.js';
import { expectNoOpenHandles } from '../support/open-handles.js';

expectNoOpenHandles();

type Handler = Parameters<typeof createServer>[1];

async function listen(t: TestContext, server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** An API over a server that answers with `handler`; both are closed after the test. */
async function start(t: TestContext, handler: Handler, options: Partial<HttpApiOptions> = {}) {
  const port = await listen(t, createServer(handler as NonNullable<Handler>));
  const api = new HttpApi({ name: 'Registry', host: '127.0.0.1', port, ...options });
  t.after(() => api.close());
  return { api, port };
}

const rejection = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => assert.fail('not rejected'),
    (error: Error) => error,
  );

describe('HTTP API', () => {
  it('gives any answer whole, whatever its status, and sends what it was told', async (t) => {
    const { api, port } = await start(
      t,
      (request, response) => {
        let body = '';
        request.on('data', (chunk) => {
          body += chunk;
        });
        request.on('end', () => {
          response.writeHead(404, { 'X-Index': '7' });
          response.end(`${request.method} ${request.url} ${request.headers['x-token']} ${body}`);
        });
      },
      { headers: () => ({ 'X-Token': 't' }) },
    );
    assert.equal(api.registry, `Registry 127.0.0.1:${port}`);
    const answer = await api.request({ method: 'PUT', path: '/a?b', body: 'é', timeoutMs: 1000 });
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['x-index'], '7');
    assert.equal(answer.body.toString(), 'PUT /a?b t é');
  });

  it('names IPv6 registries with brackets', () => {
    const api = new HttpApi({ name: 'Registry', host: '::1', port: 80 });
    assert.equal(api.registry, 'Registry [::1]:80');
    api.close();
  });

  it('uses a connection again', async (t) => {
    const ports = new Set<number | undefined>();
    const { api } = await start(t, (request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    for (let i = 0; i < 3; i++) await api.request({ path: '/', timeoutMs: 1000 });
    assert.equal(ports.size, 1);
  });

  it('says what was asked when nobody listens', async (t) => {
    const server = createTcpServer();
    const port = await listen(t, server);
    server.close();
    const api = new HttpApi({ name: 'Registry', host: '127.0.0.1', port });
    t.after(() => api.close());
    const error = await rejection(api.request({ path: '/v1/x', timeoutMs: 1000 }));
    assert.equal(error.message, `GET /v1/x: connect ECONNREFUSED 127.0.0.1:${port}`);
  });

  it('says so when a connection is accepted and never answered', async (t) => {
    const { api } = await start(t, () => {});
    const error = await rejection(api.request({ path: '/x', timeoutMs: 50 }));
    assert.equal(error.message, 'GET /x: no whole answer after 50 ms');
  });

  it('does not wait longer for an answer that begins and does not end', async (t) => {
    const { api } = await start(t, (_, response) => void response.write('half of it'));
    const error = await rejection(api.request({ path: '/x', timeoutMs: 50 }));
    assert.equal(error.message, 'GET /x: no whole answer after 50 ms');
  });

  it('does not take an answer that is cut off for a whole one', async (t) => {
    const { api } = await start(t, (_, response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('half', () => response.destroy());
    });
    assert.match(
      (await rejection(api.request({ path: '/x', timeoutMs: 1000 }))).message,
      /^GET \/x: (aborted|.*ECONNRESET.*)$/,
    );
  });

  it('refuses an endless answer at its limit, and ends the connection', async (t) => {
    let ended = false;
    let sent = 0;
    const { api } = await start(
      t,
      (_, response) => {
        response.on('close', () => {
          ended = true;
        });
        const chunk = Buffer.alloc(64 * 1024);
        const more = (): void => {
          if (response.destroyed || sent > 500 * 1024 * 1024) return;
          sent += chunk.length;
          response.write(chunk, more);
        };
        more();
      },
      { maxAnswerBytes: 1024 * 1024 },
    );
    const error = await rejection(api.request({ path: '/x', timeoutMs: 5000 }));
    assert.ok(error instanceof GarbageError);
    assert.equal(error.message, 'GET /x: the answer is larger than 1048576 bytes');
    await eventually(() => ended);
    assert.ok(sent < 50 * 1024 * 1024, `${sent} bytes were taken`);
  });

  it('ends at once when it is aborted, and leaves no listener on the signal', async (t) => {
    const { api } = await start(t, () => {});
    const controller = new AbortController();
    const asking = rejection(api.request({ path: '/x', timeoutMs: 60_000, signal: controller.signal }));
    controller.abort();
    assert.match((await asking).message, /aborted/);
    assert.match(
      (await rejection(api.request({ path: '/x', timeoutMs: 60_000, signal: controller.signal }))).message,
      /aborted/,
    );
  });

  it('does not speak TLS to who does not', async (t) => {
    const { api } = await start(t, (_, response) => void response.end('ok'), { tls: () => ({}) });
    assert.match((await rejection(api.request({ path: '/', timeoutMs: 1000 }))).message, /^GET \/: /);
  });

  it('gives up on a TLS handshake that is never answered', async (t) => {
    const port = await listen(
      t,
      createTcpServer((socket) => t.after(() => socket.destroy())),
    );
    const api = new HttpApi({ name: 'Registry', host: '127.0.0.1', port, tls: () => ({}), connectTimeoutMs: 50 });
    t.after(() => api.close());
    const error = await rejection(api.request({ path: '/', timeoutMs: 5000 }));
    assert.equal(error.message, 'GET /: no connection after 50 ms');
  });
});

describe('lines of an HTTP API', () => {
  const refused = (answer: ApiAnswer): Error => new Refused({ path: '/watch' }, answer);
  const read = async (api: HttpApi, timeoutMs = 1000): Promise<string[]> => {
    const lines: string[] = [];
    await api.lines({ path: '/watch', timeoutMs }, (line) => void lines.push(line.toString()), refused);
    return lines;
  };

  it('come whole however they are cut, without empty ones, the last one also without its end', async (t) => {
    const pieces = ['{"a":', '1}\n{"b":2}\n', '\n', '\n{"c"', ':', '3}\r\n{"ü":', '"'];
    const { api } = await start(t, (_, response) => {
      const next = (i: number): void => {
        if (i === pieces.length) response.end();
        else response.write(Buffer.from(pieces[i] as string), () => setImmediate(() => next(i + 1)));
      };
      next(0);
    });
    assert.deepEqual(await read(api), ['{"a":1}', '{"b":2}', '{"c":3}\r', '{"ü":"']);
  });

  it('are what the status says when that is not 200', async (t) => {
    const { api } = await start(t, (_, response) => {
      response.statusCode = 410;
      response.end('{"kind":\n"Status"}');
    });
    const error = await rejection(read(api));
    assert.ok(error instanceof Refused);
    assert.equal(error.status, 410);
    assert.equal(error.message, 'GET /watch: status 410 "{"kind": "Status"}"');
  });

  it('fail when nothing has come for a while, however much came before', async (t) => {
    const { api } = await start(t, (_, response) => void response.write('one\ntwo'));
    const error = await rejection(read(api, 80));
    assert.equal(error.message, 'GET /watch: silent for 80 ms');
  });

  it('fail when one is larger than the limit', async (t) => {
    const { api } = await start(t, (_, response) => void response.write('x'.repeat(3000)), { maxAnswerBytes: 1000 });
    const error = await rejection(read(api));
    assert.ok(error instanceof GarbageError);
    assert.equal(error.message, 'GET /watch: a line of the answer is larger than 1000 bytes');
  });

  it('may all together be larger than the limit of one', async (t) => {
    const { api } = await start(t, (_, response) => void response.end(`${'x'.repeat(900)}\n`.repeat(10)), {
      maxAnswerBytes: 1000,
    });
    assert.equal((await read(api)).length, 10);
  });

  it('end with the error of who reads them, and the connection with them', async (t) => {
    let ended = false;
    const { api } = await start(t, (_, response) => {
      response.on('close', () => {
        ended = true;
      });
      response.write('{}\n');
    });
    const reading = api.lines(
      { path: '/watch', timeoutMs: 1000 },
      () => {
        throw new GarbageError('not an event');
      },
      refused,
    );
    assert.equal((await rejection(reading)).message, 'GET /watch: not an event');
    await eventually(() => ended);
  });
});

describe('JSON of a registry', () => {
  it('is parsed, and what is none is garbage that is quoted', () => {
    assert.deepEqual(parseJson(Buffer.from('{"a":1}'), 'GET /x'), { a: 1 });
    assert.throws(() => parseJson(Buffer.from('<html>\nlogin'), 'GET /x'), {
      name: 'Error',
      message: 'GET /x: not JSON: "<html> login"',
    });
    assert.throws(() => parseJson(Buffer.alloc(0), 'GET /x'), GarbageError);
  });
});
