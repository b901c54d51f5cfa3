import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY_PATH, Path } from '../../../src/base/path.js';
import { headerTokenIdentifier } from '../../../src/identifier/header-token.js';
import { Unidentified } from '../../../src/identifier/identifier.js';
import { makeNaming } from '../../support/identify.js';
import { requestHead } from '../../support/requests.js';

function identify(config: object, headers: readonly [string, string][]): Path | Unidentified {
  return makeNaming(headerTokenIdentifier, config)(requestHead(headers));
}

describe('identifier io.l5d.header.token', () => {
  for (const [host, elements] of [
    ['shop.example.com', ['svc', 'shop.example.com']],
    ['Shop.Example.COM:8080', ['svc', 'Shop.Example.COM:8080']],
    ['a/b c', ['svc', 'a/b c']],
    ['[::1]:80', ['svc', '[::1]:80']],
    // UTF-8 on the wire stays the bytes that it was.
    ['\xc3\xa9', ['svc', '\xc3\xa9']],
  ] as const) {
    it(`takes Host ${JSON.stringify(host)} verbatim as one element`, () => {
      const name = identify({}, [['hOsT', host]]);
      assert.ok(name instanceof Path);
      assert.deepEqual(name.elements, elements);
    });
  }

  it('takes the first line of the configured header', () => {
    const headers: [string, string][] = [
      ['x-svc', 'web'],
      ['X-Svc', 'other'],
      ['Host', 'shop'],
    ];
    assert.equal(String(identify({ header: 'X-Svc' }, headers)), '/svc/web');
  });

  for (const [header, headers] of [
    ['Host', []],
    ['Host', [['Host', '']]],
    ['X-Svc', [['Host', 'shop']]],
  ] as [string, [string, string][]][]) {
    it(`does not identify without ${header} in ${JSON.stringify(headers)}`, () => {
      const answer = identify({ header }, headers);
      assert.ok(answer instanceof Unidentified);
      assert.equal(answer.reason, `${header} header is absent`);
    });
  }

  it('gives the same object for the same value, also after another one', () => {
    const identifier = makeNaming(headerTokenIdentifier, { header: 'Host' });
    const first = identifier(requestHead([['Host', 'shop']]));
    identifier(requestHead([['Host', 'blog']]));
    assert.equal(identifier(requestHead([['Host', 'shop']])), first);
  });

  it('works under an empty dstPrefix', () => {
    const identifier = makeNaming(headerTokenIdentifier, { header: 'Host' }, { dstPrefix: EMPTY_PATH });
    assert.equal(String(identifier(requestHead([['Host', 'shop']]))), '/shop');
  });

  it('looks at Host unless told otherwise and refuses other keys', () => {
    assert.deepEqual(headerTokenIdentifier.config.parse({}), { header: 'Host' });
    assert.equal(headerTokenIdentifier.config.safeParse({ header: '' }).success, false);
    assert.equal(headerTokenIdentifier.config.safeParse({ headers: 'Host' }).success, false);
  });
});
