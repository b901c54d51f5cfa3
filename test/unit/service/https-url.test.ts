import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { httpsUrl } from '../../../src/service/https-url.js';
import { requestHead } from '../../support/requests.js';

describe('https URL', () => {
  for (const [host, target, port, url] of [
    ['shop.example.com', '/a?b=c', 443, 'https://shop.example.com/a?b=c'],
    ['shop.example.com:8080', '/a', 443, 'https://shop.example.com/a'],
    ['shop.example.com:8080', '/a', 8443, 'https://shop.example.com:8443/a'],
    ['[::1]:80', '/', 443, 'https://[::1]/'],
    ['shop.example.com', '*', 443, 'https://shop.example.com/'],
  ] as const) {
    it(`of ${host} ${target} at port ${port} is ${url}`, () => {
      assert.equal(httpsUrl(requestHead([['Host', host]], { target }), port), url);
    });
  }

  it('is there only for requests with a host and a path', () => {
    assert.equal(httpsUrl(requestHead([]), 443), undefined);
    assert.equal(httpsUrl(requestHead([['Host', '']]), 443), undefined);
    assert.equal(httpsUrl(requestHead([['Host', 'a:1']], { method: 'CONNECT', target: 'a:1' }), 443), undefined);
  });
});
