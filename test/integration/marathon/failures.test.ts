import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import type { FakeMarathonBehaviour } from '../../support/fake-marathon.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { makeCertificates } from '../registries/certificates.js';
import { MarathonScene } from './marathon-scene.js';

expectNoOpenHandles();

const WEB = '/#/io.l5d.marathon/web /:';
const one = (host: string, port: number) => ({ tasks: [{ host, ports: [port] }] });

/** A scene in which `web` is bound to 10.0.0.1:80. */
async function bound(t: TestContext) {
  const scene = await MarathonScene.start(t, { answerTimeoutMs: 100 });
  scene.marathon.apps.set('/web', one('10.0.0.1', 80));
  const web = scene.follow('/web');
  await eventually(() => web.now === `${WEB} 10.0.0.1:80`);
  return { scene, web };
}

type Row = readonly [what: string, behaviour: FakeMarathonBehaviour, message: RegExp, isGarbage: boolean];

const FAILURES: readonly Row[] = [
  ['a 500', { status: 500, body: 'oops' }, /GET \/v2\/apps: status 500 "oops"/, false],
  [
    'a 503 without a leader',
    { status: 503, body: '{"message":"Could not determine the current leader"}' },
    /GET \/v2\/apps: status 503 .*current leader/,
    false,
  ],
  ['a 404 of a proxy', { status: 404, body: '<html>Not Found</html>' }, /status 404 "<html>Not Found<\/html>"/, false],
  ['a redirection', { status: 302, body: '' }, /status 302/, false],
  ['silence', 'hang', /no whole answer after 100 ms/, false],
  ['text that is not JSON', { status: 200, body: 'hello' }, /not JSON: "hello"/, true],
  ['half of an answer', { status: 200, body: '{"apps":[{"id":"/w' }, /not JSON: "\{"apps":\[\{"id":"\/w"/, true],
  ['an empty answer', { status: 200, body: '' }, /not JSON: an empty answer/, true],
  ['other JSON', { status: 200, body: '{"app":"web"}' }, /no list "apps?(\.tasks)?" in /, true],
];

describe('marathon that fails', () => {
  for (const [what, behaviour, message, isGarbage] of FAILURES) {
    test(`leaves the last good addresses through ${what}, and is heard again`, async (t) => {
      const { scene, web } = await bound(t);
      const before = scene.metric('errors');
      scene.marathon.behaviour = behaviour;
      scene.clock.skip(5050);
      // The list and the app.
      await eventually(() => scene.metric('errors') >= before + 2);
      assert.equal(web.now, `${WEB} 10.0.0.1:80`);
      assert.equal(scene.metric('garbage') > 0, isGarbage);
      const warnings = scene.warnings();
      assert.equal(warnings.length, 2, warnings.join('\n'));
      assert.ok(
        warnings.some((line) => message.test(line)),
        warnings.join('\n'),
      );
      for (const line of warnings) {
        assert.match(line, /^warn Marathon 127\.0\.0\.1:\d+: (apps|app \/web): .*; its last answer stays in use$/);
      }
      scene.marathon.behaviour = undefined;
      scene.marathon.apps.set('/web', one('10.0.0.2', 80));
      scene.clock.skip(5050);
      await eventually(() => web.now === `${WEB} 10.0.0.2:80`);
      assert.equal(web.leaves, 1);
    });

    test(`is Neg with a reason through ${what} from the start, and bound as soon as it answers`, async (t) => {
      const scene = await MarathonScene.start(t, { answerTimeoutMs: 100 });
      scene.marathon.behaviour = behaviour;
      scene.marathon.apps.set('/web', one('10.0.0.1', 80));
      const web = scene.follow('/web');
      await eventually(() => web.now.startsWith('neg because'));
      assert.match(web.now, /^neg because Marathon 127\.0\.0\.1:\d+: GET \/v2\/apps/);
      scene.marathon.behaviour = undefined;
      scene.clock.skip(5050);
      await eventually(() => web.now === `${WEB} 10.0.0.1:80`);
    });
  }

  test('by an answer of 500 MB is cut off, counted, and leaves the last good addresses', async (t) => {
    const scene = await MarathonScene.start(t);
    scene.marathon.apps.set('/web', one('10.0.0.1', 80));
    const web = scene.follow('/web');
    await eventually(() => web.now === `${WEB} 10.0.0.1:80`);
    scene.marathon.behaviour = 'flood';
    scene.clock.skip(5050);
    await eventually(() => scene.metric('garbage') > 0, { timeoutMs: 10_000 });
    scene.marathon.behaviour = undefined;
    assert.equal(web.now, `${WEB} 10.0.0.1:80`);
    assert.match(scene.warnings()[0] ?? '', /the answer is larger than \d+ bytes; its last answer stays in use$/);
  });

  test('by being killed leaves the last good addresses, and shows changes made meanwhile', async (t) => {
    const { scene, web } = await bound(t);
    await scene.marathon.stop();
    scene.clock.skip(5050);
    await eventually(() => scene.warnings().some((line) => line.includes('ECONNREFUSED')));
    assert.equal(web.now, `${WEB} 10.0.0.1:80`);
    scene.marathon.apps.set('/web', one('10.0.0.2', 80));
    await scene.marathon.start();
    scene.clock.skip(5050);
    await eventually(() => web.now === `${WEB} 10.0.0.2:80`);
  });

  test('by not being there at the start is Neg with a reason, then bound', async (t) => {
    const scene = await MarathonScene.start(t);
    await scene.marathon.stop();
    scene.marathon.apps.set('/web', one('10.0.0.1', 80));
    const web = scene.follow('/web');
    await eventually(() => web.now.startsWith('neg because'));
    assert.match(
      web.now,
      /^neg because Marathon 127\.0\.0\.1:(\d+): GET \/v2\/apps: connect ECONNREFUSED 127\.0\.0\.1:\1/,
    );
    await scene.marathon.start();
    scene.clock.skip(5050);
    await eventually(() => web.now === `${WEB} 10.0.0.1:80`);
  });
});

test('marathon that says that an app is gone is believed at once, also where the list still has it', async (t) => {
  const { scene, web } = await bound(t);
  const asked = scene.marathon.count('GET /v2/apps');
  scene.marathon.behaviour = { status: 404, body: '{"message":"App \'/web\' does not exist"}' };
  scene.clock.skip(5050);
  await eventually(() => web.now === 'neg');
  assert.ok(scene.marathon.count('GET /v2/apps') > asked);
});

test('marathon with one bad task leaves out that one, warns once and counts', async (t) => {
  const scene = await MarathonScene.start(t);
  const tasks = [
    { host: '10.0.0.1', ports: [80], id: 'good' },
    { host: '10.0.0.2', ports: [70_000], id: 'bad' },
    { host: '10.0.0.3', ports: [0], id: 'zero' },
    { host: '10.0.0.300', ports: [80], id: 'nowhere' },
  ];
  scene.marathon.apps.set('/web', { tasks });
  const web = scene.follow('/web');
  await eventually(() => web.now === `${WEB} 10.0.0.1:80`);
  scene.clock.skip(5050);
  await eventually(() => scene.metric('garbage') === 6);
  assert.deepEqual(
    scene.warnings().map((line) => line.replace(/127\.0\.0\.1:\d+/, 'HOST')),
    [
      'warn Marathon HOST: app /web: task "bad": port 70000 is not in 1-65535; it is left out',
      'warn Marathon HOST: app /web: task "zero": port 0 is not in 1-65535; it is left out',
      'warn Marathon HOST: app /web: task "nowhere": address "10.0.0.300" is neither an IP address nor a host name; it is left out',
    ],
  );
});

test('marathon with a task that becomes bad keeps its last good address', async (t) => {
  const { scene, web } = await bound(t);
  scene.marathon.apps.set('/web', one('10.0.0.1', 70_000));
  scene.clock.skip(5050);
  await eventually(() => scene.metric('garbage') === 1);
  assert.equal(web.now, `${WEB} 10.0.0.1:80`);
  assert.match(scene.warnings()[0] ?? '', /port 70000 is not in 1-65535; its last good address stays in use$/);
});

test('marathon by HTTPS verifies who answers, and says why it does not take a certificate', async (t) => {
  const certificates = await makeCertificates();
  t.after(() => certificates.remove());
  const trusting = { ca: [certificates.authority.cert], servername: 'localhost' };
  for (const [tls, message] of [
    [trusting, undefined],
    [{ rejectUnauthorized: false }, undefined],
    [{ servername: 'localhost' }, /unable to verify the first certificate|self[- ]signed/],
    [{ ...trusting, servername: 'marathon.mesos' }, /marathon\.mesos\. is not in the cert/],
  ] as const) {
    const scene = await MarathonScene.start(t, { tls: () => tls }, { tls: certificates.server });
    scene.marathon.apps.set('/web', one('10.0.0.1', 80));
    const web = scene.follow('/web');
    await eventually(() => web.now !== 'pending');
    if (message === undefined) assert.equal(web.now, `${WEB} 10.0.0.1:80`);
    else assert.match(web.now, message);
  }
});

test('marathon leaves no connection open when it is closed amid a request', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.behaviour = 'hang';
  scene.follow('/web');
  await eventually(() => scene.marathon.requests.length === 1);
  await scene.namer.close();
  await eventually(() => scene.marathon.connections === 0);
});
