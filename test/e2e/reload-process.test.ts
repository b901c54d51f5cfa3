// Reload as an operator asks for it: of a process, by signal, by changing its file, and through its admin port.

import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { Program, type RunOptions, START_LIMIT_MS } from '../support/program.js';
import { RawClient } from '../support/raw-client.js';
import { fixed, hang, startUpstream, type Upstream } from '../support/upstream.js';

expectNoOpenHandles();

let directory = '';
let a: Upstream;
let b: Upstream;
function to({ port }: Upstream, admin = 'port: 0'): string {
  return `admin: {${admin}}
routers:
- protocol: http
  dtab: /svc => /$/inet/127.0.0.1/${port}
  servers: [{port: 0}]
`;
}

const BROKEN = `admin: {port: 0}
routers:
- protocol: http
  dtab: /svc => /a => /b
  servers: [{port: 70000}]
`;

let files = 0;

interface Running {
  readonly file: string;
  readonly program: Program;
  /** A connection that was opened before anything was reloaded. */
  readonly client: RawClient;
  /** Who answers on it now. */
  readonly who: () => Promise<string>;
  /** The status and the JSON of `/config`. */
  readonly config: (method: 'GET' | 'POST', body?: string) => Promise<readonly [number, Record<string, unknown>]>;
}

