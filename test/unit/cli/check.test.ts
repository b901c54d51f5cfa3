import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { parseConfig } from '../../../config/schema/parse.js';
import { defineKind } from '../../../src/base/kind.js';
import { checkParts } from '../../../src/cli/check.js';
import type { ReadConfig } from '../../../src/cli/read-config.js';
import { kinds } from '../../../src/kinds.js';
import type { Namer, NamerContext } from '../../../src/naming/namer.js';
import { linkgate } from './fake-terminal.js';

const GOOD = `
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/8888
  servers:
  - port: 8080
  - port: 8081
`;
const BAD = GOOD.replace('8080', '88888').replace('8081', '99999');

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli-check-'));
});
after(() => rm(directory, { recursive: true }));

async function file(text: string): Promise<string> {
  const path = join(directory, 'linkerd.yaml');
  await writeFile(path, text);
  return path;
}

describe('check', () => {
  test('says in one line that all is well', async () => {
    assert.deepEqual(await linkgate(['check', 'config/quickstart.yaml']), {
      code: 0,
      out: 'config/quickstart.yaml: ok (1 router, 1 server, 1 namer)\n',
      err: '',
    });
  });

  test('reads stdin for -', async () => {
    assert.deepEqual(await linkgate(['check', '-'], GOOD), {
      code: 0,
      out: '<stdin>: ok (1 router, 2 servers, 0 namers)\n',
      err: '',
    });
  });

  for (const flag of ['-validate', '-validate=true']) {
    test(`is what Linkerd's ${flag} does, before and behind the file`, async () => {
      const path = await file(GOOD);
      for (const words of [
        [flag, path],
        [path, flag],
      ]) {
        const { code, out } = await linkgate(words);
        assert.deepEqual([code, out], [0, `${path}: ok (1 router, 2 servers, 0 namers)\n`]);
      }
    });
  }

  test('is not what -validate=false does', async () => {
    const { code, err } = await linkgate(['-validate=false', '-'], BAD);
    assert.equal(code, 1);
    assert.match(err, /linkgate: not started/);
  });

  test('lists every error at its line, and counts them', async () => {
    const path = await file(BAD);
    assert.deepEqual(await linkgate(['check', path]), {
      code: 1,
      out: '',
      err: `${path}:6:11: routers[0].servers[0].port: 88888 outside valid range for ports
${path}:7:11: routers[0].servers[1].port: 99999 outside valid range for ports
${path}: 2 errors
`,
    });
  });

  test('answers JSON with --json', async () => {
    assert.deepEqual(await linkgate(['check', '--json', '-'], GOOD), {
      code: 0,
      out: '{"valid":true,"errors":[]}\n',
      err: '',
    });
    const { code, out, err } = await linkgate(['check', '-', '--json'], BAD);
    assert.deepEqual([code, err], [1, '']);
    assert.deepEqual(JSON.parse(out), {
      valid: false,
      errors: [
        {
          file: '<stdin>',
          line: 6,
          column: 11,
          path: 'routers[0].servers[0].port',
          message: '88888 outside valid range for ports',
        },
        {
          file: '<stdin>',
          line: 7,
          column: 11,
          path: 'routers[0].servers[1].port',
          message: '99999 outside valid range for ports',
        },
      ],
    });
  });

  test('says of a file that cannot be read why not', async () => {
    const missing = join(directory, 'missing.yaml');
    assert.deepEqual(await linkgate(['check', missing]), {
      code: 1,
      out: '',
      err: `config is not a file: ${missing}\n`,
    });
    assert.equal(
      (await linkgate(['check', directory])).err,
      `config is not a file: ${directory} (it is a directory)\n`,
    );
    const { code, out } = await linkgate(['check', '--json', missing]);
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(out).errors, [
      { file: missing, line: 1, column: 1, path: '', message: `config is not a file: ${missing}` },
    ]);
  });

  test('touches no access log, so it is safe beside the gateway that writes it', async () => {
    const log = join(directory, 'logs', 'access.log');
    const config = GOOD.replace('  servers', `  httpAccessLog: ${log}\n  httpAccessLogAppend: false\n  servers`);
    assert.equal((await linkgate(['check', '-'], config)).code, 0);
    assert.equal(existsSync(join(directory, 'logs')), false);
  });

  test('refuses what only shows when the parts are made, and closes those that were', async () => {
    let open = 0;
    const namer = (kind: string, make: () => void) =>
      defineKind({
        kind,
        description: 'A namer.',
        config: z.strictObject({ prefix: z.string().exactOptional() }),
        make: (_config, { prefix }: NamerContext): Namer => {
          make();
          open += 1;
          return {
            prefix,
            lookup: () => assert.fail('nothing is to be looked up'),
            close: () => {
              open -= 1;
            },
          };
        },
      });
    const whole = namer('test.whole', () => {});
    const broken = namer('test.broken', () => {
      throw new Error('"/etc/ca.pem" holds no certificate');
    });
    const withBoth = { ...kinds, namer: [whole, broken] };
    const read = (text: string): ReadConfig => {
      const parsed = parseConfig(text, 'a.yaml', withBoth);
      return parsed.ok ? { ...parsed, file: 'a.yaml', kinds: withBoth } : assert.fail(JSON.stringify(parsed.errors));
    };
    const good = await checkParts(read(`namers: [{kind: test.whole}]\n${GOOD}`));
    assert.deepEqual([good.ok, open], [true, 0]);
    const bad = await checkParts(read(`namers: [{kind: test.whole}, {kind: test.broken}]\n${GOOD}`));
    const message = 'a.yaml: "/etc/ca.pem" holds no certificate';
    const errors = [{ file: 'a.yaml', line: 1, column: 1, path: '', message }];
    assert.deepEqual(bad, { ok: false, errors, report: `${message}\n` });
    assert.equal(open, 0);
  });
});
