import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { showDtab } from '../../../src/base/dtab.js';
import { parseDtab } from '../../../src/base/name-grammar.js';
import { linkgate } from './fake-terminal.js';

const DTAB = `
# services are files
/srv => /#/io.l5d.fs ;   # here
/svc => /srv ;
/svc/web => 3 * /srv/v1 & (/srv/v2 | !) ;
/host/*/\\x2a => ~ | $ ;
`;

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli-dtab-'));
});
after(() => rm(directory, { recursive: true }));

describe('dtab fmt', () => {
  const oneLine = '/srv=>/#/io.l5d.fs;/svc=>/srv;/svc/web=>3.00*/srv/v1 & (/srv/v2 | !);/host/*/\\x2a=>~ | $\n';

  test('prints one line, of text, of a file and of stdin', async () => {
    const file = join(directory, 'routes.dtab');
    await writeFile(file, DTAB);
    for (const [operand, stdin] of [
      [DTAB, ''],
      [`@${file}`, ''],
      ['-', DTAB],
    ] as const) {
      assert.deepEqual(await linkgate(['dtab', 'fmt', operand], stdin), { code: 0, out: oneLine, err: '' });
    }
  });

  test('prints a dentry a line with --pretty, aligned', async () => {
    const { out } = await linkgate(['dtab', 'fmt', '--pretty', DTAB]);
    assert.equal(
      out,
      `/srv         => /#/io.l5d.fs ;
/svc         => /srv ;
/svc/web     => 3.00*/srv/v1 & (/srv/v2 | !) ;
/host/*/\\x2a => ~ | $ ;
`,
    );
    assert.equal(`${showDtab(parseDtab(out))}\n`, oneLine);
  });

  test('aligns the others when one prefix is very long', async () => {
    const long = `/${'x'.repeat(80)}`;
    const { out } = await linkgate(['dtab', 'fmt', '--pretty', `/a => /b ; ${long} => /c`]);
    assert.equal(out, `${'/a'.padEnd(48)} => /b ;\n${long} => /c ;\n`);
  });

  test('prints what namerd answers with --json', async () => {
    const dentries = [
      { prefix: '/srv', dst: '/#/io.l5d.fs' },
      { prefix: '/svc', dst: '/srv' },
      { prefix: '/svc/web', dst: '3.00*/srv/v1 & (/srv/v2 | !)' },
      { prefix: '/host/*/\\x2a', dst: '~ | $' },
    ];
    assert.deepEqual(await linkgate(['dtab', 'fmt', '--json', DTAB]), {
      code: 0,
      out: `${JSON.stringify(dentries)}\n`,
      err: '',
    });
    const { out } = await linkgate(['dtab', 'fmt', '--json', '--pretty', '/a=>/b']);
    assert.equal(out, '[\n  {\n    "prefix": "/a",\n    "dst": "/b"\n  }\n]\n');
  });

  for (const [flags, out] of [
    [[], '\n'],
    [['--pretty'], ''],
    [['--json'], '[]\n'],
  ] as const) {
    test(`prints the empty table ${flags.join()} of a comment alone`, async () => {
      assert.deepEqual(await linkgate(['dtab', 'fmt', ...flags, ' # nothing ']), { code: 0, out, err: '' });
    });
  }

  test('says which weights it rounds', async () => {
    assert.deepEqual(await linkgate(['dtab', 'fmt', '/a => 0.333 * /b & 0.5 * (0.001 * /c & 2 * /d)']), {
      code: 0,
      out: '/a=>0.33*/b & 0.50*(0.00*/c & 2.00*/d)\n',
      err:
        'linkgate: weight 0.333 is printed as 0.33: weights have two decimals\n' +
        'linkgate: weight 0.001 is printed as 0.00: weights have two decimals\n',
    });
  });

  test('says where text cannot be parsed', async () => {
    assert.deepEqual(await linkgate(['dtab', 'fmt', '/a => /b ; c']), {
      code: 1,
      out: '',
      err: "linkgate: Invalid dtab: '/' expected but 'c' found at '/a => /b ; [c]'\n",
    });
  });

  test('says where a file or stdin cannot be parsed, by line and column', async () => {
    const file = join(directory, 'bad.dtab');
    await writeFile(file, '/a => /b ;\n/c > /d');
    const message = "Invalid dtab: '=' expected but '>' found at '/a => /b ;\n/c [>] /d'\n";
    assert.deepEqual(await linkgate(['dtab', 'fmt', `@${file}`]), {
      code: 1,
      out: '',
      err: `linkgate: ${file}:2:4: ${message}`,
    });
    const { code, err } = await linkgate(['dtab', 'fmt', '--json', '-'], '/a => /b ;\n/c > /d');
    assert.deepEqual([code, err], [1, `linkgate: <stdin>:2:4: ${message}`]);
  });

  test('says of a file that cannot be read why not', async () => {
    const file = join(directory, 'missing.dtab');
    assert.deepEqual(await linkgate(['dtab', 'fmt', `@${file}`]), {
      code: 1,
      out: '',
      err: `linkgate: cannot read "${file}": ENOENT: no such file or directory, open '${file}'\n`,
    });
  });
});
