import assert from 'node:assert/strict';
import { copyFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ClientCredentials } from '../../../src/tls/client-credentials.js';
import { captureLog } from '../../support/captured-log.js';
import { ManualClock } from '../../support/manual-clock.js';
import { TestCertificates } from '../../support/test-certificates.js';

const certificates = new TestCertificates();
const VERSIONS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } as const;

let writes = 0;

async function start() {
  const clock = new ManualClock();
  const trust = join(certificates.directory, `trust-${++writes}.pem`);
  /** Another state of the file, written `agoMs` before now. */
  const touch = (agoMs: number): void => {
    writes += 1;
    const secs = (clock.epochMs() - agoMs) / 1000;
    utimesSync(trust, secs + writes / 1e5, secs + writes / 1e5);
  };
  const put = async (agoMs: number): Promise<void> => {
    copyFileSync((await certificates.ca).certPath, trust);
    touch(agoMs);
  };
  await put(60_000);
  const credentials = new ClientCredentials({ trustFiles: [trust], clientAuth: undefined, ...VERSIONS }, clock);
  return { clock, trust, touch, put, credentials };
}

test('client credentials make a new context when a file has changed, and look once a second at most', async () => {
  const { clock, put, credentials } = await start();
  const first = credentials.context;
  clock.advance(1000);
  assert.equal(credentials.context, first, 'nothing has changed');
  await put(10_000);
  assert.equal(credentials.context, first, 'it is not time to look');
  clock.advance(1000);
  assert.notEqual(credentials.context, first);
});

test('client credentials read a file that was just written when it is the same a look later', async () => {
  const { clock, put, credentials } = await start();
  const first = credentials.context;
  await put(-1000);
  clock.advance(1000);
  assert.equal(credentials.context, first);
  await put(-2000);
  clock.advance(1000);
  assert.equal(credentials.context, first, 'it has been written once more');
  clock.advance(1000);
  assert.notEqual(credentials.context, first);
});

for (const [title, harm] of [
  ['is no PEM', (trust: string) => writeFileSync(trust, 'nonsense')],
  ['is empty', (trust: string) => writeFileSync(trust, '')],
  ['is gone', (trust: string) => rmSync(trust)],
] as const) {
  test(`client credentials stay as they are when a file ${title}, and say so once`, async (t) => {
    const log = captureLog(t);
    const { clock, trust, put, credentials } = await start();
    const first = credentials.context;
    harm(trust);
    for (let i = 0; i < 5; i++) {
      clock.advance(5000);
      assert.equal(credentials.context, first);
    }
    const errors = log.filter(({ level }) => level === 'error');
    assert.equal(errors.length, 1);
    assert.ok(errors[0]?.msg.includes(trust), errors[0]?.msg);
    await put(10_000);
    clock.advance(5000);
    assert.notEqual(credentials.context, first);
  });
}

test('client credentials whose files never could be read trust nobody', async (t) => {
  const log = captureLog(t);
  const missing = join(certificates.directory, 'missing.pem');
  const credentials = new ClientCredentials(
    { trustFiles: [missing], clientAuth: undefined, ...VERSIONS },
    new ManualClock(),
  );
  assert.ok(credentials.context);
  assert.equal(log.filter(({ level }) => level === 'error').length, 1);
});

test('client credentials whose key is of another certificate are refused', async (t) => {
  const log = captureLog(t);
  const { certPath } = await certificates.issue('one');
  const { keyPath } = await certificates.issue('two');
  const clientAuth = { certPath, keyPath };
  const credentials = new ClientCredentials({ trustFiles: [], clientAuth, ...VERSIONS }, new ManualClock());
  assert.ok(credentials.context);
  assert.match(log[0]?.msg ?? '', /two\.key: the private key does not belong to the certificate in .*one\.crt/);
});
