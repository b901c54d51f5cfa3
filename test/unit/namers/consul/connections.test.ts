import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Renewals, Seats, Turns } from '../../../../namers/consul/connections.js';
import { settled } from '../../../support/fake-host-resolver.js';

const never = new AbortController().signal;

describe('Seats', () => {
  it('are as many as there are, and can be taken again once they are given back', () => {
    const seats = new Seats(2);
    const giveBack = seats.take(true);
    assert.ok(giveBack);
    assert.ok(seats.take(true));
    assert.equal(seats.take(true), undefined);
    giveBack();
    assert.equal(seats.taken, 1);
    assert.ok(seats.take(true));
  });

  it('are given to names that do not exist only while less than half are taken', () => {
    const seats = new Seats(4);
    assert.ok(seats.take(false));
    assert.ok(seats.take(false));
    assert.equal(seats.take(false), undefined);
    assert.ok(seats.take(true));
    assert.ok(seats.take(true));
  });

  it('make the watches without one wait longer the more of them there are', () => {
    const seats = new Seats(10);
    const leave = Array.from({ length: 110 }, () => seats.enter());
    assert.equal(seats.pollMs, 1000);
    leave.push(...Array.from({ length: 100 }, () => seats.enter()));
    assert.equal(seats.pollMs, 2000);
    for (const one of leave) one();
    assert.equal(seats.watches, 0);
    assert.equal(seats.pollMs, 1000);
  });
});

/** Work that runs until a test says so, and the order in which it was begun. */
function makeWork() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await settled();
  };
  return { begun, work, end };
}

describe('Renewals', () => {
  it('cost nothing while there are few, however close together', () => {
    const renewals = new Renewals();
    assert.deepEqual(
      Array.from({ length: 50 }, () => renewals.take(1000)),
      Array(50).fill(0),
    );
  });

  it('are a hundred a second beyond fifty at once, in order of arrival', () => {
    const renewals = new Renewals();
    for (let i = 0; i < 50; i++) renewals.take(0);
    assert.deepEqual(
      Array.from({ length: 5 }, () => renewals.take(0)),
      [0, 10, 20, 30, 40],
    );
    assert.equal(renewals.take(1000), 0);
  });

  it('do not wait where they come slower than the limit, for as long as that goes on', () => {
    const renewals = new Renewals();
    for (let now = 0; now < 10_000; now += 10) assert.equal(renewals.take(now), 0);
  });
});

describe('Turns', () => {
  it('lets so many work at a time, the others after them in their order', async () => {
    const turns = new Turns(2, 2);
    const { begun, work, end } = makeWork();
    const all = ['a', 'b', 'c', 'd'].map((name) => turns.take('dc1', never, work(name)));
    await settled();
    assert.deepEqual(begun, ['a', 'b']);
    await end('b');
    assert.deepEqual(begun, ['a', 'b', 'c']);
    await end('a');
    await end('c');
    await end('d');
    assert.deepEqual(await Promise.all(all), ['a', 'b', 'c', 'd']);
  });

  it('lets one datacenter that hangs not hold up the others', async () => {
    const turns = new Turns(3, 2);
    const { begun, work, end } = makeWork();
    const all = ['a', 'b', 'c'].map((name) => turns.take('dead', never, work(name)));
    const alive = turns.take('alive', never, work('alive'));
    await settled();
    assert.deepEqual(begun, ['a', 'b', 'alive']);
    await end('alive');
    assert.equal(await alive, 'alive');
    await end('a');
    assert.deepEqual(begun, ['a', 'b', 'alive', 'c']);
    await end('b');
    await end('c');
    await Promise.all(all);
  });

  it('gives the turn on when work fails', async () => {
    const turns = new Turns(1, 1);
    const failing = turns.take('dc1', never, () => Promise.reject(new Error('no')));
    const next = turns.take('dc1', never, () => Promise.resolve('next'));
    await assert.rejects(failing, /no/);
    assert.equal(await next, 'next');
  });

  it('forgets who no longer wants a turn, at once', async () => {
    const turns = new Turns(1, 1);
    const { begun, work, end } = makeWork();
    const first = turns.take('dc1', never, work('first'));
    const abort = new AbortController();
    const given = turns.take('dc1', abort.signal, work('given up'));
    abort.abort();
    await assert.rejects(given, /no longer wanted/);
    const last = turns.take('dc1', never, work('last'));
    await end('first');
    await end('last');
    assert.deepEqual(await Promise.all([first, last]), ['first', 'last']);
    assert.deepEqual(begun, ['first', 'last']);
  });
});
