import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { captureLog } from '../support/captured-log.js';
import { eventually } from '../support/eventually.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { Program } from '../support/program.js';
import { get } from '../support/scene.js';
import { type TestCertificate, TestCertificates } from '../support/test-certificates.js';
import { startTlsGateway } from '../support/tls-gateway.js';

expectNoOpenHandles();

const certificates = new TestCertificates();
let web: TestCertificate;
let next: TestCertificate;
before(async () => {
  web = await certificates.issue('web');
  next = await certificates.issue('next', { altNames: 'DNS:web' });
});

/** Files of its own, which a test may change. */
function copyOf({ certPath, keyPath }: TestCertificate, name: string): TestCertificate {
  const copy = {
    certPath: join(certificates.directory, `${name}.pem`),
    keyPath: join(certificates.directory, `${name}.k`),
  };
  copyFileSync(certPath, copy.certPath);
  copyFileSync(keyPath, copy.keyPath);
  return copy;
}

/** A gateway on files that a test may change. */
async function startOnCopy(t: TestContext, name: string) {
  const files = copyOf(web, name);
  const scene = await startTlsGateway(t, certificates, { certificate: files, manual: true });
  return {
    ...scene,
    files,
    /** Who is shown to the next caller. */
    subject: async () => ((await scene.client()).socket as TLSSocket).getPeerCertificate().subject.CN,
    /** Looks at the files as often as it takes. */
    until: (...metric: string[]) =>
      eventually(() => {
        scene.clock.advance(5000);
        return scene.server('tls', ...metric) === 1;
      }),
  };
}

/** Fails to start, with this message. */
async function refuses(t: TestContext, certificate: TestCertificate, message: RegExp, tls?: string): Promise<void> {
  await assert.rejects(startTlsGateway(t, certificates, { certificate, ...(tls ? { tls } : {}) }), (error: Error) => {
    assert.match(error.message, message);
    assert.match(error.message, /tls of the listener at 127\.0\.0\.1:0/);
    return true;
  });
}

// ---- at start ----

test('certificate and key that do not belong together are refused at start, with both files', async (t) => {
  const mixed = { certPath: web.certPath, keyPath: next.keyPath };
  await refuses(t, mixed, /next\.key: the private key does not belong to the certificate in .*web\.crt/);
});

test('certificate files that cannot be read are refused at start, with file and reason', async (t) => {
  const file = (text: string): string => {
    const path = join(certificates.directory, 'bad');
    writeFileSync(path, text);
    return path;
  };
  await refuses(t, { ...web, certPath: '/nowhere.pem' }, /Cannot read the certificate: ENOENT.*\/nowhere\.pem/);
  await refuses(t, { ...web, keyPath: '/nowhere.key' }, /Cannot read the private key: ENOENT.*\/nowhere\.key/);
  await refuses(t, { ...web, certPath: file('') }, /bad: no certificate in it/);
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  await refuses(t, { ...web, certPath: file(broken) }, /bad: a certificate in it cannot be read/);
  await refuses(t, { ...web, keyPath: file('no key') }, /bad: no private key that can be read/);
  await refuses(t, web, /Cannot read the CA certificates: ENOENT/, 'caCertPath: /nowhere');
  await refuses(t, web, /Cannot read the intermediate certificates: ENOENT/, 'intermediateCertsPath: /nowhere');
});

test('a key with a passphrase is refused at start', async (t) => {
  const keyPath = join(certificates.directory, 'encrypted.key');
  execFileSync('openssl', ['pkey', '-in', web.keyPath, '-aes256', '-passout', 'pass:secret', '-out', keyPath]);
  await refuses(t, { ...web, keyPath }, /encrypted\.key: the private key is encrypted/);
});

test('a key that OpenSSL deems too weak is refused at start', async (t) => {
  const weak = { certPath: join(certificates.directory, 'w.crt'), keyPath: join(certificates.directory, 'w.key') };
  const files = ['-keyout', weak.keyPath, '-out', weak.certPath];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:512', '-nodes', '-subj', '/CN=w', ...files], {
    stdio: 'pipe',
  });
  await refuses(t, weak, /w\.crt: cannot be used with its key: .*key too small/);
});

test('protocols and ciphers that are unknown or weak without exception are refused at start', async (t) => {
  await refuses(t, web, /protocols: unknown version "TLSv2"/, 'protocols: [TLSv2]');
  await refuses(t, web, /protocols: TLSv1, TLSv1\.1 are broken/, 'protocols: [TLSv1, TLSv1.1]');
  await refuses(t, web, /ciphers: unknown cipher suite "NOPE"/, 'ciphers: [NOPE]');
  await refuses(
    t,
    web,
    /ciphers: all of them are without forward secrecy.*: TLS_RSA_WITH_AES_128_CBC_SHA$/,
    'ciphers: [TLS_RSA_WITH_AES_128_CBC_SHA]',
  );
});

test('check and start fail with the file and the reason', async () => {
  const file = join(certificates.directory, 'linkerd.yaml');
  const tls = `{certPath: ${web.certPath}, keyPath: ${next.keyPath}}`;
  writeFileSync(file, `{admin: {port: 0}, routers: [{protocol: http, servers: [{port: 0, tls: ${tls}}]}]}`);
  for (const words of [['check', file], [file]]) {
    const program = new Program(words);
    assert.equal(await program.ended(), 1);
    assert.match(
      program.written.err,
      /tls of the listener at 127\.0\.0\.1:0.*next\.key: the private key does not belong/,
    );
  }
});

