// The units of deploy/systemd: read by systemd itself, and held against what the gateway does.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { adminSchema } from '../../config/schema/admin.js';

const UNITS = ['linkgate', 'linkgate-per-host'] as const;
const MAIN = '/opt/linkgate/dist/src/main.js';

/** The values of each key, in order. */
type Settings = ReadonlyMap<string, readonly string[]>;

function settingsOf(unit: string): Settings {
  const settings = new Map<string, string[]>();
  for (const line of readFileSync(fileOf(unit), 'utf8').split('\n')) {
    const [, key, value = ''] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined) settings.set(key, [...(settings.get(key) ?? []), value]);
  }
  return settings;
}

function fileOf(unit: string): string {
  return `deploy/systemd/${unit}.service`;
}

const analyze = (...args: readonly string[]) => spawnSync('systemd-analyze', args, { encoding: 'utf8' });
const isThere = analyze('--version').status === 0;
const skip = isThere ? false : 'systemd-analyze is not installed: apt-get install systemd';

describe('units of deploy/systemd', () => {
  for (const unit of UNITS) {
    it(`${unit} is read by systemd without a complaint`, { skip }, () => {
      const { status, stdout, stderr } = analyze('verify', '--man=no', fileOf(unit));
      assert.deepEqual([status, stdout, stderr], [0, '', '']);
    });

    it(`${unit} is exposed to at most 2.0 of 10, by the reckoning of systemd`, { skip }, () => {
      const { status, stdout } = analyze('security', '--offline=true', '--threshold=20', '--no-pager', fileOf(unit));
      assert.equal(status, 0, stdout);
    });

    it(`${unit} checks the configuration that it runs, before the start and before each reload`, () => {
      const settings = settingsOf(unit);
      const [, file] = /^node \S+ run (\S+)$/.exec(settings.get('ExecStart')?.[0] ?? '') ?? [];
      assert.ok(file);
      assert.deepEqual(settings.get('ExecStart'), [`node ${MAIN} run ${file}`]);
      assert.deepEqual(settings.get('ExecStartPre'), [`node ${MAIN} check ${file}`]);
      assert.deepEqual(settings.get('ExecReload'), [`node ${MAIN} check ${file}`, '/bin/kill -HUP $MAINPID']);
      // Beside package.json, as in this build.
      assert.ok(existsSync(fileURLToPath(new URL('../../src/main.js', import.meta.url))));
    });

    it(`${unit} is given the time to drain, and until it ends itself, before it is killed`, () => {
      const { shutdownGraceMs } = adminSchema().parse({});
      const [seconds] = settingsOf(unit).get('TimeoutStopSec') ?? [];
      // 5 s: STUCK_AFTER_MS of src/cli/run.ts.
      assert.ok(Number(seconds) * 1000 > shutdownGraceMs + 5000);
    });
  }

  it('are the same sandbox, the one without ports below 1024 the closer', () => {
    const [edge, perHost] = UNITS.map(settingsOf);
    const keys = new Set([...(edge?.keys() ?? []), ...(perHost?.keys() ?? [])]);
    const different = [...keys].filter((key) => edge?.get(key)?.join('\n') !== perHost?.get(key)?.join('\n'));
    assert.deepEqual(different.sort(), [
      'After',
      'AmbientCapabilities',
      'CapabilityBoundingSet',
      'Description',
      'ExecReload',
      'ExecStart',
      'ExecStartPre',
      'PrivateUsers',
    ]);
  });

  it('come with an environment that leads applications to the listeners of the examples', () => {
    const variables = new Map(
      readFileSync('deploy/systemd/per-host.env', 'utf8')
        .split('\n')
        .flatMap((line) => {
          const [, name, value = ''] = /^([a-z_]+)=(.*)$/.exec(line) ?? [];
          return name === undefined ? [] : [[name, value] as const];
        }),
    );
    for (const registry of ['consul', 'zookeeper']) {
      const { routers } = parse(readFileSync(`config/examples/per-host-${registry}.yaml`, 'utf8')) as {
        readonly routers: readonly {
          readonly label: string;
          readonly servers: readonly [{ port: number; ip: string }];
        }[];
      };
      const at = (label: string): string => {
        const [server] = routers.find((router) => router.label === label)?.servers ?? assert.fail(label);
        return `http://${server.ip}:${server.port}`;
      };
      assert.equal(variables.get('http_proxy'), at('outgoing'));
      assert.equal(variables.get('https_proxy'), at('tunnels'));
    }
    assert.match(variables.get('no_proxy') ?? '', /127\.0\.0\.1/);
  });
});
