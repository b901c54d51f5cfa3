import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Unidentified } from '../../../src/identifier/identifier.js';
import { methodAndHostIdentifier } from '../../../src/identifier/method-and-host.js';
import type { RequestHead } from '../../../src/service/message.js';
import { makeNaming } from '../../support/identify.js';
import { requestHead } from '../../support/requests.js';

function make(httpUriInDst: boolean) {
  return makeNaming(methodAndHostIdentifier, { httpUriInDst });
}

function head(host: string | undefined, overrides: Partial<RequestHead> = {}): RequestHead {
  return requestHead(host === undefined ? [] : [['Host', host]], overrides);
}

describe('identifier io.l5d.methodAndHost', () => {
  for (const [what, request, httpUriInDst, name] of [
    ['method and lower-cased host, port kept', head('Shop.COM:81'), false, '/svc/1.1/GET/shop.com:81'],
    ['another method', head('a', { method: 'POST', target: '/x/y' }), false, '/svc/1.1/POST/a'],
    ['HTTP/2 as 1.1', head('a', { version: '2' }), false, '/svc/1.1/GET/a'],
    ['no host of 1.0', head('a', { version: '1.0' }), false, '/svc/1.0/GET'],
    ['1.0 without a host', head(undefined, { version: '1.0' }), false, '/svc/1.0/GET'],
    ['the path without the query', head('a', { target: '/x/y?z=/q' }), true, '/svc/1.1/GET/a/x/y'],
    ['no elements for /', head('a', { target: '/?z' }), true, '/svc/1.1/GET/a'],
    ['the path of 1.0', head('a', { target: '/x', version: '1.0' }), true, '/svc/1.0/GET/x'],
  ] as const) {
    it(`names ${what}: ${name}`, () => assert.equal(String(make(httpUriInDst)(request)), name));
  }

  it('lower-cases ASCII only: other bytes are halves of letters', () => {
    assert.equal(String(make(false)(head('\xc3\x89A'))), '/svc/1.1/GET/\\xc3\\x89\\x61');
  });

  for (const host of [undefined, '']) {
    it(`does not identify HTTP/1.1 with Host ${host}`, () => {
      const answer = make(true)(head(host));
      assert.ok(answer instanceof Unidentified);
      assert.equal(answer.reason, 'HTTP/1.1 request missing hostname');
    });
  }

  for (const target of ['/x/', '/a+b', '/~me', '*']) {
    it(`fails on target ${target} when the path is part of the name`, () => {
      assert.throws(() => make(true)(head('a', { target })), { name: 'ParseError' });
      assert.equal(String(make(false)(head('a', { target }))), '/svc/1.1/GET/a');
    });
  }

  it('gives the same object for the same request', () => {
    for (const httpUriInDst of [false, true]) {
      const identifier = make(httpUriInDst);
      const first = identifier(head('a', { target: '/x' }));
      identifier(head('b', { target: '/y', method: 'PUT' }));
      assert.equal(identifier(head('a', { target: '/x' })), first);
    }
  });

  it('survives callers that invent methods', () => {
    const identifier = make(false);
    for (let i = 0; i < 200; i++) {
      assert.equal(String(identifier(head('a', { method: `M${i}` }))), `/svc/1.1/M${i}/a`);
    }
  });

  it('leaves the path out unless told otherwise', () => {
    assert.deepEqual(methodAndHostIdentifier.config.parse({}), { httpUriInDst: false });
  });
});
