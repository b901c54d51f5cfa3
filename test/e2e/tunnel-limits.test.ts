import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setLogLevel } from '../../src/base/log.js';
import { DATA } from '../../src/wire/h2/frames.js';
import { eventually } from '../support/eventually.js';
import type { TestGateway } from '../support/gateway.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { RawH2 } from '../support/raw-h2.js';
import { refusal } from '../support/refusal.js';
import { request, Scene } from '../support/scene.js';
import type { Upstream, UpstreamConnection } from '../support/upstream.js';

expectNoOpenHandles();
setLogLevel('linker', 'OFF');

/** One end of a tunnel, whatever it speaks. */
interface CallerEnd {
  write(text: string): void;
  /** Resolves when so much has come in all. */
  received(text: string): Promise<void>;
  halfClose(): void;
  /** How the gateway ended it. */
  ended(): Promise<string>;
}

interface Ends {
  readonly scene: Scene;
  readonly clock: ManualClock;
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
  config(servers: string): string;
  server(...name: string[]): number;
  /** The next tunnel, with its connection to the upstream. */
  open(): Promise<{ caller: CallerEnd; connection: UpstreamConnection }>;
}

const CALLERS = {
  'HTTP/1.1': async (scene: Scene, gateway: TestGateway): Promise<CallerEnd> => {
    const client = await scene.client(gateway);
    await client.send(request('CONNECT db:1', ['Host: db:1']));
    await client.reader.takeThrough('\r\n\r\n');
    return {
      write: (text) => void client.socket.write(text),
      received: async (text) => assert.equal((await client.reader.take(text.length)).toString(), text),
      halfClose: () => client.end(),
      ended: () => client.closedByServer(),
    };
  },
  'HTTP/2': async (_scene: Scene, gateway: TestGateway, t: TestContext): Promise<CallerEnd> => {
    const peer = await RawH2.connect(t, gateway.port);
    peer.begin();
    peer.headers(1, [':method', 'CONNECT', ':authority', 'db:1']);
    assert.equal((await peer.nextHead(1))[':status'], '200');
    return {
      write: (text) => peer.data(1, text),
      received: async (text) => assert.equal((await peer.next(DATA, 1)).payload.toString(), text),
      halfClose: () => peer.data(1, '', { endStream: true }),
      ended: () => peer.nextReset(1),
    };
  },
} as const;

async function start(t: TestContext, version: keyof typeof CALLERS, keys: string): Promise<Ends> {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(undefined, { raw: true });
  const config = (servers: string): string => `
admin: {port: 0, shutdownGraceMs: 5000}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [${servers}]`;
  const gateway = await scene.gateway(config(`{port: 0, h2: true, proxy: true, ${keys}}`), { clock });
  return {
    scene,
    clock,
    gateway,
    upstream,
    config,
    server: (...name) => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name),
    open: async () => {
      const before = upstream.connections.length;
      const caller = await CALLERS[version](scene, gateway, t);
      await upstream.until('a connection', () => upstream.connections.length > before);
      return { caller, connection: upstream.connections[before] as UpstreamConnection };
    },
  };
}

/** The gateway's own time, a sweep at a time. */
function pass(clock: ManualClock, ms: number): void {
  for (let left = ms; left > 0; left -= 500) clock.advance(Math.min(500, left));
}

