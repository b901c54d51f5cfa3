import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseConfig, showConfigError } from '../../../config/schema/parse.js';
import { parseDiscoFile } from '../../../namers/fs/disco-file.js';
import { seededRandom } from '../../../src/base/random.js';
import { kinds } from '../../../src/kinds.js';
import { type Linker, makeLinker } from '../../../src/linker.js';
import { eventually } from '../../support/eventually.js';
import { ManualClock } from '../../support/manual-clock.js';

const FILES = filesBelow('config').filter((file) => !file.startsWith(join('config', 'schema')));
const CONFIGS = FILES.filter((file) => /\.ya?ml$/.test(file));
/** What the manifests run. */
const DEPLOYED = join('deploy', 'kubernetes', 'base', 'linkerd.yaml');
const DISCO = FILES.filter((file) => file.startsWith(join('config', 'disco')));

// What a pod is told of itself by its manifest.
process.env.POD_IP ??= '10.0.0.1';
process.env.POD_NAMESPACE ??= 'default';
process.env.NODE_NAME ??= 'node-1';

describe('files in config/', () => {
  it('are configurations, addresses and the schema, and nothing else', () => {
    assert.ok(CONFIGS.length >= 4, `configurations: ${CONFIGS}`);
    assert.ok(DISCO.length >= 2, `addresses: ${DISCO}`);
    const known = new Set([...CONFIGS, ...DISCO, join('config', 'linkerd.schema.json')]);
    assert.deepEqual(
      FILES.filter((file) => !known.has(file)),
      [],
    );
  });

  for (const file of [...CONFIGS, DEPLOYED]) {
    it(`${file} is loaded, made without listening, and closed with nothing left open`, async () => {
      const before = handles();
      const clock = new ManualClock();
      const linker = make(file, clock);
      await nextTurn();
      assert.deepEqual(handles(), before);
      await linker.close();
      assert.equal(clock.pendingTimers, 0);
      await eventually(() => handles().length <= before.length);
    });
  }

  for (const file of DISCO) {
    it(`${file} holds addresses that io.l5d.fs reads`, () => {
      assert.ok(parseDiscoFile(readFileSync(file, 'utf8')).length > 0);
    });
  }
});

function make(file: string, clock: ManualClock): Linker {
  const parsed = parseConfig(readFileSync(file, 'utf8'), file, kinds);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.errors.map(showConfigError).join('\n'));
  return makeLinker({
    config: parsed.config,
    raw: parsed.raw,
    kinds,
    build: { name: 'linkgate', version: 'test', startedAt: 0 },
    clock,
    random: seededRandom(1),
    onShutdownRequest: () => assert.fail('nobody asked for a shutdown'),
  });
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Sockets, listeners, file watches and lookups, by Node's names. */
function handles(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => name.endsWith('Wrap'))
    .sort();
}
