import assert from 'node:assert/strict';
import { generateKeyPairSync, verify } from 'node:crypto';
import { test } from 'node:test';
import { credentialsFromEnvironment } from '../../../namers/marathon/credentials.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { MarathonScene } from './marathon-scene.js';

expectNoOpenHandles();

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const LOGIN = '/acs/api/v1/auth/login';
const WEB = { tasks: [{ host: '10.0.0.1', ports: [80] }] };

function serviceAccount(endpoint = `http://leader.mesos${LOGIN}`) {
  return credentialsOf('DCOS_SERVICE_ACCOUNT_CREDENTIAL', {
    login_endpoint: endpoint,
    private_key: PEM,
    scheme: 'RS256',
    uid: 'gateway',
  });
}

function credentialsOf(variable: string, value: string | object) {
  const credentials = credentialsFromEnvironment({
    [variable]: typeof value === 'string' ? value : JSON.stringify(value),
  });
  assert.ok(credentials);
  return { credentials };
}

/** True for the body of a login that the account's key has signed. */
function isSigned(body: unknown): boolean {
  const { uid, token } = body as { readonly uid: string; readonly token: string };
  const [header, payload, signature = ''] = token.split('.');
  const signed = Buffer.from(`${header}.${payload}`);
  return uid === 'gateway' && verify('RSA-SHA256', signed, publicKey, Buffer.from(signature, 'base64url'));
}

test('marathon is sent the basic credential with each request', async (t) => {
  const scene = await MarathonScene.start(t, credentialsOf('MARATHON_HTTP_AUTH_CREDENTIAL', 'dXNlcjpwYXNz'));
  scene.marathon.apps.set('/web', WEB);
  scene.marathon.authorizations = new Set(['Basic dXNlcjpwYXNz']);
  const web = scene.follow('/web');
  await eventually(() => web.now.endsWith('10.0.0.1:80'));
});

test('marathon that refuses the basic credential is told of without the credential', async (t) => {
  const scene = await MarathonScene.start(t, credentialsOf('MARATHON_HTTP_AUTH_CREDENTIAL', 'dXNlcjpwYXNz'));
  scene.marathon.authorizations = new Set();
  const web = scene.follow('/web');
  await eventually(() => web.now.startsWith('neg because'));
  assert.match(web.now, /GET \/v2\/apps: status 401: the credentials in MARATHON_HTTP_AUTH_CREDENTIAL are refused$/);
  assert.doesNotMatch([web.now, ...scene.logged].join(), /dXNlcjpwYXNz/);
  assert.ok(scene.metric('errors') > 0);
});

test('marathon that wants credentials where there are none is told of', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.authorizations = new Set();
  const web = scene.follow('/web');
  await eventually(() => web.now.startsWith('neg because'));
  assert.match(web.now, /status 401: credentials are wanted, in DCOS_SERVICE_ACCOUNT_CREDENTIAL or MARATHON_HTTP_/);
});

test('marathon is logged in to once for all requests', async (t) => {
  const scene = await MarathonScene.start(t, serviceAccount());
  for (const id of ['/web', '/api', '/shop']) scene.marathon.apps.set(id, WEB);
  scene.marathon.authorizations = new Set(['token=t1']);
  scene.marathon.login = { path: LOGIN, answer: (body) => (isSigned(body) ? 't1' : 401) };
  const names = ['/web', '/api', '/shop'].map((path) => scene.follow(path));
  await eventually(() => names.every(({ now }) => now.endsWith('10.0.0.1:80')));
  assert.equal(scene.marathon.count(`POST ${LOGIN}`), 1);
  assert.equal(scene.marathon.requests[0]?.headers['content-type'], 'application/json');
});

test('marathon is logged in to once more when its token is too old, for all that noticed', async (t) => {
  const scene = await MarathonScene.start(t, serviceAccount());
  for (const id of ['/web', '/api', '/shop']) scene.marathon.apps.set(id, WEB);
  scene.marathon.authorizations = new Set(['token=t1']);
  let logins = 0;
  scene.marathon.login = {
    path: LOGIN,
    answer: () => {
      logins += 1;
      return `t${logins}`;
    },
  };
  const names = ['/web', '/api', '/shop'].map((path) => scene.follow(path));
  await eventually(() => names.every(({ now }) => now.endsWith('10.0.0.1:80')));
  scene.marathon.authorizations = new Set(['token=t2']);
  for (const id of ['/web', '/api', '/shop'])
    scene.marathon.apps.set(id, { tasks: [{ host: '10.0.0.2', ports: [80] }] });
  scene.clock.skip(5050);
  await eventually(() => names.every(({ now }) => now.endsWith('10.0.0.2:80')));
  assert.equal(logins, 2);
  assert.equal(scene.metric('errors'), 0);
  assert.deepEqual(scene.warnings(), []);
});

test('marathon that refuses a new token too is asked no third time, and told of without the token', async (t) => {
  const scene = await MarathonScene.start(t, serviceAccount());
  scene.marathon.authorizations = new Set();
  scene.marathon.login = { path: LOGIN, answer: () => 'sesame' };
  const web = scene.follow('/web');
  await eventually(() => web.now.startsWith('neg because'));
  assert.deepEqual(scene.asked().slice(0, 4), [`POST ${LOGIN}`, 'GET /v2/apps', `POST ${LOGIN}`, 'GET /v2/apps']);
  assert.match(
    web.now,
    /status 401: the token that the account in DCOS_SERVICE_ACCOUNT_CREDENTIAL was given is refused$/,
  );
  assert.doesNotMatch([web.now, ...scene.logged].join(), /sesame/);
});

test('marathon that refuses the login, or answers it with nonsense, is told of without what it was sent', async (t) => {
  for (const [answer, message] of [
    [401, /login at \/acs\/api\/v1\/auth\/login with DCOS_SERVICE_ACCOUNT_CREDENTIAL: status 401$/],
    [500, /: status 500$/],
    ['', /: the answer has no token$/],
    ['two\nlines', /: the answer has no token$/],
  ] as const) {
    const scene = await MarathonScene.start(t, serviceAccount());
    scene.marathon.apps.set('/web', WEB);
    scene.marathon.login = { path: LOGIN, answer: () => answer };
    const web = scene.follow('/web');
    await eventually(() => web.now.startsWith('neg because'));
    assert.match(web.now, message);
    const sent = (JSON.parse(scene.marathon.requests[0]?.body ?? '{}') as { token: string }).token;
    assert.ok(!JSON.stringify(scene.logged).includes(sent.slice(0, 20)));
    scene.marathon.login = { path: LOGIN, answer: () => 't1' };
    scene.clock.skip(5050);
    await eventually(() => web.now.endsWith('10.0.0.1:80'));
  }
});

test('marathon whose login is meant to be encrypted and is not is warned of', async (t) => {
  const insecure = await MarathonScene.start(t, serviceAccount(`https://leader.mesos${LOGIN}`));
  assert.match(
    insecure.warnings()[0] ?? '',
    /the login_endpoint is https, and there is no tls: logins are not encrypted/,
  );
  const secure = await MarathonScene.start(t, { ...serviceAccount(`https://leader.mesos${LOGIN}`), tls: () => ({}) });
  assert.deepEqual(secure.warnings(), []);
});
