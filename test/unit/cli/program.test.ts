import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { linkgate } from './fake-terminal.js';

const HELP = `An edge ingress gateway that runs Linkerd 1.x configuration files.

Usage
  linkgate [run] <config>      serve until SIGTERM, SIGINT or /admin/shutdown
  linkgate check <config>      list every mistake in a configuration, start nothing
  linkgate dtab fmt <dtab>     print a delegation table in its one-line form
  linkgate delegate <path>     show every step from a name to addresses
  linkgate exposure <config>   list what can be reached from outside, and why

Options
  -h, --help   this text; behind a command, more about that command
  --version    the version

Examples
  linkgate config/quickstart.yaml
  linkgate check config/quickstart.yaml
  linkgate dtab fmt '/srv => /#/io.l5d.fs ; /svc => /srv ;'
  linkgate delegate --config config/quickstart.yaml /svc/web
  linkgate exposure config/quickstart.yaml

Exit codes
  0  all is well
  1  the input is wrong, or the gateway could not start
  2  the program was called wrongly
`;

const DTAB_FMT_HELP = `linkgate dtab fmt [options] <dtab>

Print a delegation table in its one-line form.

Every form means the same table and can be read back. Comments are dropped. Weights
have two decimals, as everywhere in Linkerd; where that changes one, stderr says so.

  <dtab>       the table itself; @file for that file; - for stdin
  --pretty     one dentry a line, aligned
  --json       [{"prefix", "dst"}], as namerd has it; with --pretty indented
  -h, --help   this text

Examples
  linkgate dtab fmt '/srv => /#/io.l5d.fs ; /svc => /srv ;'
  linkgate dtab fmt --pretty '/srv => /#/io.l5d.fs ; /svc/web => 3*/srv/web-v1 & 1*/srv/web-v2'
  echo '/svc => /srv' | linkgate dtab fmt --json -

Exit codes
  0  all is well
  1  the input is wrong, or the gateway could not start
  2  the program was called wrongly
`;

describe('program', () => {
  for (const words of [['--help'], ['-h'], ['-help'], ['help'], ['--help', 'check']]) {
    test(`tells all commands for ${words.join(' ')}`, async () => {
      assert.deepEqual(await linkgate(words), { code: 0, out: HELP, err: '' });
    });
  }

  test('tells the same on stderr when it is called with nothing', async () => {
    assert.deepEqual(await linkgate([]), { code: 2, out: '', err: HELP });
  });

  for (const words of [
    ['dtab', 'fmt', '--help'],
    ['dtab', 'fmt', '-h', '--nonsense'],
    ['dtab', '--help'],
    ['help', 'dtab', 'fmt'],
    ['help', 'dtab'],
  ]) {
    test(`tells more about one command for ${words.join(' ')}`, async () => {
      assert.deepEqual(await linkgate(words), { code: 0, out: DTAB_FMT_HELP, err: '' });
    });
  }

  test('has help for every command, of lines that fit a terminal', async () => {
    for (const command of ['run', 'check', 'dtab fmt', 'delegate', 'exposure']) {
      const { code, out } = await linkgate([...command.split(' '), '--help']);
      assert.equal(code, 0);
      assert.match(out, command === 'run' ? /^linkgate \[run\] / : new RegExp(`^linkgate ${command} `));
      for (const line of out.split('\n')) assert.ok(line.length <= 100, line);
    }
  });

  test('takes --help behind -- for an operand', async () => {
    assert.deepEqual(await linkgate(['dtab', 'fmt', '--', '--help']), {
      code: 1,
      out: '',
      err: "linkgate: Invalid dtab: '/' expected but '-' found at '[-]-help'\n",
    });
  });

  test('tells the version of package.json', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    assert.deepEqual(await linkgate(['--version']), { code: 0, out: `linkgate ${version}\n`, err: '' });
  });

  const wrong: readonly (readonly [words: readonly string[], message: string])[] = [
    [['chek', 'a.yaml'], 'there is no command "chek"; did you mean check?'],
    [['delegat'], 'there is no command "delegat"; did you mean delegate?'],
    [['help', 'chek'], 'there is no command "chek"; there are run, check, dtab fmt, delegate, exposure'],
    [['dtab'], 'dtab needs what to do: dtab fmt <dtab>'],
    [['dtab', 'format', '/a'], 'dtab needs what to do: dtab fmt <dtab>'],
    [['check'], 'check needs <config>'],
    [['a.yaml', 'b.yaml'], 'run takes one <config>, got 2: "a.yaml" "b.yaml"'],
    [['--dtab', '/a'], 'run has no option --dtab; its options are --help, --log-level, --watch'],
    [['-log.level=DEBUG', 'a.yaml'], 'run has no option -log.level; did you mean --log-level?'],
    [
      ['--log-level', 'LOUD', 'a.yaml'],
      '--log-level is "LOUD", want one of OFF, FATAL, ERROR, WARNING, INFO, DEBUG, TRACE, ALL',
    ],
    [['-validate'], 'check needs <config>'],
    [['delegate', '--router', 'http', '/a'], '--router needs --config <file>'],
    [['delegate', '--config', '-', '--dtab', '-', '/a'], '--config and --dtab cannot both be stdin'],
  ];
  for (const [words, message] of wrong) {
    test(`answers 2 for ${words.join(' ')}`, async () => {
      assert.deepEqual(await linkgate(words), {
        code: 2,
        out: '',
        err: `linkgate: ${message}\nMore: linkgate --help\n`,
      });
    });
  }

  for (const words of [['nowhere.yaml'], ['run', 'nowhere.yaml'], ['./check'], ['run', 'check']]) {
    test(`runs the file for ${words.join(' ')}`, async () => {
      assert.deepEqual(await linkgate(words), {
        code: 1,
        out: '',
        err: `config is not a file: ${words.at(-1)}\nlinkgate: not started: the configuration is refused\n`,
      });
    });
  }

  test('starts nothing with a configuration that is refused, and lists its errors', async () => {
    const config = 'routers: [{protocol: http, servers: [{port: 70000}, {port: -1}]}]';
    assert.deepEqual(await linkgate(['-'], config), {
      code: 1,
      out: '',
      err: `<stdin>:1:45: routers[0].servers[0].port: 70000 outside valid range for ports
<stdin>:1:60: routers[0].servers[1].port: -1 outside valid range for ports
<stdin>: 2 errors
linkgate: not started: the configuration is refused
`,
    });
  });
});