/** A gateway that serves from a file, stopped again whatever the test does. */
async function withGateway(
  args: readonly string[],
  text: string,
  body: (running: Running) => Promise<void>,
  options?: RunOptions,
): Promise<void> {
  files += 1;
  const file = join(directory, `linkerd-${files}.yaml`);
  await writeFile(file, text);
  const program = new Program([...args, file], options);
  try {
    const { port, adminPort } = await program.serving();
    const client = await RawClient.connect({ port });
    try {
      await body({
        file,
        program,
        client,
        who: async () => {
          await client.send('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
          return (await client.readResponse()).text;
        },
        config: async (method, text) => {
          const answer = await fetch(`http://127.0.0.1:${adminPort}/config`, {
            method,
            headers: { connection: 'close' },
            ...(text === undefined ? {} : { body: text }),
          });
          return [answer.status, (await answer.json()) as Record<string, unknown>];
        },
      });
    } finally {
      client.close();
    }
  } finally {
    program.kill('SIGKILL');
    await program.ended();
  }
}

describe('reload of a process', { concurrency: 2 }, () => {
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'reload-process-'));
    a = await startUpstream(fixed(200, 'a'));
    b = await startUpstream(fixed(200, 'b'));
  });
  after(async () => {
    Program.killAll();
    await Promise.all([a.close(), b.close()]);
    await rm(directory, { recursive: true });
  });

  test('by SIGHUP goes on as the file says now, on the connections that there are', async () => {
    await withGateway(['run'], to(a), async ({ file, program, who, config }) => {
      assert.equal(await who(), 'a');
      await writeFile(file, to(b));
      program.kill('SIGHUP');
      await program.logged('configuration reloaded, changed: routers[0].dtab');
      assert.equal(await who(), 'b');
      await writeFile(file, to(a));
      program.kill('SIGHUP');
      await program.logged('configuration reloaded, changed: routers[0].dtab', 2);
      assert.equal(await who(), 'a');
      const [, { source, reloads, refused }] = await config('GET');
      assert.deepEqual([source, reloads, refused], [file, 2, 0]);
    });
  });

  test('by SIGHUP with a broken file says each error at its line, and goes on as before', async () => {
    await withGateway([], to(a), async ({ file, program, who }) => {
      await writeFile(file, BROKEN);
      program.kill('SIGHUP');
      const { level } = await program.logged('configuration refused: ');
      await program.logged('the configuration before goes on');
      assert.equal(level, 'error');
      const errors = program.log
        .map(({ msg }) => String(msg))
        .filter((msg) => msg.startsWith('configuration refused: '));
      assert.deepEqual(
        errors.map((msg) => /^configuration refused: (.*?:\d+):\d+: (\S+): /.exec(msg)?.slice(1)),
        [
          [`${file}:4`, 'routers[0].dtab'],
          [`${file}:5`, 'routers[0].servers[0].port'],
        ],
      );
      assert.equal(await who(), 'a');
      await writeFile(file, to(b));
      program.kill('SIGHUP');
      await program.logged('configuration reloaded');
      assert.equal(await who(), 'b');
    });
  });

  test('happens by itself with --watch, when another file is put in its place or it is written', async () => {
    await withGateway(['run', '--watch'], to(a), async ({ file, program, who }) => {
      assert.equal(await who(), 'a');
      await writeFile(`${file}.new`, to(b));
      await rename(`${file}.new`, file);
      await program.logged('configuration reloaded');
      assert.equal(await who(), 'b');
      await writeFile(file, to(a));
      await program.logged('configuration reloaded', 2);
      assert.equal(await who(), 'a');
      program.kill('SIGTERM');
      assert.equal(await program.ended(), 0, 'the watch does not hold the process');
    });
  });

  test('does not happen by itself without --watch', async () => {
    await withGateway(['run'], to(a), async ({ file, program, who, config }) => {
      await writeFile(file, to(b));
      assert.equal(await who(), 'a');
      assert.deepEqual((await config('POST'))[1], { reloaded: true, changed: ['routers[0].dtab'] });
      assert.equal(await who(), 'b');
      assert.ok(!program.log.some(({ msg }) => String(msg).endsWith('has changed')));
    });
  });

  test('by POST /config takes the body until the file is read again', async () => {
    await withGateway([], to(a), async ({ who, config }) => {
      assert.deepEqual(await config('POST', to(b)), [200, { reloaded: true, changed: ['routers[0].dtab'] }]);
      assert.equal(await who(), 'b');
      assert.deepEqual(await config('POST'), [200, { reloaded: true, changed: ['routers[0].dtab'] }]);
      assert.equal(await who(), 'a');
    });
  });

  test('by POST /config answers 422 and the errors of a body that is refused, and GET /config shows them', async () => {
    await withGateway([], to(a), async ({ who, config }) => {
      const [status, answer] = await config('POST', BROKEN);
      const { reloaded, errors } = answer as {
        reloaded: boolean;
        errors: { file: string; line: number; path: string }[];
      };
      assert.deepEqual(
        [status, reloaded, errors.map(({ file, line, path }) => [file, line, path])],
        [
          422,
          false,
          [
            ['<posted>', 4, 'routers[0].dtab'],
            ['<posted>', 5, 'routers[0].servers[0].port'],
          ],
        ],
      );
      const [, { reloads, refused, last }] = await config('GET');
      assert.deepEqual([reloads, refused, last], [0, 1, answer]);
      assert.equal(await who(), 'a');
    });
  });

  test('that cannot listen where the file says changes nothing, and says so', async () => {
    await withGateway([], to(a), async ({ file, program, who, config }) => {
      const [status, answer] = await config('POST', to(b).replace('[{port: 0}]', `[{port: 0}, {port: ${a.port}}]`));
      assert.deepEqual(
        [status, answer],
        [
          422,
          {
            reloaded: false,
            errors: [
              {
                file: '<posted>',
                line: 1,
                column: 1,
                path: '',
                message: `Cannot start router http: Cannot listen on 127.0.0.1:${a.port}: listen EADDRINUSE: address already in use 127.0.0.1:${a.port}`,
              },
            ],
          },
        ],
      );
      assert.equal(await who(), 'a');
      await writeFile(file, to(b));
      program.kill('SIGHUP');
      await program.logged('configuration reloaded');
      assert.equal(await who(), 'b');
    });
  });

  test('that gives requests more time at the end has the process wait for them', async (t) => {
    const slow = await startUpstream(hang);
    t.after(() => slow.close());
    // Ten times as fast: it would be ended for being stuck 0.5 s after the grace that it was started with.
    const fast = 'const real=setTimeout;globalThis.setTimeout=(f,ms,...args)=>real(f,ms/10,...args)';
    await withGateway(
      [],
      to(slow, 'port: 0, shutdownGraceMs: 0'),
      async ({ program, client, config }) => {
        assert.equal((await config('POST', to(slow, 'port: 0, shutdownGraceMs: 600000')))[0], 200);
        await client.send('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
        await slow.until('a request', () => slow.requests.length === 1);
        const start = performance.now();
        program.kill('SIGTERM');
        await program.logged('draining');
        await eventually(() => performance.now() - start > 1000, { timeoutMs: START_LIMIT_MS });
        slow.requests[0]?.respond(200, 'late but whole');
        assert.equal((await client.readResponse()).text, 'late but whole');
        assert.equal(await program.ended(), 0);
      },
      { node: ['--import', `data:text/javascript,${encodeURIComponent(fast)}`] },
    );
  });

  test('cannot be had by --watch of stdin: that is a mistake in the command', async () => {
    for (const args of [
      ['run', '--watch', '-'],
      ['run', '-', '--watch'],
    ]) {
      const program = new Program(args, { stdin: to(a) });
      assert.equal(await program.ended(), 2);
      assert.match(program.written.err, /--watch needs a file: stdin does not change/);
      assert.equal(program.written.out, '');
    }
  });

  test('of a configuration from stdin is had by POST /config; SIGHUP is about access logs alone', async () => {
    const program = new Program(['-'], { stdin: to(a) });
    try {
      const { port, adminPort } = await program.serving();
      program.kill('SIGHUP');
      const { msg } = await program.logged('SIGHUP: ');
      assert.equal(msg, 'SIGHUP: opening access logs anew');
      const again = await fetch(`http://127.0.0.1:${adminPort}/config`, {
        method: 'POST',
        headers: { connection: 'close' },
      });
      assert.equal(again.status, 422);
      assert.match(await again.text(), /send another with POST \/config/);
      const answer = await fetch(`http://127.0.0.1:${adminPort}/config`, {
        method: 'POST',
        headers: { connection: 'close' },
        body: to(b),
      });
      assert.deepEqual(await answer.json(), { reloaded: true, changed: ['routers[0].dtab'] });
      const client = await RawClient.connect({ port });
      await client.send('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
      assert.equal((await client.readResponse()).text, 'b');
      client.close();
    } finally {
      program.kill('SIGKILL');
      await program.ended();
    }
  });
});
