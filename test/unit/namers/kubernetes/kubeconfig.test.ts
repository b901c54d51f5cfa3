import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { parseKubeconfig } from '../../../../namers/kubernetes/kubeconfig.js';

const PEM = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';

function config(cluster: object = {}, user: object = {}, more: object = {}): string {
  return stringify({
    'current-context': 'one',
    contexts: [
      { name: 'one', context: { cluster: 'c', user: 'u' } },
      { name: 'other', context: { cluster: 'd' } },
      { name: 'lost', context: { cluster: 'nowhere', user: 'u' } },
      { name: 'nobody', context: { cluster: 'c', user: 'nowhere' } },
    ],
    clusters: [
      { name: 'c', cluster: { server: 'https://10.0.0.1:6443', ...cluster } },
      { name: 'd', cluster: { server: 'http://[fd00::1]/base/' } },
    ],
    users: [{ name: 'u', user }],
    ...more,
  });
}

describe('parseKubeconfig', () => {
  it('takes the server and the credentials of the current context', () => {
    const server = parseKubeconfig(
      config(
        { 'certificate-authority-data': Buffer.from(PEM).toString('base64'), 'tls-server-name': 'kube' },
        { token: 'secret' },
      ),
      'f',
      undefined,
    );
    assert.deepEqual([server.host, server.port, server.basePath], ['10.0.0.1', 6443, '']);
    assert.deepEqual(server.tls?.(), { rejectUnauthorized: true, servername: 'kube', ca: PEM });
    assert.deepEqual(server.headers?.(), { Authorization: 'Bearer secret' });
  });

  it('takes the context that is asked for: plain, on IPv6, behind a path, without a user', () => {
    const server = parseKubeconfig(config(), 'f', 'other');
    assert.deepEqual(server, { host: 'fd00::1', port: 80, basePath: '/base' });
  });

  it('trusts any certificate only where the file says so', () => {
    const skipped = parseKubeconfig(config({ 'insecure-skip-tls-verify': true }), 'f', undefined);
    assert.equal(skipped.tls?.().rejectUnauthorized, false);
    const text = parseKubeconfig(config({ 'insecure-skip-tls-verify': 'true' }), 'f', undefined);
    assert.equal(text.tls?.().rejectUnauthorized, true);
  });

  it('takes files relative to its own folder, when they are needed', () => {
    const { headers, tls } = parseKubeconfig(
      config({ 'certificate-authority': 'ca.pem' }, { tokenFile: '/abs/token' }),
      '/nowhere/at/config',
      undefined,
    );
    assert.throws(() => headers?.(), /cannot read the token file \/abs\/token: ENOENT/);
    assert.throws(() => tls?.(), /cannot read the certificate-authority file \/nowhere\/at\/ca\.pem: ENOENT/);
  });

  for (const [what, text, context, message] of [
    ['text that is no YAML', 'a: [', undefined, /kubeconfig f: it is not YAML \(line 1: [A-Z_]+\)$/],
    ['a list', '- a', undefined, /kubeconfig f: the file \["a"\] is no object$/],
    ['an empty file', '', undefined, /it has no current-context; say which one with `context`$/],
    [
      'a context that is not there',
      config(),
      'two',
      /there is no context "two" in it; it has one, other, lost, nobody$/,
    ],
    ['a cluster that is not there', config(), 'lost', /there is no cluster "nowhere" in it; it has c, d$/],
    ['a user that is not there', config(), 'nobody', /there is no user "nowhere" in it; it has u$/],
    ['no server', config({ server: null }), undefined, /its cluster has no server$/],
    [
      'a server that is no URL',
      config({ server: '10.0.0.1:6443' }),
      undefined,
      /server "10\.0\.0\.1:6443" .* neither an https/,
    ],
    ['another protocol', config({ server: 'ftp://a' }), undefined, /server "ftp:\/\/a" .* neither an https/],
    [
      'a proxy',
      config({ 'proxy-url': 'http://p' }),
      undefined,
      /proxy-url of its cluster is not supported; give a server/,
    ],
    ['exec', config({}, { exec: { command: 'aws' } }), undefined, /exec of its user is not supported; use a token/],
    [
      'auth-provider',
      config({}, { 'auth-provider': { name: 'gcp' } }),
      undefined,
      /auth-provider of its user is not supp/,
    ],
    ['a password', config({}, { username: 'a', password: 'b' }), undefined, /username of its user is not supported/],
    ['impersonation', config({}, { as: 'admin' }), undefined, /as of its user is not supported/],
    ['data that is no PEM', config({ 'certificate-authority-data': 'abcd' }), undefined, /-data is no PEM in base64$/],
    ['a token that is a number', config({}, { token: 5 }), undefined, /token is no text$/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseKubeconfig(text, 'f', context), message);
    });
  }

  it('never repeats a credential', () => {
    for (const text of [
      'token: secret\n\tbad: [',
      config({ server: 'ftp://a' }, { token: 'secret' }),
      config({}, { 'client-key-data': 'secret' }),
      config({}, { token: ['secret'] }),
      config({ server: 'https://user:secret@host' }),
      config({ 'proxy-url': 'http://user:secret@p' }),
    ]) {
      assert.throws(
        () => parseKubeconfig(text, 'f', undefined),
        (error: Error) => !error.message.includes('secret'),
      );
    }
  });
});
