import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { observe } from '../../../src/base/activity.js';
import { type Addr, showAddress } from '../../../src/base/addr.js';
import type { Logger } from '../../../src/base/log.js';
import { type Inet, makeInet } from '../../../src/naming/inet.js';
import { FakeHostResolver, settled } from '../../support/fake-host-resolver.js';
import { ManualClock } from '../../support/manual-clock.js';

function show(addr: Addr): string {
  if (addr.state === 'failed') return `failed: ${addr.error.message}`;
  return addr.state === 'bound' ? addr.addresses.map(showAddress).join(' ') : addr.state;
}

describe('inet', () => {
  let clock: ManualClock;
  let resolver: FakeHostResolver;
  let logged: string[];
  let inet: Inet;

  beforeEach(() => {
    clock = new ManualClock();
    resolver = new FakeHostResolver();
    logged = [];
    const say =
      (level: string) =>
      (message: string): void => {
        logged.push(`${level} ${message}`);
      };
    const log: Logger = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') };
    inet = makeInet({ clock, resolver, log });
  });

  /** Observes `host`; `seen` has every answer in order. */
  const follow = (host: string, port = 80, addresses = inet.addresses): { seen: string[]; stop: () => void } => {
    const seen: string[] = [];
    const stop = observe(addresses(host, port), (addr) => seen.push(show(addr)));
    return { seen, stop };
  };

  const poll = async (): Promise<void> => {
    clock.advance(5000);
    await settled();
  };

  const constants: [host: string, expected: string][] = [
    ['', '127.0.0.1:80'],
    ['localhost', '127.0.0.1:80'],
    ['LocalHost', '127.0.0.1:80'],
    ['10.0.0.1', '10.0.0.1:80'],
    ['127.1', '127.0.0.1:80'],
    ['::1', '[::1]:80'],
    ['[::1]', '[::1]:80'],
  ];
  for (const [host, expected] of constants) {
    it(`answers ${expected} for "${host}" at once and asks nobody`, () => {
      const { seen } = follow(host);
      assert.deepEqual(seen, [expected]);
      assert.deepEqual(resolver.asked, []);
      assert.equal(clock.pendingTimers, 0);
    });
  }

  for (const port of [0, 65536, Number.NaN, 1.5]) {
    it(`fails for port ${port}`, () => {
      assert.match(follow('web', port).seen.join(), /^failed: Cannot connect to "web": port .* is not in 1-65535$/);
    });
  }

  for (const port of [1, 65535]) {
    it(`takes port ${port}`, () => {
      assert.deepEqual(follow('10.0.0.1', port).seen, [`10.0.0.1:${port}`]);
    });
  }

  it('asks for nothing before someone observes', () => {
    inet.addresses('web', 80);
    assert.deepEqual(resolver.asked, []);
  });

  it('is pending, then bound to every address', async () => {
    resolver.answers.set('web', ['10.0.0.1', 'fd00::1', '10.0.0.1']);
    const { seen } = follow('web', 8080);
    assert.deepEqual(seen, ['pending']);
    await settled();
    assert.deepEqual(seen, ['pending', '10.0.0.1:8080 [fd00::1]:8080']);
  });

  it('looks up again 5 s after each answer, and tells only changes', async () => {
    resolver.answers.set('web', ['10.0.0.1', '10.0.0.2']);
    const { seen } = follow('web');
    await settled();
    clock.advance(4999);
    assert.equal(resolver.asked.length, 1);
    resolver.answers.set('web', ['10.0.0.2', '10.0.0.1']);
    clock.advance(1);
    await settled();
    assert.equal(resolver.asked.length, 2);
    resolver.answers.set('web', ['10.0.0.3']);
    await poll();
    assert.deepEqual(seen, ['pending', '10.0.0.1:80 10.0.0.2:80', '10.0.0.3:80']);
  });

  it('is Neg for an unknown host, also after addresses, and bound as soon as there is one', async () => {
    const { seen } = follow('web');
    await settled();
    resolver.answers.set('web', ['10.0.0.1']);
    await poll();
    resolver.answers.delete('web');
    await poll();
    assert.deepEqual(seen, ['pending', 'neg', '10.0.0.1:80', 'neg']);
  });

  it('fails when the first lookup fails, and recovers', async () => {
    resolver.answers.set('web', new Error('query ESERVFAIL web'));
    const { seen } = follow('web');
    await settled();
    resolver.answers.set('web', ['10.0.0.1']);
    await poll();
    assert.deepEqual(seen, ['pending', 'failed: Cannot look up host "web": query ESERVFAIL web', '10.0.0.1:80']);
  });

  it('keeps the last good addresses through failures, and says so once', async () => {
    resolver.answers.set('web', ['10.0.0.1']);
    const { seen } = follow('web');
    await settled();
    resolver.answers.set('web', new Error('query ETIMEOUT web'));
    await poll();
    await poll();
    assert.deepEqual(seen, ['pending', '10.0.0.1:80']);
    assert.deepEqual(
      logged.filter((line) => line.startsWith('warn')),
      ['warn Cannot look up host "web": query ETIMEOUT web; keeping its last addresses, trying again in 5000 ms'],
    );
    resolver.answers.set('web', ['10.0.0.2']);
    await poll();
    assert.deepEqual(seen, ['pending', '10.0.0.1:80', '10.0.0.2:80']);
    assert.equal(logged.at(-1), 'info host web can be looked up again');
  });

  it('shares one lookup among all who observe a host, whatever the port and the case', async () => {
    resolver.answers.set('web', ['10.0.0.1']);
    const first = follow('web', 80);
    await settled();
    const second = follow('WEB', 81);
    assert.deepEqual(second.seen.at(-1), '10.0.0.1:81');
    await poll();
    assert.deepEqual(resolver.asked, ['web', 'web']);
    first.stop();
    await poll();
    assert.equal(resolver.asked.length, 3);
    second.stop();
    assert.equal(clock.pendingTimers, 0);
  });

  it('stops when nobody observes, and knows nothing of before when someone does again', async () => {
    resolver.answers.set('web', ['10.0.0.1']);
    const addr = inet.addresses('web', 80);
    observe(addr, () => {})();
    await settled();
    assert.equal(clock.pendingTimers, 0);
    const stop = observe(addr, () => {});
    await settled();
    assert.equal(show(addr.peek()), '10.0.0.1:80');
    stop();
    resolver.answers.set('web', ['10.0.0.2']);
    const seen: string[] = [];
    observe(addr, (now) => seen.push(show(now)));
    await settled();
    assert.equal(seen.includes('10.0.0.1:80'), false);
    assert.equal(seen.at(-1), '10.0.0.2:80');
  });

  it('looks up once where once is asked for, after failures again', async () => {
    resolver.answers.set('web', new Error('query ETIMEOUT web'));
    const { seen } = follow('web', 80, inet.addressesOnce);
    await settled();
    await poll();
    resolver.answers.set('web', ['10.0.0.1']);
    await poll();
    resolver.answers.set('web', ['10.0.0.2']);
    await poll();
    assert.equal(resolver.asked.length, 3);
    assert.equal(seen.at(-1), '10.0.0.1:80');
    assert.equal(clock.pendingTimers, 0);
  });

  it('when closed stops every lookup, starts none, and closes its resolver', async () => {
    resolver.answers.set('web', ['10.0.0.1']);
    const { seen } = follow('web');
    await inet.close();
    await settled();
    assert.deepEqual(seen, ['pending']);
    assert.equal(clock.pendingTimers, 0);
    assert.ok(resolver.closed);
    follow('other');
    assert.deepEqual(resolver.asked, ['web']);
    await inet.close();
  });
});
