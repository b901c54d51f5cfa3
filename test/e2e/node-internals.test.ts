// Direct reads and writes stand on what Node shows without promising it: without it the gateway serves the same.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { Program } from '../support/program.js';
import { RawClient } from '../support/raw-client.js';
import { echo, startUpstream } from '../support/upstream.js';

expectNoOpenHandles();
after(() => Program.killAll());

/** Run before the program: `process.binding` says that it was asked for, and is not there. */
const HIDE = `Object.defineProperty(process, 'binding', { get: () => void process.stderr.write('binding asked for\\n') })`;

const PIPELINED = 3;
const LONG_BODY = 'x'.repeat(1 << 20);

test('gateway on a Node that hides the binding of its streams serves as on any other', async () => {
  const upstream = await startUpstream(echo);
  const program = new Program(['-'], {
    node: ['--import', `data:text/javascript,${encodeURIComponent(HIDE)}`],
    stdin: `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0}]
`,
  });
  const { port } = await program.serving();
  assert.match(program.written.err, /binding asked for/);
  const client = await RawClient.connect({ port });
  try {
    await client.send('GET /one HTTP/1.1\r\nHost: web\r\n\r\n'.repeat(PIPELINED));
    for (let i = 0; i < PIPELINED; i += 1) assert.match((await client.readResponse()).text, /^GET \/one HTTP\/1.1\r\n/);
    await client.send(`POST /two HTTP/1.1\r\nHost: web\r\nContent-Length: ${LONG_BODY.length}\r\n\r\n${LONG_BODY}`);
    assert.ok((await client.readResponse()).text.endsWith(`\r\n\r\n${LONG_BODY}`));
  } finally {
    client.close();
    program.kill('SIGTERM');
    assert.equal(await program.ended(), 0);
    await upstream.close();
  }
});
