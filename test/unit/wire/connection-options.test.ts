import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectionOptions } from '../../../src/wire/connection-options.js';

function read(...values: string[]): Partial<ConnectionOptions> {
  const options = new ConnectionOptions();
  for (const value of values) options.add(value);
  const { close, keepAlive, upgrade, listed, forbidden } = options;
  return {
    ...(close ? { close } : {}),
    ...(keepAlive ? { keepAlive } : {}),
    ...(upgrade ? { upgrade } : {}),
    ...(listed ? { listed } : {}),
    ...(forbidden === undefined ? {} : { forbidden }),
  };
}

describe('connection options', () => {
  for (const [values, expected] of [
    [[], {}],
    [[''], {}],
    [[' , ,'], {}],
    [['close'], { close: true }],
    [['Close'], { close: true }],
    [['keep-alive'], { keepAlive: true }],
    [['Keep-Alive'], { keepAlive: true }],
    [['keep-alive, close'], { keepAlive: true, close: true }],
    [['keep-alive', 'close'], { keepAlive: true, close: true }],
    [['Upgrade'], { upgrade: true }],
    [['\tkeep-alive ,UPGRADE'], { keepAlive: true, upgrade: true }],
    [['Upgrade, HTTP2-Settings'], { upgrade: true }],
    [['TE, Trailer'], {}],
    [['X-Private'], { listed: new Set(['x-private']) }],
    [['close, X-A', 'x-b, X-a'], { close: true, listed: new Set(['x-a', 'x-b']) }],
    [['"close"'], { listed: new Set(['"close"']) }],
  ] as const) {
    it(`of ${JSON.stringify(values)} are understood`, () => {
      assert.deepEqual(read(...values), expected);
    });
  }

  for (const name of [
    ...[
      'Host',
      'Content-Length',
      'Transfer-Encoding',
      'Content-Type',
      'Content-Encoding',
      'Content-Range',
      'Range',
      'Expect',
    ],
    ...['Authorization', 'Cookie', 'Set-Cookie', 'Cache-Control', 'Date', 'Location', 'Origin', 'Forwarded', 'Via'],
    ...[
      'X-Real-IP',
      'X-Request-Id',
      'X-Forwarded-For',
      'X-Forwarded-Client-Cert',
      'l5d-ctx-dtab',
      'L5D-dtab',
      'X-B3-TraceId',
    ],
    'Sec-WebSocket-Key',
  ]) {
    it(`never drop ${name}, which is meant for every recipient`, () => {
      assert.deepEqual(read(`close, ${name}, X-A`), {
        close: true,
        listed: new Set(['x-a']),
        forbidden: name.toLowerCase(),
      });
    });
  }

  it('are forgotten by reset', () => {
    const options = new ConnectionOptions();
    options.add('close, keep-alive, upgrade, x-a, host');
    options.reset();
    assert.deepEqual(options, new ConnectionOptions());
  });
});
