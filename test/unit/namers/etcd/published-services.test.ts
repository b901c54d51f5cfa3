import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { effect, type Signal, signal } from '@preact/signals-core';
import { PublishedServices } from '../../../../namers/etcd/published-services.js';
import type { ServiceSet } from '../../../../namers/shared/service-trees.js';
import type { TableReport } from '../../../../namers/shared/watched-table.js';
import { ok, PENDING, type State } from '../../../../src/base/activity.js';

describe('published services of etcd', () => {
  let answered: Signal<State<unknown>>;
  let told: string[];
  let aborting: AbortController;
  let report: TableReport<ServiceSet>;
  let seen: string[];

  beforeEach(() => {
    answered = signal<State<unknown>>(PENDING);
    told = [];
    aborting = new AbortController();
    seen = [];
    const services = new PublishedServices('etcd e:2379 /services');
    report = services.before(
      {
        replace: (rows) => {
          told.push(`replace ${rows.size}`);
          answered.value = ok('answered');
        },
        change: (rows) => void told.push(`change ${[...rows].length}`),
        confirm: () => void told.push('confirm'),
        complain: (message) => void told.push(message),
      },
      aborting.signal,
    );
    const hosts = services.hosts(answered);
    effect(() => {
      const now = hosts.value;
      seen.push(now.state === 'ok' ? now.value.map(({ host, by }) => `${host} by ${by}`).join(', ') : now.state);
    });
  });

  /** Of instances with these values of `linkgate.io/external`. */
  const service = (...marks: readonly unknown[]): ServiceSet => ({
    endpoints: marks.map((mark, i) => ({
      host: `10.0.0.${i}`,
      port: 80,
      ...(mark !== undefined && { meta: { zone: 'a', 'linkgate.io/external': mark } }),
    })),
  });

  it('are those of any instance, each host once, until the last that says so is gone', () => {
    const marks = ['shop.example.com', undefined, 'Shop.example.com, *.shop.example.com'];
    report.replace(
      new Map([
        ['team/shop', service(...marks)],
        ['inner', service(undefined)],
      ]),
    );
    report.change([['team/shop', service('shop.example.com')]]);
    report.change([['team/shop', service(undefined)]]);
    report.change([['team/shop', service('shop.example.com')]]);
    report.change([['team/shop', undefined]]);
    const by = 'by etcd e:2379 /services/team/shop';
    assert.deepEqual(seen, [
      'pending',
      `*.shop.example.com ${by}, shop.example.com ${by}`,
      `shop.example.com ${by}`,
      '',
      `shop.example.com ${by}`,
      '',
    ]);
    assert.deepEqual(told, ['replace 2', ...Array.from({ length: 4 }, () => 'change 1')]);
  });

  it('withdraw with a new list what it does not have, also what it publishes none of', () => {
    report.replace(
      new Map([
        ['a', service('a.example.com')],
        ['b', service('b.example.com')],
      ]),
    );
    report.replace(new Map([['b', service('b.example.com')]]));
    report.replace(new Map());
    assert.deepEqual(seen.slice(2), ['b.example.com by etcd e:2379 /services/b', '']);
  });

  it('say nothing for changes of addresses alone', () => {
    report.replace(new Map([['a', service('a.example.com')]]));
    report.change([
      ['a', service('a.example.com', 'a.example.com')],
      ['b', service(undefined)],
    ]);
    report.confirm();
    assert.equal(seen.length, 2);
    assert.deepEqual(told, ['replace 1', 'change 2', 'confirm']);
  });

  it('leave out what is no host, and complain before the answer is told', () => {
    report.replace(new Map([['a', service(7, { host: 'x' }, 'a.example.com,,*', null)]]));
    assert.deepEqual(seen.slice(1), ['a.example.com by etcd e:2379 /services/a']);
    const said = told.map((line) => line.replace('etcd e:2379 /services/a: linkgate.io/external is ', ''));
    const want = 'want shop.example.com or *.example.com';
    assert.deepEqual(said, [
      `"7 (no text)", ${want}`,
      `${JSON.stringify('{"host":"x"} (no text)')}, ${want}`,
      `"", ${want}`,
      `"*", ${want}`,
      `"null (no text)", ${want}`,
      'replace 1',
    ]);
  });

  it('hear nothing of a watch that has ended', () => {
    report.replace(new Map([['a', service('a.example.com')]]));
    aborting.abort();
    report.replace(new Map());
    report.change([['a', undefined]]);
    assert.deepEqual(seen.slice(1), ['a.example.com by etcd e:2379 /services/a']);
  });

  it('show a name of any bytes in quotes', () => {
    report.replace(new Map([['a\nb', service('a.example.com')]]));
    assert.equal(seen.at(-1), 'a.example.com by etcd e:2379 /services/"a b"');
  });
});
