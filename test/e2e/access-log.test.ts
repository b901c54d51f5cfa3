import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { routerTo } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, post, request, Scene } from '../support/scene.js';
import { fixed, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

async function start(t: TestContext, handler: UpstreamHandler = fixed(200, 'answer'), keys = '') {
  const scene = new Scene(t);
  const directory = scene.directory();
  const upstream = await scene.upstream(handler);
  const gateway = await scene.gateway(
    routerTo(upstream.port, `  httpAccessLog: ${JSON.stringify(join(directory, 'access.log'))}\n${keys}`),
  );
  const files = (): string[] => readdirSync(directory).sort();
  const lines = (name = 'access.log'): string[] => readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1);
  const ask = (text: string) => scene.ask(gateway, text, { method: text.slice(0, text.indexOf(' ')) });
  return { scene, upstream, gateway, files, lines, ask };
}

const TIME = String.raw`\[\d\d/\d\d/\d{4}:\d\d:\d\d:\d\d [A-Z]\S*\]`;

test('access log has one line for each answer of an upstream', async (t) => {
  const { lines, ask } = await start(t, (arrived) =>
    arrived.method === 'HEAD'
      ? arrived.connection.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n')
      : arrived.target === '/chunked'
        ? arrived.connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
        : arrived.respond(arrived.target === '/bad' ? 500 : 201, 'answer'),
  );
  await ask(get('/a?b=c', 'Referer: http://from/', 'User-Agent: curl/8'));
  await ask(post('x'));
  await ask(get('/bad'));
  await ask(get('/chunked'));
  await ask(request('HEAD /', ['Host: web:80']));
  await ask(request('GET /old HTTP/1.0', ['Host: web']));
  await eventually(() => lines().length === 6);
  const want = [
    'web 127.0.0.1 - - T "GET /a?b=c HTTP/1.1" 201 6 "http://from/" "curl/8"',
    'web 127.0.0.1 - - T "POST / HTTP/1.1" 201 6 "-" "-"',
    'web 127.0.0.1 - - T "GET /bad HTTP/1.1" 500 6 "-" "-"',
    'web 127.0.0.1 - - T "GET /chunked HTTP/1.1" 200 - "-" "-"',
    'web:80 127.0.0.1 - - T "HEAD / HTTP/1.1" 200 99 "-" "-"',
    'web 127.0.0.1 - - T "GET /old HTTP/1.0" 201 6 "-" "-"',
  ];
  assert.deepEqual(
    lines().map((line) => line.replace(new RegExp(TIME), 'T')),
    want,
  );
});

test('access log has a line for each answer that was followed by a retry', async (t) => {
  let left = 2;
  const { lines, ask } = await start(
    t,
    (arrived) => arrived.respond(left-- > 0 ? 503 : 200, 'answer'),
    '  service: {responseClassifier: {kind: io.l5d.http.retryableRead5XX}}',
  );
  await ask(get('/again'));
  await eventually(() => lines().length === 3);
  assert.deepEqual(
    lines().map((line) => / (\d{3}) \d+ /.exec(line)?.[1]),
    ['503', '503', '200'],
  );
});

test('access log has nothing of requests that no upstream answered', async (t) => {
  const { gateway, lines, ask } = await start(t, (arrived) => {
    if (arrived.target === '/reset') arrived.connection.reset();
    else arrived.respond(200, 'answer');
  });
  await ask(get('/', 'l5d-dtab: /svc/web => /$/nil'));
  await ask(get('/', 'l5d-dtab: nonsense'));
  await ask(get('/reset'));
  await ask(get('/', 'Bad Name: x'));
  await ask(get('/fine'));
  await gateway.close();
  assert.equal(lines().length, 1);
  assert.match(lines()[0] ?? '', /"GET \/fine HTTP\/1\.1" 200 6 /);
});

test('caller cannot write lines or end quotes of its own', async (t) => {
  const { gateway, lines, ask } = await start(t);
  await ask(get('/"%22\\', 'User-Agent: a" 200 "\xff\\', 'Referer: \t'));
  await gateway.close();
  assert.match(lines()[0] ?? '', /"GET \/\\x22%22\\x5C HTTP\/1\.1" 200 6 "-" "a\\x22 200 \\x22\\xFF\\x5C"$/);
});

test('access log of a size is rolled, and no line is lost', async (t) => {
  const { files, lines, gateway, scene } = await start(
    t,
    undefined,
    '  httpAccessLogRollPolicy: 1.kilobyte\n  httpAccessLogRotateCount: 100',
  );
  const client = await scene.client(gateway);
  for (let i = 0; i < 60; i++) {
    await client.send(get(`/${i}`));
    await client.readResponse();
  }
  const all = (): string[] => files().flatMap((name) => lines(name));
  await gateway.close();
  assert.equal(all().length, 60);
  assert.ok(files().length > 3, files().join(' '));
  const targets = all().map((line) => Number(/"GET \/(\d+) /.exec(line)?.[1]));
  assert.deepEqual(
    targets.sort((x, y) => x - y),
    Array.from({ length: 60 }, (_, i) => i),
  );
});

test('lines so far are in the file when the gateway has been closed', async (t) => {
  const { lines, ask, gateway } = await start(t);
  for (let i = 0; i < 20; i++) await ask(get(`/${i}`));
  await gateway.close();
  assert.equal(lines().length, 20);
});
