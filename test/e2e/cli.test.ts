// The program itself: spawned as an operator would, with real ports and real signals.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/eventually.js';
import { Program, START_LIMIT_MS } from '../support/program.js';
import { RawClient } from '../support/raw-client.js';
import { refusal } from '../support/refusal.js';
import { hang, startUpstream, type UpstreamRequest } from '../support/upstream.js';

const WRITE_SCHEMA = fileURLToPath(new URL('../../config/schema/write-json-schema.js', import.meta.url));

let directory = '';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli-e2e-'));
});
after(async () => {
  Program.killAll();
  await rm(directory, { recursive: true });
});

function config(upstreamPort: number, shutdownGraceMs = 10_000): string {
  return `
admin: {port: 0, shutdownGraceMs: ${shutdownGraceMs}}
routers:
- protocol: http
  dtab: /svc => /$/inet/127.0.0.1/${upstreamPort}
  servers: [{port: 0}]
`;
}

/** A gateway that is asking `upstream` for one request of `client`, stopped again whatever the test does. */
async function withRequestUnderWay(
  shutdownGraceMs: number,
  body: (given: {
    readonly program: Program;
    readonly client: RawClient;
    readonly request: UpstreamRequest;
    readonly port: number;
    readonly adminPort: number;
    readonly accessLog: string;
  }) => Promise<void>,
): Promise<void> {
  const upstream = await startUpstream(hang);
  const accessLog = join(directory, `access-${upstream.port}.log`);
  const withLog = config(upstream.port, shutdownGraceMs).replace(
    '  servers',
    `  httpAccessLog: ${accessLog}\n  servers`,
  );
  const program = new Program(['-'], { stdin: withLog });
  try {
    const { port, adminPort } = await program.serving();
    const client = await RawClient.connect({ port });
    await client.send('GET /slow HTTP/1.1\r\nHost: web\r\n\r\n');
    await upstream.until('a request', () => upstream.requests.length === 1);
    const request = upstream.requests[0] ?? assert.fail('no request');
    try {
      await body({ program, client, request, port, adminPort, accessLog });
    } finally {
      client.close();
    }
  } finally {
    program.kill('SIGKILL');
    await program.ended();
    await upstream.close();
  }
}

test('SIGHUP has the access log go on in a new file of its name, and stops nothing', async () => {
  await withRequestUnderWay(60_000, async ({ program, client, request, accessLog }) => {
    await rename(accessLog, `${accessLog}.moved`);
    program.kill('SIGHUP');
    await program.logged('SIGHUP');
    request.respond(200, 'still here');
    assert.equal((await client.readResponse()).status, 200);
    await eventually(() => existsSync(accessLog) && readFileSync(accessLog, 'utf8').includes('GET /slow'), {
      timeoutMs: START_LIMIT_MS,
    });
    assert.equal(await readFile(`${accessLog}.moved`, 'utf8'), '');
  });
});

describe('a gateway that is told to stop', { concurrency: 3 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`by ${signal} takes no more connections, finishes the request under way and exits with 0`, async () => {
      await withRequestUnderWay(60_000, async ({ program, client, request, port, accessLog }) => {
        program.kill(signal);
        await program.logged('draining');
        await refusal(port);
        request.respond(200, 'late but whole');
        const response = await client.readResponse();
        assert.deepEqual([response.status, response.text], [200, 'late but whole']);
        assert.equal(response.header('connection'), 'close');
        const answeredAt = performance.now();
        assert.equal(await program.ended(), 0);
        // Although the caller does not close its side.
        assert.ok(performance.now() - answeredAt < 15_000, 'it waited for the grace to be over');
        assert.ok(await program.logged(`shutting down: ${signal}`));
        assert.match(await readFile(accessLog, 'utf8'), /^web .* "GET \/slow HTTP\/1\.1" 200 14 "-" "-"\n$/);
      });
    });
  }

  test('cuts a request that does not end when the grace is over, and exits with 0', async () => {
    const graceMs = 300;
    await withRequestUnderWay(graceMs, async ({ program, client }) => {
      const start = performance.now();
      program.kill('SIGTERM');
      await client.closedByServer();
      const cutAfterMs = performance.now() - start;
      assert.equal(await program.ended(), 0);
      // A timer may be a millisecond early.
      assert.ok(cutAfterMs >= graceMs - 5, `cut after ${cutAfterMs} ms`);
      assert.ok(performance.now() - start < graceMs + 3000, 'it went on for long after the grace');
    });
  });

  test('by a second signal ends at once with 1', async () => {
    await withRequestUnderWay(60_000, async ({ program, client }) => {
      program.kill('SIGTERM');
      await program.logged('draining');
      program.kill('SIGINT');
      assert.equal(await program.ended(), 1);
      assert.ok(await program.logged('SIGINT, the second signal'));
      await client.closedByServer();
    });
  });

  test('by /admin/shutdown and then SIGTERM, as orchestrators do, still finishes the request', async () => {
    await withRequestUnderWay(60_000, async ({ program, client, request, adminPort }) => {
      const answer = await fetch(`http://127.0.0.1:${adminPort}/admin/shutdown`, { method: 'POST' });
      assert.equal(answer.status, 200);
      await answer.text();
      await program.logged('shutting down: /admin/shutdown');
      program.kill('SIGTERM');
      request.respond(200, 'whole');
      assert.equal((await client.readResponse()).text, 'whole');
      assert.equal(await program.ended(), 0);
    });
  });
});

