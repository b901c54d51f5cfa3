import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const SAMPLE = fileURLToPath(new URL('./sample-suite.js', import.meta.url));
const KUBERNETES = fileURLToPath(new URL('./kube-apiserver.test.js', import.meta.url));
const UNKNOWN =
  'install-registries.sh: there is no registry "zookeper", want any of: etcd consul zookeeper kubernetes kubectl\n';
const REASON = 'consul is not installed: scripts/install-registries.sh consul';

describe('registrySuite', () => {
  let nothing: string;
  let consul: string;
  before(() => {
    nothing = mkdtempSync(join(tmpdir(), 'linkgate-registries-'));
    consul = mkdtempSync(join(tmpdir(), 'linkgate-registries-'));
    mkdirSync(join(consul, 'consul'));
    writeFileSync(join(consul, 'consul', 'consul'), '');
  });
  after(() => {
    for (const folder of [nothing, consul]) rmSync(folder, { recursive: true });
  });

  it('skips with the reason where the registry is not installed', async () => {
    const { output, code } = await runSample({ LINKGATE_REGISTRIES: nothing });
    assert.match(output, new RegExp(`with a real consul .*# ${REASON}`));
    assert.match(output, /^ℹ skipped 1$/m);
    assert.equal(code, 0);
  });

  it('looks for registries where the script puts them when it is told nothing', async () => {
    const { output } = await runSample({ XDG_CACHE_HOME: nothing, LINKGATE_REGISTRIES: '' });
    assert.match(output, new RegExp(`# ${REASON}`));
  });

  it('fails with the reason where the registry is required', async () => {
    const { output, code } = await runSample({ LINKGATE_REGISTRIES: nothing, LINKGATE_REQUIRE_REGISTRIES: '1' });
    assert.match(output, new RegExp(`Error: ${REASON}`));
    assert.match(output, /^ℹ fail 1$/m);
    assert.equal(code, 1);
  });

  it('skips the tests of Kubernetes with the reason where there can be no network of their own', async () => {
    for (const [registry, program] of [
      ['kubernetes', 'kube-apiserver'],
      ['etcd', 'etcd'],
    ] as const) {
      mkdirSync(join(consul, registry));
      writeFileSync(join(consul, registry, program), '');
    }
    const own = { PATH: nothing, LINKGATE_REGISTRIES: consul, LINKGATE_OWN_NETWORK: '' };
    const { output, code } = await runSample(own, KUBERNETES);
    assert.match(output, /# a network namespace takes unshare, .*ENOENT/);
    assert.match(output, /^ℹ skipped 1$/m);
    assert.equal(code, 0);
  });

  it('runs where the registry is installed', async () => {
    const { output, code } = await runSample({ LINKGATE_REGISTRIES: consul, LINKGATE_REQUIRE_REGISTRIES: '1' });
    assert.match(output, /✔ is run/);
    assert.match(output, /^ℹ skipped 0$/m);
    assert.equal(code, 0);
  });

  it('fails when a program still runs after the last test, and ends it', async () => {
    const { output, code } = await runSample({ LINKGATE_REGISTRIES: consul, SAMPLE: 'forgetful' });
    assert.match(output, /still running after the last test: sleeper/);
    assert.equal(code, 1);
  });
});

describe('the script that a skipped test names', () => {
  it('says which registries there are when it is asked for another', () => {
    const { status, stderr } = spawnSync('scripts/install-registries.sh', ['zookeper'], { encoding: 'utf8' });
    assert.equal(stderr, UNKNOWN);
    assert.equal(status, 1);
  });
});

async function runSample(variables: Record<string, string>, file = SAMPLE): Promise<{ output: string; code: unknown }> {
  // As a run of its own, not as a part of this one.
  const { NODE_TEST_CONTEXT: _, LINKGATE_REQUIRE_REGISTRIES: __, ...env } = process.env;
  const args = ['--test', '--test-reporter=spec', file];
  const child = spawn(process.execPath, args, { env: { ...env, ...variables }, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  return { output, code };
}
