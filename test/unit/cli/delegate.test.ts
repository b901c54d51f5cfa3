import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, mock, test } from 'node:test';
import { constant } from '../../../src/base/activity.js';
import { ADDR_PENDING } from '../../../src/base/addr.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { answerDrawing, answerJson } from '../../../src/cli/delegate.js';
import { makeDtabInterpreter } from '../../../src/naming/dtab-interpreter.js';
import type { Interpreter } from '../../../src/naming/interpreter.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { FakeTerminal, linkgate } from './fake-terminal.js';

let directory = '';
let config = '';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli-delegate-'));
  const disco = join(directory, 'disco');
  await mkdir(disco);
  await writeFile(join(disco, 'v1'), '10.0.0.1 80\n10.0.0.2 80 * 3\n');
  await writeFile(join(disco, 'v2'), '10.0.0.3 80\n');
  config = join(directory, 'linkerd.yaml');
  await writeFile(
    config,
    `
namers: [{kind: io.l5d.fs, rootDir: ${disco}}]
routers:
- protocol: http
  label: edge
  dtab: |
    /srv     => /#/io.l5d.fs ;
    /svc     => /srv ;
    /svc/web => 3 * /srv/v1 & 1 * /srv/v2 ;
  servers: [{port: 0}]
- protocol: http
  label: internal
  dtab: /svc => /$/inet/127.0.0.1
  servers: [{port: 0}]
`,
  );
});
after(() => rm(directory, { recursive: true }));

const delegate = (...words: readonly string[]) => linkgate(['delegate', ...words]);

