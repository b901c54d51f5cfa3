import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Headers } from '../../../src/service/headers.js';
import { RouteHeaders } from '../../../src/service/route-headers.js';

describe('route headers', () => {
  it('are the same as headers and as complete lines', () => {
    const headers = Headers.from([
      ['l5d-dst-service', '/svc/h'],
      ['l5d-dst-client', '/$/inet/127.0.0.1/80\xe4'],
    ]);
    const route = new RouteHeaders(headers);
    assert.equal(route.headers, headers);
    assert.equal(route.http1, 'l5d-dst-service: /svc/h\r\nl5d-dst-client: /$/inet/127.0.0.1/80\xe4\r\n');
  });

  it('may be none', () => {
    assert.equal(new RouteHeaders(new Headers()).http1, '');
  });
});