for (const version of ['HTTP/1.1', 'HTTP/2'] as const) {
  const endOfIdle = version === 'HTTP/1.1' ? 'reset' : 'CANCEL';

  test(`tunnel of ${version} through which nothing goes for tunnelIdleMs is closed at both ends`, async (t) => {
    const { clock, open, server } = await start(t, version, 'tunnelIdleMs: 10000');
    const { caller, connection } = await open();
    pass(clock, 9500);
    assert.equal(server('tunnels'), 1);
    pass(clock, 3000);
    assert.equal(await caller.ended(), endOfIdle);
    assert.equal(await connection.reader.ended(), 'reset');
    await eventually(() => server('tunnels') === 0);
    assert.deepEqual([server('expired', 'tunnel'), server('read_timeout'), server('pending')], [1, 0, 0]);
  });

  test(`tunnel of ${version}: a byte in either direction keeps it open`, async (t) => {
    const { clock, open, server } = await start(t, version, 'tunnelIdleMs: 10000');
    const { caller, connection } = await open();
    for (let i = 0; i < 3; i += 1) {
      pass(clock, 8000);
      caller.write('a');
      assert.equal((await connection.reader.take(1)).toString(), 'a');
      pass(clock, 8000);
      connection.write('b');
      await caller.received('b');
    }
    assert.equal(server('tunnels'), 1);
    pass(clock, 13_000);
    assert.equal(await caller.ended(), endOfIdle);
    assert.deepEqual(
      [server('tunnels', 'received_bytes'), server('tunnels', 'sent_bytes'), server('expired', 'tunnel')],
      [3, 3, 1],
    );
  });

  for (const side of ['caller', 'upstream'] as const) {
    test(`tunnel of ${version} that is half-closed by its ${side} and then silent is closed`, async (t) => {
      const { clock, open, server } = await start(t, version, 'tunnelIdleMs: 10000');
      const { caller, connection } = await open();
      if (side === 'caller') {
        caller.halfClose();
        assert.equal(await connection.reader.ended(), 'end');
      } else {
        connection.end();
        await eventually(() => server('pending') === 0);
      }
      pass(clock, 9500);
      assert.equal(server('tunnels'), 1);
      pass(clock, 3000);
      await eventually(() => {
        if (connection.reader.ending === 'end') connection.write('more');
        return connection.reader.ending === 'reset' && server('tunnels') === 0;
      });
      assert.equal(server('expired', 'tunnel'), 1);
    });
  }

  test(`tunnel of ${version} stays open for an hour by default, and for ever with tunnelIdleMs: 0`, async (t) => {
    const byDefault = await start(t, version, 'maxConnections: 5');
    const unlimited = await start(t, version, 'tunnelIdleMs: 0');
    await byDefault.open();
    await unlimited.open();
    for (const { clock } of [byDefault, unlimited]) pass(clock, 3_599_000);
    assert.deepEqual([byDefault.server('tunnels'), unlimited.server('tunnels')], [1, 1]);
    for (const { clock } of [byDefault, unlimited]) pass(clock, 3000);
    await eventually(() => byDefault.server('tunnels') === 0);
    assert.deepEqual([byDefault.server('expired', 'tunnel'), unlimited.server('tunnels')], [1, 1]);
  });

  test(`tunnel of ${version} whose caller is silent for readTimeoutMs, where that is set, is closed`, async (t) => {
    const { clock, open, server } = await start(t, version, 'socketOptions: {readTimeoutMs: 4000}');
    const { caller, connection } = await open();
    pass(clock, 3500);
    connection.write('b');
    await caller.received('b');
    assert.equal(server('tunnels'), 1);
    pass(clock, 3000);
    assert.equal(await caller.ended(), endOfIdle);
    assert.deepEqual([server('read_timeout'), server('expired', 'tunnel')], [1, 0]);
  });

  test(`drain leaves tunnels of ${version} shutdownGraceMs to end, then closes them`, async (t) => {
    const { clock, gateway, open, server } = await start(t, version, 'tunnelIdleMs: 0');
    const [first, second] = [await open(), await open()];
    let isDrained = false;
    const draining = gateway.drain().then(() => {
      isDrained = true;
    });
    await refusal(gateway.port);
    first.caller.write('still');
    assert.equal((await first.connection.reader.take(5)).toString(), 'still');
    first.connection.write('here');
    await first.caller.received('here');
    first.caller.halfClose();
    first.connection.end();
    await eventually(() => server('tunnels') === 1);
    clock.advance(4999);
    assert.equal(isDrained, false);
    clock.advance(1);
    await draining;
    assert.equal(await second.connection.reader.ended(), 'reset');
    assert.equal(server('tunnels'), 0);
  });

  test(`reload leaves tunnels of ${version} of a listener that stays alone, and its new limit holds for them`, async (t) => {
    const { clock, gateway, open, server, config } = await start(t, version, 'tunnelIdleMs: 0');
    const { caller, connection } = await open();
    await gateway.reload(config('{port: 0, h2: true, proxy: false, tunnelIdleMs: 20000}'));
    pass(clock, 10_000);
    caller.write('still');
    assert.equal((await connection.reader.take(5)).toString(), 'still');
    pass(clock, 19_000);
    assert.equal(server('tunnels'), 1);
    pass(clock, 4000);
    assert.equal(await caller.ended(), endOfIdle);
  });

  test(`reload that drops a listener leaves its tunnels of ${version} shutdownGraceMs`, async (t) => {
    const scene = new Scene(t);
    const spare = await scene.upstream();
    const { port } = spare;
    await spare.close();
    const { clock, gateway, open, config } = await start(t, version, 'tunnelIdleMs: 0');
    const { caller, connection } = await open();
    await gateway.reload(config(`{port: ${port}}`));
    pass(clock, 4500);
    caller.write('still');
    assert.equal((await connection.reader.take(5)).toString(), 'still');
    await eventually(() => {
      clock.advance(500);
      return connection.reader.ending === 'reset';
    });
  });
}
