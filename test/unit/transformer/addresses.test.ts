import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ADDR_NEG, ADDR_PENDING, addrBound, addrFailed, makeAddress } from '../../../src/base/addr.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { EMPTY } from '../../../src/base/name-tree.js';
import { localhostTransformer, makeLocalhost } from '../../../src/transformer/localhost.js';
import { portTransformer } from '../../../src/transformer/port.js';
import { specificHostTransformer } from '../../../src/transformer/specific-host.js';
import { eventually } from '../../support/eventually.js';
import { follow, TransformerScene } from '../../support/transformer-scene.js';

describe('io.l5d.port', () => {
  test('sets the port of every address, and puts itself with the port in front of the id', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 4141 });
    scene.namer.exists('/web', '10.0.0.1:80', '10.0.0.2:8080');
    assert.equal(
      follow(scene.interpreter(), '/#/fake/web/rest').now,
      '/%/io.l5d.port/4141/#/fake/web + /rest (10.0.0.1:4141 10.0.0.2:4141)',
    );
  });

  test('has a configured prefix as it is', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 4141 }, '/%/gateways');
    scene.namer.exists('/web', '10.0.0.1:80');
    assert.equal(follow(scene.interpreter(), '/#/fake/web').now, '/%/gateways/#/fake/web (10.0.0.1:4141)');
  });

  test('keeps metadata, of the address and of the set', () => {
    const scene = new TransformerScene();
    const transformer = scene.make(portTransformer, { port: 1 });
    const { addr, bound } = scene.namer.exists('/web');
    addr.signal.value = addrBound([makeAddress('10.0.0.1', 80, 2, { nodeName: 'n1' })], { ssl: true });
    const state = transformer.transform(bound);
    assert.ok(state.state === 'ok' && state.value.type === 'leaf');
    assert.deepEqual(
      state.value.value.addr.value,
      addrBound([makeAddress('10.0.0.1', 1, 2, { nodeName: 'n1' })], { ssl: true }),
    );
  });

  test('makes one address of several instances on one host, with the largest of their weights', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 4141 });
    const { addr } = scene.namer.exists('/web');
    addr.signal.value = addrBound([
      makeAddress('10.0.0.1', 80),
      makeAddress('10.0.0.1', 81, 3),
      makeAddress('10.0.0.1', 82, 2),
      makeAddress('10.0.0.2', 80),
    ]);
    assert.match(follow(scene.interpreter(), '/#/fake/web').now, /\(10\.0\.0\.1:4141\*3 10\.0\.0\.2:4141\)$/);
  });

  for (const port of [0, 65536, 1.5, '80']) {
    test(`refuses the port ${JSON.stringify(port)}`, () => {
      assert.throws(() => portTransformer.config.parse({ port }), { name: 'ZodError' });
    });
  }
});

describe('io.l5d.localhost', () => {
  /** At a fake namer, on a machine whose interfaces the test sets. */
  function start() {
    const scene = new TransformerScene();
    const machine = { ips: ['127.0.0.1', '::1', '10.0.0.7', 'fe80::1'] };
    const read = { times: 0 };
    scene.transformers.push(
      makeLocalhost(scene.context(parsePath('/%/io.l5d.localhost')), () => {
        read.times += 1;
        return machine.ips;
      }),
    );
    return { scene, machine, read };
  }

  test('keeps the addresses of the interfaces of this machine, loopback included', () => {
    const { scene } = start();
    scene.namer.exists('/web', '10.0.0.6:80', '10.0.0.7:80', '10.0.0.7:81', '127.0.0.1:80', '0:0:0:0:0:0:0:1:80');
    assert.equal(
      follow(scene.interpreter(), '/#/fake/web').now,
      '/%/io.l5d.localhost/#/fake/web (10.0.0.7:80 10.0.0.7:81 127.0.0.1:80 [0:0:0:0:0:0:0:1]:80)',
    );
  });

  test('looks up no name of this machine, which no name server need know (1.x bug 65)', () => {
    const scene = new TransformerScene();
    scene.make(localhostTransformer, {});
    scene.namer.exists('/web', '127.0.0.1:80', '192.0.2.1:80');
    const followed = follow(scene.interpreter(), '/#/fake/web');
    assert.deepEqual(followed.history, ['/%/io.l5d.localhost/#/fake/web (127.0.0.1:80)'], 'known at once');
    followed.stop();
    scene.close();
  });

  test('leaves a leaf without addresses where none is local: nothing falls through', () => {
    const { scene } = start();
    scene.namer.exists('/web', '10.0.0.6:80');
    scene.namer.exists('/other', '10.0.0.7:80');
    assert.equal(
      follow(scene.interpreter('/svc => /#/fake/web | /#/fake/other'), '/svc').now,
      '/%/io.l5d.localhost/#/fake/web (neg)',
    );
  });

  test('sees interfaces come and go, while somebody observes it', () => {
    const { scene, machine, read } = start();
    scene.namer.exists('/web', '10.0.0.6:80', '10.0.0.7:80');
    const followed = follow(scene.interpreter(), '/#/fake/web');
    machine.ips = ['127.0.0.1', '10.0.0.6', '10.0.0.7'];
    scene.clock.advance(2000);
    machine.ips = ['127.0.0.1'];
    scene.clock.advance(2000);
    const shown = followed.history.map((line) => line.replace(/.*\((.*)\)/, '$1'));
    assert.deepEqual(shown, ['10.0.0.7:80', '10.0.0.6:80 10.0.0.7:80', 'neg']);
    followed.stop();
    assert.equal(scene.clock.pendingTimers, 0);
    const { times } = read;
    scene.clock.advance(60_000);
    assert.equal(read.times, times);
    machine.ips = ['10.0.0.6'];
    const again = follow(scene.interpreter(), '/#/fake/web');
    assert.match(again.now, /\(10\.0\.0\.6:80\)$/, 'looks at once when it is observed again');
    again.stop();
  });

  test('tells nobody of changes elsewhere', () => {
    const { scene } = start();
    const { addr } = scene.namer.exists('/web', '10.0.0.7:80');
    const followed = follow(scene.interpreter(), '/#/fake/web');
    addr.signal.value = addrBound([makeAddress('10.0.0.7', 80), makeAddress('10.0.0.8', 80)]);
    assert.equal(followed.history.length, 1);
    addr.signal.value = addrBound([makeAddress('10.0.0.7', 80, 2)]);
    assert.match(followed.now, /10\.0\.0\.7:80\*2/);
    followed.stop();
  });

  test('stops looking when it is closed', () => {
    const { scene } = start();
    scene.namer.exists('/web', '10.0.0.7:80');
    const followed = follow(scene.interpreter(), '/#/fake/web');
    assert.equal(scene.clock.pendingTimers, 1);
    scene.close();
    assert.equal(scene.clock.pendingTimers, 0);
    followed.stop();
  });
});

