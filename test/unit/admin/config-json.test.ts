import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { redactSecrets } from '../../../src/admin/config-json.js';
import { askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource } from '../../support/fake-admin-source.js';

describe('config.json', () => {
  test('shows the configuration with absent values dropped', async () => {
    const config = {
      admin: { port: 9990, ip: undefined },
      routers: [{ protocol: 'http', label: null, servers: [{ port: 0 }] }],
    };
    const { status, contentType, text } = await askAdmin(fakeAdminSource({ config }), 'GET /config.json');
    assert.deepEqual([status, contentType], [200, 'application/json;charset=UTF-8']);
    assert.equal(text, '{"admin":{"port":9990},"routers":[{"protocol":"http","servers":[{"port":0}]}]}');
  });

  for (const key of [
    'token',
    'password',
    'auth',
    'authorization',
    'clientSecret',
    'secret',
    'apiKey',
    'api_key',
    'accessToken',
    'privateKey',
    'credentials',
    'PASSWORD',
    'passphrase',
  ]) {
    test(`hides the value of ${key}`, () => assert.deepEqual(redactSecrets({ [key]: 'hunter2' }), { [key]: '***' }));
  }

  for (const key of ['authTokenFile', 'tokenPath', 'keyPath', 'label', 'useDcosAuth', 'header', 'authority']) {
    test(`shows the value of ${key}`, () => assert.deepEqual(redactSecrets({ [key]: 'plain' }), { [key]: 'plain' }));
  }

  test('hides what stands deeper below a secret key, numbers and lists included', () => {
    assert.deepEqual(
      redactSecrets({
        authInfos: [{ scheme: 'digest', auth: 'u:p' }],
        tokens: ['a', 'b'],
        secret: { pin: 1234, on: true },
      }),
      {
        authInfos: [{ scheme: 'digest', auth: '***' }],
        tokens: ['***', '***'],
        secret: { pin: '***', on: true },
      },
    );
  });

  test('hides the password in a URL and leaves the rest of the text', () => {
    assert.equal(redactSecrets('see http://bob:s3:cret@host:80/p and x'), 'see http://bob:***@host:80/p and x');
    assert.equal(redactSecrets('http://host:80/a@b'), 'http://host:80/a@b');
  });

  test('leaves the configuration itself untouched', () => {
    const config = { token: 'x' };
    redactSecrets(config);
    assert.deepEqual(config, { token: 'x' });
  });
});
