import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { takesCanary } from '../../../src/identifier/canary.js';
import { Headers } from '../../../src/service/headers.js';
import { canary } from '../../support/route-rules.js';

const never = (): number => assert.fail('chance was asked');
const low = () => 0.299;
const high = () => 0.3;

function takes(
  given: Parameters<typeof canary>[1],
  headers: readonly (readonly [string, string])[],
  random = never,
): boolean {
  return takesCanary(canary('/new', given), Headers.from(headers), random);
}

describe('canary by header', () => {
  it('takes always, leaves never, and asks on for anything else', () => {
    const given = { header: 'x-canary', weight: 0.3 };
    assert.equal(takes(given, [['X-Canary', 'always']]), true);
    assert.equal(takes(given, [['X-Canary', 'never']]), false);
    for (const value of ['Always', 'yes', '', 'always, never', 'always ']) {
      assert.equal(takes(given, [['X-Canary', value]], low), true, value);
      assert.equal(takes(given, [['X-Canary', value]], high), false, value);
    }
    assert.equal(takes(given, [], high), false);
  });

  it('takes its value alone, as it is written, when it has one', () => {
    const given = { header: 'x-group', headerValue: 'beta.*', weight: 0.3 };
    assert.equal(takes(given, [['X-Group', 'beta.*']]), true);
    for (const value of ['always', 'never', 'Beta.*', 'beta1'])
      assert.equal(takes(given, [['X-Group', value]], high), false);
    assert.equal(takes(given, [['X-Group', 'never']], low), true);
  });

  it('looks at the first of repeated lines', () => {
    const given = { header: 'x-canary' };
    assert.equal(
      takes(given, [
        ['x-canary', 'never'],
        ['x-canary', 'always'],
      ]),
      false,
    );
    assert.equal(
      takes(given, [
        ['x-canary', 'always'],
        ['x-canary', 'never'],
      ]),
      true,
    );
  });

  it('goes before the cookie', () => {
    const given = { header: 'x-canary', cookie: 'canary' };
    assert.equal(
      takes(given, [
        ['Cookie', 'canary=always'],
        ['x-canary', 'never'],
      ]),
      false,
    );
    assert.equal(
      takes(given, [
        ['Cookie', 'canary=never'],
        ['x-canary', 'always'],
      ]),
      true,
    );
    assert.equal(
      takes(given, [
        ['Cookie', 'canary=always'],
        ['x-canary', 'perhaps'],
      ]),
      true,
    );
  });
});

describe('canary by cookie', () => {
  for (const [cookies, expected] of [
    [['canary=always'], true],
    [['canary=never'], false],
    [['a=1; canary=always; b=2'], true],
    [['a=1;canary=always;b=2'], true],
    [['a=1', 'canary=always'], true],
    [['canary=never; canary=always'], false],
    [['canary=always '], true],
    [['xcanary=always'], undefined],
    [['canaryx=always'], undefined],
    [['Canary=always'], undefined],
    [['a=canary=always'], undefined],
    [['canary'], undefined],
    [['canary='], undefined],
    [['canary="always"'], undefined],
    [[';;; ;'], undefined],
    [[''], undefined],
    [[], undefined],
  ] as const) {
    it(`${JSON.stringify(cookies)} ${expected === undefined ? 'leaves it to chance' : `says ${expected}`}`, () => {
      const given = { cookie: 'canary', weight: 0.3 };
      const headers = cookies.map((value) => ['Cookie', value] as const);
      assert.equal(takes(given, headers, expected === undefined ? low : never), expected ?? true);
      assert.equal(takes(given, headers, expected === undefined ? high : never), expected ?? false);
    });
  }
});

describe('canary by weight', () => {
  it('takes its share', () => {
    assert.equal(takes({ weight: 0.3 }, [], low), true);
    assert.equal(takes({ weight: 0.3 }, [], high), false);
  });

  it('of nothing takes none, and of all takes all', () => {
    assert.equal(takes({ weight: 0 }, []), false);
    assert.equal(
      takes({ weight: 1 }, [], () => 1 - Number.EPSILON),
      true,
    );
    assert.equal(
      takes({ weight: 1 }, [], () => 0),
      true,
    );
  });
});
