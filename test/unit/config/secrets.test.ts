import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretKey, showValue } from '../../../config/schema/secrets.js';

test('isSecretKey knows the keys that hold secrets from those that name files', () => {
  for (const key of ['token', 'Token', 'password', 'authToken', 'clientSecret', 'api_key', 'auth', 'privateKey']) {
    assert.equal(isSecretKey(key), true, key);
  }
  for (const key of ['clientAuth', 'keyPath', 'certPath', 'tokenFile', 'author', 'port']) {
    assert.equal(isSecretKey(key), false, key);
  }
});

test('showValue hides whatever is below a secret key', () => {
  assert.equal(showValue('x', ['namers', 0, 'token']), '***');
  assert.equal(showValue(5, ['auth', 'inner']), '***');
  assert.equal(showValue('x', ['namers', 0, 'host']), '"x"');
});