describe('io.l5d.specificHost', () => {
  test('keeps the addresses of one IP address, however it is written', () => {
    for (const host of ['10.0.0.7', '::ffff:10.0.0.7']) {
      const scene = new TransformerScene();
      scene.make(specificHostTransformer, { host: '10.0.0.7' });
      const { addr } = scene.namer.exists('/web');
      addr.signal.value = addrBound([makeAddress(host, 80), makeAddress('10.0.0.8', 80)]);
      const shown = host.includes(':') ? `[${host}]` : host;
      const followed = follow(scene.interpreter(), '/#/fake/web');
      assert.equal(followed.now, `/%/io.l5d.specificHost/#/fake/web (${shown}:80)`);
      followed.stop();
      scene.close();
    }
  });

  test('looks a name up, and keeps what it stands for', async () => {
    const scene = new TransformerScene();
    scene.make(specificHostTransformer, { host: 'localhost' });
    scene.namer.exists('/web', '127.0.0.1:80', '10.0.0.8:80');
    const followed = follow(scene.interpreter(), '/#/fake/web');
    await eventually(() => followed.now.endsWith('(127.0.0.1:80)'));
    followed.stop();
    scene.close();
  });

  test('leaves a leaf without addresses where there is none', () => {
    const scene = new TransformerScene();
    scene.make(specificHostTransformer, { host: '10.0.0.7' });
    scene.namer.exists('/web', '10.0.0.8:80');
    assert.equal(follow(scene.interpreter(), '/#/fake/web').now, '/%/io.l5d.specificHost/#/fake/web (neg)');
    scene.close();
  });

  for (const host of ['', 'a host', '10.0.0.7:80', '10.0.0.300', 'http://web']) {
    test(`refuses the host ${JSON.stringify(host)}`, () => {
      assert.throws(() => specificHostTransformer.config.parse({ host }), { name: 'ZodError' });
    });
  }
});

describe('transformers of addresses', () => {
  test('leave addresses that are pending, failed or Neg as they are', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    const { addr } = scene.namer.exists('/web');
    const followed = follow(scene.interpreter(), '/#/fake/web');
    for (const state of [ADDR_PENDING, addrFailed(new Error('trouble')), ADDR_NEG]) addr.signal.value = state;
    const shown = followed.history.map((line) => line.replace(/.*\((.*)\)/, '$1'));
    assert.deepEqual(shown, ['', 'pending', 'error trouble', 'neg']);
    followed.stop();
  });

  test('leave Neg, Empty, failed and pending names as they are', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    scene.namer.answers('/empty', EMPTY);
    scene.namer.fails('/bad', new Error('trouble'));
    scene.namer.pends('/slow');
    const interpreter = scene.interpreter();
    const shown = ['/none', '/empty', '/bad', '/slow'].map((name) => follow(interpreter, `/#/fake${name}`).now);
    assert.deepEqual(shown, ['neg', 'empty', 'error trouble', 'pending']);
  });

  test('are applied in the order of the list, the last one outermost in the id', () => {
    const scene = new TransformerScene();
    scene.make(specificHostTransformer, { host: '10.0.0.7' });
    scene.make(portTransformer, { port: 4141 });
    scene.namer.exists('/web', '10.0.0.7:80', '10.0.0.8:80');
    assert.equal(
      follow(scene.interpreter(), '/#/fake/web').now,
      '/%/io.l5d.port/4141/%/io.l5d.specificHost/#/fake/web (10.0.0.7:4141)',
    );
    scene.close();
  });

  test('start the watch of the addresses when they are observed, and end it', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    const { addr } = scene.namer.exists('/web', '10.0.0.7:80');
    const followed = follow(scene.interpreter(), '/#/fake/web');
    assert.equal(addr.isWatched, true);
    followed.stop();
    assert.equal(addr.isWatched, false);
  });

  test('give the same signal for the same signal, and carry the age and a synthetic answer along', () => {
    const scene = new TransformerScene();
    const transformer = scene.make(portTransformer, { port: 1 });
    const freshness = () => ({ registry: 'Fake', ageMs: 1, updates: 1, error: undefined });
    const { bound } = scene.namer.exists('/web', '10.0.0.7:80');
    const [first, second] = [1, 2].map(() => {
      const state = transformer.transform({ ...bound, freshness, synthetic: { status: 503 } });
      assert.ok(state.state === 'ok' && state.value.type === 'leaf');
      return state.value.value;
    });
    assert.equal(first?.addr, second?.addr);
    assert.equal(first?.freshness, freshness);
    assert.deepEqual(first?.synthetic, { status: 503 });
  });
});
