import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { signal } from '@preact/signals-core';
import { MetricsScope } from '../../../src/base/metrics.js';
import type { PublishedHost } from '../../../src/naming/publication.js';
import { PublishedHosts, type Publisher } from '../../../src/router/published-hosts.js';
import { captureLog } from '../../support/captured-log.js';
import { ManualClock } from '../../support/manual-clock.js';
import { metricValue } from '../../support/metric-value.js';

class FakePublisher implements Publisher {
  readonly published;
  isPending = false;

  constructor(...hosts: string[]) {
    this.published = signal<readonly PublishedHost[]>(hosts.map(publishedHost));
  }

  publish(...hosts: string[]): void {
    this.published.value = hosts.map(publishedHost);
  }

  pending(): string | undefined {
    return this.isPending ? 'not yet' : undefined;
  }
}

function publishedHost(host: string): PublishedHost {
  return { host, by: `service ${host}` };
}

function start(t: TestContext) {
  const log = captureLog(t);
  const clock = new ManualClock();
  const metrics = new MetricsScope();
  const hosts = new PublishedHosts({ listener: 'edge', clock, metrics });
  t.after(() => hosts.close());
  const events = () =>
    log.map((line) => {
      const { event, host = '', by = '' } = line as unknown as Record<string, string>;
      return [line.level, event, host, by].join(' ').trimEnd();
    });
  const metric = (name: string) => metricValue(metrics, name);
  return { hosts, clock, events, metric, metrics };
}

test('published hosts are those of the file and of all publishers', (t) => {
  const { hosts, metric } = start(t);
  assert.equal(hosts.find('a.example'), undefined);
  hosts.follow(['a.example', '*.w.example', '[::1]'], [new FakePublisher('b.example'), new FakePublisher('c.example')]);
  for (const [authority, canonical] of [
    ['a.example', 'a.example'],
    ['A.Example', 'a.example'],
    ['a.example.', 'a.example'],
    ['a.example.:80', 'a.example:80'],
    ['a.example:', 'a.example:'],
    ['b.example:443', 'b.example:443'],
    ['c.example', 'c.example'],
    ['x.w.example', 'x.w.example'],
    ['[::1]:80', '[::1]:80'],
  ] as const) {
    assert.equal(hosts.find(authority), canonical, authority);
    assert.equal(hosts.find(authority), canonical, `${authority} again`);
  }
  for (const authority of [
    ...[
      '',
      '.',
      ':',
      ':80',
      'example',
      'd.example',
      'x.a.example',
      'w.example',
      '.w.example',
      'x.y.w.example',
      '*.w.example.x',
    ],
    ...[
      'a.example..',
      'a.example:80:80',
      'a.example:x',
      'a.example:-1',
      'u@a.example',
      'a.example/',
      '::1',
      '[::1',
      '[::2]',
    ],
    ...['a.example ', ' a.example', 'a.example,b.example', '__proto__', 'constructor'],
  ]) {
    assert.equal(hosts.find(authority), undefined, authority);
  }
  assert.equal(metric('exposed_hosts'), 5);
});

test('published hosts follow their publishers, and tell of each change', (t) => {
  const { hosts, events, metric } = start(t);
  const publisher = new FakePublisher();
  hosts.follow(['own'], [publisher]);
  assert.equal(hosts.find('b'), undefined);
  publisher.publish('b', 'own');
  assert.equal(hosts.find('b'), 'b');
  publisher.publish('c');
  assert.deepEqual([hosts.find('b'), hosts.find('c'), hosts.find('own')], [undefined, 'c', 'own']);
  assert.deepEqual(events(), [
    'info host-exposed own externalHosts',
    'warn host-exposed b service b',
    'warn host-exposed c service c',
    'info host-withdrawn b',
  ]);
  assert.deepEqual([metric('exposed_hosts'), metric('hosts_exposed'), metric('hosts_withdrawn')], [2, 3, 1]);
});

test('published hosts of a plugin that are none are left out', (t) => {
  const { hosts, metric } = start(t);
  hosts.follow([], [new FakePublisher('*', '*.*', 'a b', '', 'a:80', 'a/b', 'x'.repeat(300), 'OK.example.')]);
  assert.equal(metric('exposed_hosts'), 1);
  assert.equal(hosts.find('ok.example'), 'ok.example');
  assert.equal(hosts.find('*'), undefined);
});

test('a publisher that flaps with thousands of hosts gets a hundred lines of the log in a minute', (t) => {
  const { hosts, clock, events, metric } = start(t);
  const many = Array.from({ length: 5000 }, (_, i) => `h${i}`);
  const publisher = new FakePublisher();
  hosts.follow([], [publisher]);
  for (let i = 0; i < 10; i++) {
    publisher.publish(...many);
    publisher.publish();
  }
  assert.equal(events().length, 101);
  assert.equal(events()[100], 'warn hosts-unlisted');
  assert.equal(metric('hosts_exposed'), 50_000);
  clock.advance(60_000);
  publisher.publish('later');
  assert.equal(events().at(-1), 'warn host-exposed later service later');
});

test('a reload that publishes the same is no event, one that publishes more is', (t) => {
  const { hosts, events } = start(t);
  const publisher = new FakePublisher('b');
  hosts.follow(['a'], [publisher]);
  const before = events().length;
  hosts.follow(['a'], [publisher]);
  assert.equal(events().length, before);
  hosts.follow(['a', 'c'], []);
  assert.deepEqual(events().slice(before), ['info host-exposed c externalHosts', 'info host-withdrawn b']);
});

test('a publisher that is new after a reload has ten seconds to say what it publishes, until then all stays', (t) => {
  const { hosts, clock } = start(t);
  const known = (...names: string[]) => names.filter((name) => hosts.find(name) !== undefined).join(' ');
  hosts.follow(['own'], [new FakePublisher('b', 'c')]);
  const next = new FakePublisher();
  next.isPending = true;
  hosts.follow([], [next]);
  assert.equal(known('own', 'b', 'c'), 'b c', 'the file is known');
  next.isPending = false;
  next.publish('c');
  assert.equal(known('own', 'b', 'c'), 'c');
  const silent = new FakePublisher();
  silent.isPending = true;
  hosts.follow([], [silent]);
  clock.advance(9_999);
  assert.equal(known('b', 'c'), 'c');
  clock.advance(1);
  assert.equal(known('b', 'c'), '');
});

test('publishers are observed from follow to close', (t) => {
  const { hosts, metric, metrics } = start(t);
  const watched: boolean[] = [];
  const published = signal<readonly PublishedHost[]>([], {
    watched: () => watched.push(true),
    unwatched: () => watched.push(false),
  });
  const publisher: Publisher = { published, pending: () => 'not yet' };
  hosts.follow(['a'], [publisher]);
  hosts.follow(['b'], [publisher]);
  assert.deepEqual(watched, [true]);
  assert.equal(metric('exposed_hosts'), 1);
  hosts.close();
  assert.deepEqual(watched, [true, false]);
  assert.equal(metrics.children.has('exposed_hosts'), false);
});