describe('a gateway that cannot go on', { concurrency: 3 }, () => {
  test('ends with 1 and a log line when something threw that nothing caught', async () => {
    for (const defect of ["throw new Error('out of step')", "Promise.reject(new Error('out of step'))"]) {
      const code = `data:text/javascript,process.once('SIGUSR2',()=>{${defect}})`;
      const program = new Program(['-'], { stdin: config(1), node: ['--import', code] });
      await program.serving();
      program.kill('SIGUSR2');
      assert.equal(await program.ended(), 1);
      const line = await program.logged('defect (');
      assert.match(String(line.msg), /^defect \((uncaughtException|unhandledRejection)\): .*: out of step$/);
      assert.match(String(line.stack), /^Error: out of step\n +at /);
    }
  });

  test('does not start on a port that is taken: exit code 1, whose port, how to find the owner, nothing open', async (t) => {
    const taken = await startUpstream();
    t.after(() => taken.close());
    const program = new Program(['-'], {
      stdin: config(1).replace('[{port: 0}]', `[{port: 0}, {port: ${taken.port}}]`),
    });
    assert.equal(await program.ended(), 1);
    const where = `127.0.0.1:${taken.port}`;
    assert.equal(
      program.written.err,
      `linkgate: Cannot start router http: Cannot listen on ${where}: listen EADDRINUSE: address already in use ${where}
  Another process listens there. To see which, as root: ss -ltnp 'sport = :${taken.port}'
linkgate: not started: nothing is listening
`,
    );
  });

  test('does not start with a configuration that is refused: exit code 1, every error, nothing listens', async () => {
    const file = join(directory, 'bad.yaml');
    await writeFile(file, config(1).replace('port: 0}]', 'port: 70000}]'));
    const program = new Program([file]);
    assert.equal(await program.ended(), 1);
    assert.deepEqual(program.written, {
      out: '',
      err: `${file}:6:20: routers[0].servers[0].port: 70000 outside valid range for ports
${file}: 1 error
linkgate: not started: the configuration is refused
`,
    });
  });

  test('empties no access log when it does not start', async (t) => {
    const taken = await startUpstream();
    t.after(() => taken.close());
    const log = join(directory, 'access.log');
    await writeFile(log, 'of the gateway that runs\n');
    const program = new Program(['-'], {
      stdin: config(1)
        .replace('port: 0,', `port: ${taken.port},`)
        .replace('  servers', `  httpAccessLog: ${log}\n  httpAccessLogAppend: false\n  servers`),
    });
    assert.equal(await program.ended(), 1);
    assert.match(
      program.written.err,
      new RegExp(`^linkgate: Cannot listen on 127\\.0\\.0\\.1:${taken.port} for admin`),
    );
    assert.equal(await readFile(log, 'utf8'), 'of the gateway that runs\n');
  });
});

describe('the program', { concurrency: 3 }, () => {
  const cases: readonly (readonly [args: readonly string[], stdin: string, code: number, out: RegExp, err: RegExp])[] =
    [
      [['--version'], '', 0, /^linkgate \d+\.\d+\.\d+\n$/, /^$/],
      [[], '', 2, /^$/, /^An edge ingress gateway/],
      [['check', 'config/quickstart.yaml'], '', 0, /^config\/quickstart\.yaml: ok \(/, /^$/],
      [['-validate', '-'], 'routers: []', 1, /^$/, /^<stdin>:1:10: routers: At least one router/],
      [
        ['chekc', 'config/quickstart.yaml'],
        '',
        2,
        /^$/,
        /^linkgate: there is no command "chekc"; did you mean check\?\n/,
      ],
      [['dtab', 'fmt', '-'], '/a => /b ;\n', 0, /^\/a=>\/b\n$/, /^$/],
      [
        ['delegate', '--config', 'config/quickstart.yaml', '/svc/web'],
        '',
        0,
        /\n✓ requests go to 75% .*, 25% .*\n$/,
        /^$/,
      ],
      [['exposure', 'config/quickstart.yaml'], '', 0, /^Nothing can be reached from outside: /, /^$/],
    ];
  for (const [args, stdin, code, out, err] of cases) {
    test(`answers ${code} for ${args.join(' ')}`, async () => {
      const program = new Program(args, { stdin });
      assert.equal(await program.ended(), code);
      assert.match(program.written.out, out);
      assert.match(program.written.err, err);
    });
  }

  test('shows examples that work as typed', async () => {
    const program = new Program(['help', 'dtab']);
    assert.equal(await program.ended(), 0);
    const [, example = ''] = /^Examples\n {2}(.*)$/m.exec(program.written.out) ?? [];
    assert.match(example, /^node \S*main\.js dtab fmt '/);
    const shell = spawn('sh', ['-c', example], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    assert.deepEqual([await once(shell, 'close'), out], [[0, null], '/srv=>/#/io.l5d.fs;/svc=>/srv\n']);
  });

  test('does not mind a reader that has seen enough, as head has', async () => {
    const program = new Program(['--help']);
    program.child.stdout?.destroy();
    assert.equal(await program.ended(), 0);
    assert.equal(program.written.err, '');
  });

  test('writes the JSON Schema that is checked in', async () => {
    const file = join(directory, 'schema.json');
    const program = new Program([file], {}, WRITE_SCHEMA);
    assert.equal(await program.ended(), 0);
    assert.equal(await readFile(file, 'utf8'), await readFile('config/linkerd.schema.json', 'utf8'));
  });
});
