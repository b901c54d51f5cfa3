import assert from 'node:assert/strict';
import { generateKeyPairSync, verify } from 'node:crypto';
import { test } from 'node:test';
import { credentialsFromEnvironment, loginBody, type ServiceAccount } from '../../../../namers/marathon/credentials.js';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const ACCOUNT = {
  login_endpoint: 'https://leader.mesos/acs/api/v1/auth/login',
  private_key: PEM,
  scheme: 'RS256',
  uid: 'gateway',
};

function account(changes: object = {}): string {
  return JSON.stringify({ ...ACCOUNT, ...changes });
}

function serviceAccount(changes: object = {}): ServiceAccount {
  const credentials = credentialsFromEnvironment({ DCOS_SERVICE_ACCOUNT_CREDENTIAL: account(changes) });
  assert.ok(credentials?.type === 'service-account');
  return credentials;
}

test('credentialsFromEnvironment knows none without a variable', () => {
  assert.equal(credentialsFromEnvironment({}), undefined);
});

test('credentialsFromEnvironment takes the basic credential as it is, without white space around it', () => {
  const credentials = credentialsFromEnvironment({ MARATHON_HTTP_AUTH_CREDENTIAL: 'dXNlcjpwYXNz\n' });
  assert.deepEqual(credentials, { type: 'basic', value: 'dXNlcjpwYXNz' });
});

test('credentialsFromEnvironment prefers the service account', () => {
  const environment = { DCOS_SERVICE_ACCOUNT_CREDENTIAL: account(), MARATHON_HTTP_AUTH_CREDENTIAL: 'dXNlcjpwYXNz' };
  assert.equal(credentialsFromEnvironment(environment)?.type, 'service-account');
});

test('credentialsFromEnvironment takes the path of the login from a URL or a path', () => {
  const { loginPath, wantsTls, uid } = serviceAccount();
  assert.deepEqual(
    { loginPath, wantsTls, uid },
    { loginPath: '/acs/api/v1/auth/login', wantsTls: true, uid: 'gateway' },
  );
  assert.equal(serviceAccount({ login_endpoint: '/auth/login?x=1' }).loginPath, '/auth/login?x=1');
  assert.equal(serviceAccount({ login_endpoint: 'http://leader.mesos/login' }).wantsTls, false);
});

test('credentialsFromEnvironment takes keys as PKCS#8 and as PKCS#1 (1.x bug 62)', () => {
  const pkcs1 = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  assert.ok(serviceAccount({ private_key: pkcs1 }).privateKey.equals(serviceAccount().privateKey));
});

test('credentialsFromEnvironment says what is wrong, and no secret', () => {
  const secret = 'SECRET';
  const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });
  for (const [text, message] of [
    [secret, 'DCOS_SERVICE_ACCOUNT_CREDENTIAL is not a JSON object'],
    ['null', 'DCOS_SERVICE_ACCOUNT_CREDENTIAL is not a JSON object'],
    ['[]', 'DCOS_SERVICE_ACCOUNT_CREDENTIAL has no scheme, want a text'],
    [account({ scheme: 'HS256' }), 'DCOS_SERVICE_ACCOUNT_CREDENTIAL: the only scheme is "RS256"'],
    [account({ uid: 7 }), 'DCOS_SERVICE_ACCOUNT_CREDENTIAL has no uid, want a text'],
    [account({ private_key: undefined }), 'DCOS_SERVICE_ACCOUNT_CREDENTIAL has no private_key, want a text'],
    [account({ private_key: secret }), 'DCOS_SERVICE_ACCOUNT_CREDENTIAL: private_key is not an RSA private key in PEM'],
    [
      account({ private_key: elliptic }),
      'DCOS_SERVICE_ACCOUNT_CREDENTIAL: private_key is not an RSA private key in PEM',
    ],
    [account({ login_endpoint: '' }), 'DCOS_SERVICE_ACCOUNT_CREDENTIAL has no login_endpoint, want a text'],
    [
      account({ login_endpoint: 'ftp://leader.mesos/' }),
      'DCOS_SERVICE_ACCOUNT_CREDENTIAL: login_endpoint is not an http or https URL',
    ],
  ] as const) {
    assert.throws(() => credentialsFromEnvironment({ DCOS_SERVICE_ACCOUNT_CREDENTIAL: text }), { message });
  }
  for (const value of ['', 'SECRET word', 'SECRET\r\nX-Evil: 1', 'SÉCRET']) {
    assert.throws(() => credentialsFromEnvironment({ MARATHON_HTTP_AUTH_CREDENTIAL: value }), {
      message: 'MARATHON_HTTP_AUTH_CREDENTIAL is not one word of printable ASCII',
    });
  }
});

test('loginBody has the uid and a JSON Web Token of it that the public key verifies', () => {
  const { uid, token } = JSON.parse(loginBody(serviceAccount({ uid: 'gate"way' }))) as { uid: string; token: string };
  assert.equal(uid, 'gate"way');
  const [header = '', payload = '', signature = ''] = token.split('.');
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  assert.deepEqual(read(header), { typ: 'JWT', alg: 'RS256' });
  assert.deepEqual(read(payload), { uid: 'gate"way' });
  const signed = Buffer.from(`${header}.${payload}`);
  assert.ok(verify('RSA-SHA256', signed, publicKey, Buffer.from(signature, 'base64url')));
});