describe('delegate', () => {
  test('draws the first router of the configuration', async () => {
    assert.deepEqual(await delegate('--config', config, '/svc/web/a'), {
      code: 0,
      out: `✓ /svc/web/a  (the first that exists)
├─✓ /svc/web/a  (split by weight)         ← /svc/web => 3.00*/srv/v1 & /srv/v2
│ ├─✓ 3 * /srv/v1/a
│ │ └─✓ /#/io.l5d.fs/v1/a                 ← /srv => /#/io.l5d.fs
│ │     bound to /#/io.l5d.fs/v1, residual /a
│ │     10.0.0.1:80
│ │     10.0.0.2:80 * 3
│ └─✓ 1 * /srv/v2/a
│   └─✓ /#/io.l5d.fs/v2/a                 ← /srv => /#/io.l5d.fs
│       bound to /#/io.l5d.fs/v2, residual /a
│       10.0.0.3:80
└── /srv/web/a                            ← /svc => /srv
  └── /#/io.l5d.fs/web/a  (no such name)  ← /srv => /#/io.l5d.fs

✓ requests go to 75% /#/io.l5d.fs/v1, 25% /#/io.l5d.fs/v2
`,
      err: '',
    });
  });

  test('puts the rules of --dtab behind those of the router, from the command line and from a file', async () => {
    const file = join(directory, 'local.dtab');
    await writeFile(file, '/svc/web => /srv/v2 # for now\n');
    for (const dtab of ['/svc/web => /srv/v2', `@${file}`]) {
      const { code, out } = await delegate('--config', config, '--dtab', dtab, '/svc/web');
      assert.equal(code, 0);
      assert.match(out, /^✓ \/svc\/web .*\n├─✓ \/srv\/v2 +← \/svc\/web => \/srv\/v2\n/);
      assert.match(out, /\n✓ requests go to \/#\/io\.l5d\.fs\/v2\n$/);
    }
  });

  test('takes the router that --router names', async () => {
    assert.deepEqual(await delegate('--config', config, '--router', 'internal', '/svc/8080'), {
      code: 0,
      out: `✓ /svc/8080
└─✓ /$/inet/127.0.0.1/8080  ← /svc => /$/inet/127.0.0.1
    127.0.0.1:8080

✓ requests go to /$/inet/127.0.0.1/8080
`,
      err: '',
    });
  });

  test('lists the routers when there is none of that label', async () => {
    assert.deepEqual(await delegate('--config', config, '--router', 'inner', '/svc/a'), {
      code: 1,
      out: '',
      err: `linkgate: ${config} has no router "inner", it has "edge", "internal"\n`,
    });
  });

  test('knows the built-in namers alone without a configuration', async () => {
    const { out } = await delegate('--dtab', '/svc => /$/inet/127.0.0.1', '/svc/8080');
    assert.match(out, /127\.0\.0\.1:8080\n/);
    assert.deepEqual(await delegate('/#/io.l5d.fs/v1'), {
      code: 0,
      out: '  /#/io.l5d.fs/v1  (no such name)\n\n✗ requests are answered 502: no such name\n',
      err: '',
    });
  });

  test('answers what /delegator.json does with --json', async () => {
    const { code, out, err } = await delegate('--json', '--dtab', '/svc=>/$/inet/127.0.0.1;/svc/b=>!', '/svc/80/x');
    assert.deepEqual([code, err, out.endsWith('}\n')], [0, '', true]);
    assert.deepEqual(JSON.parse(out), {
      type: 'delegate',
      path: '/svc/80/x',
      delegate: {
        type: 'leaf',
        path: '/$/inet/127.0.0.1/80/x',
        dentry: { prefix: '/svc', dst: '/$/inet/127.0.0.1' },
        bound: {
          addr: { type: 'bound', addrs: [{ ip: '127.0.0.1', port: 80, meta: {} }], meta: {} },
          id: '/$/inet/127.0.0.1/80',
          path: '/x',
        },
      },
    });
  });

  test('waits for the files of the namer with --json too', async () => {
    const { out } = await delegate('--json', '--config', config, '/srv/v2');
    assert.deepEqual(JSON.parse(out).delegate.bound.addr.addrs, [{ ip: '10.0.0.3', port: 80, meta: {} }]);
  });

  for (const flags of [[], ['--json']]) {
    test(`fails when the whole delegation does ${flags.join()}`, async () => {
      assert.deepEqual(await delegate(...flags, '--dtab', '/a => /a', '/a'), {
        code: 1,
        out: '',
        err: 'linkgate: Max recursion level reached.\n',
      });
    });
  }

  test('refuses a path, a dtab and a configuration that are wrong', async () => {
    const path = await delegate('web');
    assert.deepEqual([path.code, path.err], [1, "linkgate: Invalid path: '/' expected but 'w' found at '[w]eb'\n"]);
    const dtab = await delegate('--dtab', 'web', '/svc/web');
    assert.deepEqual([dtab.code, dtab.err], [1, "linkgate: Invalid dtab: '/' expected but 'w' found at '[w]eb'\n"]);
    const read = await linkgate(['delegate', '--config', '-', '/a'], 'routers: []');
    assert.deepEqual(
      [read.code, read.err],
      [
        1,
        `linkgate: the configuration is refused
<stdin>:1:10: routers: At least one router must be specified in the configuration.
<stdin>: 1 error
`,
      ],
    );
  });
});

describe('delegate with a registry that does not answer', () => {
  const dtab = parseDtab('/svc => /#/fake');
  const question = { path: parsePath('/svc/web'), base: dtab, local: parseDtab('') };
  const late = { name: 'InputError', message: /^not all is known after 2 s: a registry or a name server/ };

  function interpreterOver(namer: FakeNamer): Interpreter {
    const system = { lookup: () => assert.fail('only namers are asked') };
    return makeDtabInterpreter({ dtab: constant(dtab), namers: [namer], system });
  }

  /** Runs `answer`, which must end after two seconds, not before; what it wrote. */
  async function afterTwoSeconds(answer: (terminal: FakeTerminal) => Promise<number>): Promise<string> {
    const terminal = new FakeTerminal();
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      let ended = false;
      const outcome = assert.rejects(answer(terminal), late).finally(() => {
        ended = true;
      });
      mock.timers.tick(1999);
      await new Promise(setImmediate);
      assert.equal(ended, false);
      mock.timers.tick(1);
      await outcome;
    } finally {
      mock.timers.reset();
    }
    return terminal.written.out;
  }

  for (const answer of [answerDrawing, answerJson]) {
    test(`${answer.name} gives up after two seconds when a name is pending, and watches no more`, async () => {
      const namer = new FakeNamer('/#/fake');
      const { tree } = namer.pends('/web');
      assert.equal(await afterTwoSeconds((terminal) => answer(interpreterOver(namer), question, terminal)), '');
      assert.deepEqual([tree.started > 0, tree.isWatched], [true, false]);
    });
  }

  test('answerDrawing draws what is known when only addresses are pending', async () => {
    const namer = new FakeNamer('/#/fake');
    namer.exists('/web').addr.signal.value = ADDR_PENDING;
    assert.equal(
      await afterTwoSeconds((terminal) => answerDrawing(interpreterOver(namer), question, terminal)),
      `✓ /svc/web
└─✓ /#/fake/web  ← /svc => /#/fake
    endpoints not known yet

✗ requests go to /#/fake/web, whose endpoints are not known yet
`,
    );
  });

  test('answerJson shows nothing of it', async () => {
    const namer = new FakeNamer('/#/fake');
    namer.exists('/web').addr.signal.value = ADDR_PENDING;
    assert.equal(await afterTwoSeconds((terminal) => answerJson(interpreterOver(namer), question, terminal)), '');
  });

  test('waits no longer than for the addresses', async () => {
    const namer = new FakeNamer('/#/fake');
    namer.exists('/web').addr.signal.value = ADDR_PENDING;
    const terminal = new FakeTerminal();
    const code = answerDrawing(interpreterOver(namer), question, terminal);
    const { addr } = namer.exists('/web', '10.0.0.1:80');
    assert.equal(await code, 0);
    assert.match(terminal.written.out, /\n {4}10\.0\.0\.1:80\n\n✓ requests go to \/#\/fake\/web\n$/);
    assert.equal(addr.isWatched, false);
  });

  test('says so of an interpreter that cannot tell', async () => {
    const { delegate: _, ...remote } = interpreterOver(new FakeNamer('/#/fake'));
    for (const answer of [answerDrawing, answerJson]) {
      await assert.rejects(answer(remote, question, new FakeTerminal()), {
        name: 'InputError',
        message: "the router's interpreter cannot show delegations",
      });
    }
  });
});