test('a certificate that no caller would get is refused at start', async (t) => {
  const nameless = await certificates.issue('nameless', { altNames: 'IP:127.0.0.1', subject: '/O=nobody' });
  const tls = `certificates: [{certPath: ${nameless.certPath}, keyPath: ${nameless.keyPath}}]`;
  await refuses(t, web, /nameless\.crt: no DNS name is in it, so no caller would get it: set hosts/, tls);
});

test('an expired certificate is served with a warning that names the file and the day', async (t) => {
  const lines = captureLog(t);
  const expired = await certificates.issue('expired', { altNames: 'DNS:web', to: '20210203000000Z' });
  const { ask, handshake, server } = await startTlsGateway(t, certificates, { certificate: expired });
  const warning = lines.find(({ level }) => level === 'warn');
  assert.match(warning?.msg ?? '', /expired\.crt: the certificate expired on 2021-02-03; callers will refuse it/);
  assert.equal(((await handshake()) as NodeJS.ErrnoException).code, 'CERT_HAS_EXPIRED');
  assert.equal((await ask(get(), { rejectUnauthorized: false })).status, 200);
  assert.ok(server('tls', 'certificate_valid_for_secs') < 0);
});

test('the intermediate certificates are sent along', async (t) => {
  const between = await certificates.issue('between', { isCa: true });
  const leaf = await certificates.issue('leaf', { altNames: 'DNS:web', issuer: between });
  const tls = `intermediateCertsPath: ${between.certPath}`;
  const { ask } = await startTlsGateway(t, certificates, { certificate: leaf, tls });
  assert.equal((await ask(get())).status, 200);
  const without = await startTlsGateway(t, certificates, { certificate: leaf });
  assert.ok((await without.handshake()) instanceof Error);
});

// ---- while running ----

test('certificate files that change are taken without a restart, and open connections stay', async (t) => {
  const { client, files, subject, until, server } = await startOnCopy(t, 'changed');
  const open = await client();
  assert.equal(await subject(), 'web');
  copyFileSync(next.certPath, files.certPath);
  copyFileSync(next.keyPath, files.keyPath);
  await until('certificate_reloads');
  assert.equal(await subject(), 'next');
  await open.send(get());
  assert.equal((await open.readResponse()).status, 200);
  assert.equal(server('tls', 'certificate_reload_failures'), 0);
});

test('certificate files that are links are followed when the links change', async (t) => {
  const { files, subject, until } = await startOnCopy(t, 'linked');
  for (const [path, target] of [
    [files.certPath, next.certPath],
    [files.keyPath, next.keyPath],
  ] as const) {
    symlinkSync(target, `${path}.new`);
    renameSync(`${path}.new`, path);
  }
  await until('certificate_reloads');
  assert.equal(await subject(), 'next');
});

test('a bad new certificate keeps the one before and logs one error, until a good one comes', async (t) => {
  const lines = captureLog(t);
  const { files, subject, until, server, clock } = await startOnCopy(t, 'bad');
  const errors = () => lines.filter(({ level }) => level === 'error');
  copyFileSync(next.certPath, files.certPath);
  await until('certificate_reload_failures');
  assert.equal(await subject(), 'web');
  const failed = errors();
  assert.equal(failed.length, 1);
  assert.match(failed[0]?.msg ?? '', /those before stay: .*bad\.k: the private key does not belong to .*bad\.pem/);
  // Nothing has changed: it is not said again.
  for (let i = 0; i < 5; i++) {
    clock.advance(5000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(server('tls', 'certificate_reload_failures'), 1);
  copyFileSync(next.keyPath, files.keyPath);
  await until('certificate_reloads');
  assert.equal(await subject(), 'next');
  assert.equal(errors().length, 1);
});

test('certificate files that vanish keep what was read', async (t) => {
  const { files, subject, until } = await startOnCopy(t, 'gone');
  captureLog(t);
  rmSync(files.certPath);
  await until('certificate_reload_failures');
  assert.equal(await subject(), 'web');
});

test('a reload of the configuration reads the files again, and is refused when they are bad', async (t) => {
  const { files, subject, gateway, config, server } = await startOnCopy(t, 'hup');
  copyFileSync(next.certPath, files.certPath);
  await assert.rejects(gateway.reload(config('')), /hup\.k: the private key does not belong/);
  assert.equal(await subject(), 'web');
  copyFileSync(next.keyPath, files.keyPath);
  await gateway.reload(config(''));
  assert.equal(await subject(), 'next');
  assert.equal(server('tls', 'certificate_reloads'), 1);
});

test('a reload of the configuration turns TLS on and off for the callers to come', async (t) => {
  const { client, gateway, config, scene } = await startTlsGateway(t, certificates, { certificate: web });
  const open = await client();
  const plain = config('').replace(/, tls: \{.*?\}/, '');
  assert.doesNotMatch(plain, /tls/);
  await gateway.reload(plain);
  assert.equal((await scene.ask(gateway, get())).status, 200);
  await open.send(get());
  assert.equal((await open.readResponse()).status, 200);
  await gateway.reload(config(''));
  assert.ok((await client()).socket);
});
