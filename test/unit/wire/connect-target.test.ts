import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import { hostOfConnect } from '../../../src/wire/connect-target.js';

for (const [target, host] of [
  ['db:5432', 'db'],
  ['DB.example:1', 'DB.example'],
  ['10.0.0.1:65535', '10.0.0.1'],
  ['[::1]:443', '[::1]'],
] as const) {
  test(`CONNECT target ${target} has the host ${host}`, () => assert.equal(hostOfConnect(target), host));
}

for (const target of [
  ...['', 'db', 'db:', ':443', 'db:0', 'db:00443', 'db:65536', 'db:70000', 'db:4x', 'db:-1', 'db:443:443', 'db:443/'],
  ...[
    'me@db:443',
    'me:pw@db:443',
    '::1:443',
    '[::1]',
    '[]:443',
    'a,b:443',
    'a b:443',
    'a\tb:443',
    '/',
    '*',
    'http://db:443',
  ],
]) {
  test(`CONNECT target ${JSON.stringify(target)} is refused`, () => {
    assert.throws(
      () => hostOfConnect(target),
      (error) => error instanceof GatewayError && error.code === 'bad-request' && /want host:port/.test(error.message),
    );
  });
}
