import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Logger } from '../../../src/base/log.js';
import type { AccessLogOptions } from '../../../src/router/access-log.js';
import { parseRollPolicy } from '../../../src/router/roll-policy.js';
import type { RequestHead } from '../../../src/service/message.js';
import { ManualClock } from '../../support/manual-clock.js';
import { requestHead, responseHead } from '../../support/requests.js';

// Zones are read when the module is loaded.
process.env.TZ = 'Europe/Berlin';
const { makeAccessLog } = await import('../../../src/router/access-log.js');

const HOUR = 3_600_000;
/** A Saturday. */
const START = Date.parse('2026-01-31T22:59:50Z');
const LINE_BYTES = Buffer.byteLength(line());

let directory = '';
let clock: ManualClock;
let path = '';
let complaints: string[];

const logger: Logger = {
  error: (message) => complaints.push(`error: ${message}`),
  warn: (message) => complaints.push(`warn: ${message}`),
  info: () => {},
  debug: () => {},
};

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'access-log-'));
});

after(async () => {
  await rm(directory, { recursive: true });
});

let files = 0;
beforeEach(() => {
  clock = new ManualClock(START);
  complaints = [];
  files += 1;
  path = join(directory, `${files}`, 'access.log');
});

function open(overrides: Partial<Omit<AccessLogOptions, 'rollPolicy'>> & { readonly rollPolicy?: string } = {}) {
  const { rollPolicy = 'never', ...rest } = overrides;
  const log = makeAccessLog({
    path,
    append: true,
    rotateCount: -1,
    clock,
    logger,
    rollPolicy: parseRollPolicy(rollPolicy),
    ...rest,
  });
  log.open();
  return log;
}

const request = requestHead([['Host', 'shop.com']], { target: '/a?b' });
const response = responseHead(200, { contentLength: 12 });

function line(time = '31/01/2026:23:59:50 CET'): string {
  return `shop.com 192.0.2.7 - - [${time}] "GET /a?b HTTP/1.1" 200 12 "-" "-"\n`;
}

function content(name = 'access.log'): Promise<string> {
  return readFile(join(path, '..', name), 'utf8');
}

async function rolled(): Promise<string[]> {
  return (await readdir(join(path, '..'))).filter((name) => name !== 'access.log').sort();
}

/** The one line that `head` and `status` give. */
async function logged(head: RequestHead, answer = response, remoteAddress = '192.0.2.7'): Promise<string> {
  const log = open();
  log.log(head, answer, remoteAddress);
  await log.close();
  return content();
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const giveUp = Date.now() + 5000;
  while (!(await condition())) {
    assert.ok(Date.now() < giveUp, 'gave up waiting');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('access log line', () => {
  it('has every field in the form of Linkerd', async () => {
    const head = requestHead(
      [
        ['host', 'shop.com:81'],
        ['Referer', 'http://x/'],
        ['USER-AGENT', 'curl/8 (x; y)'],
      ],
      { method: 'POST', target: '/a%20b?c=d' },
    );
    assert.equal(
      await logged(head, responseHead(404, { contentLength: 0 }), '2001:db8::1'),
      'shop.com:81 2001:db8::1 - - [31/01/2026:23:59:50 CET] "POST /a%20b?c=d HTTP/1.1" 404 0 "http://x/" "curl/8 (x; y)"\n',
    );
  });

  it('has - for what is missing, and the version of the request', async () => {
    assert.equal(
      await logged(requestHead([], { version: '1.0' }), responseHead(200, { contentLength: -1 })),
      '- 192.0.2.7 - - [31/01/2026:23:59:50 CET] "GET / HTTP/1.0" 200 - "-" "-"\n',
    );
  });

  for (const [what, headers, tail] of [
    ['end a quote', [['User-Agent', 'x" 200 0 "-" "y']], '"-" "x\\x22 200 0 \\x22-\\x22 \\x22y"'],
    ['begin a line', [['Referer', 'x\r\nevil.com 1.2.3.4']], '"x\\x0D\\x0Aevil.com 1.2.3.4" "-"'],
    ['escape the closing quote', [['User-Agent', 'x\\']], '"-" "x\\x5C"'],
    [
      'colour a terminal or send other bytes',
      [['User-Agent', '\x1b[31m\xc3\xa9\x7f']],
      '"-" "\\x1B[31m\\xC3\\xA9\\x7F"',
    ],
  ] as [string, [string, string][], string][]) {
    it(`does not let a header ${what}`, async () => {
      const text = await logged(requestHead(headers));
      assert.equal(text, `- 192.0.2.7 - - [31/01/2026:23:59:50 CET] "GET / HTTP/1.1" 200 12 ${tail}\n`);
    });
  }

  it('does not let a Host or a target begin another field', async () => {
    const text = await logged(requestHead([['Host', 'a 1.1.1.1 -']], { target: '/"\n x' }));
    assert.equal(
      text,
      'a\\x201.1.1.1\\x20- 192.0.2.7 - - [31/01/2026:23:59:50 CET] "GET /\\x22\\x0A\\x20x HTTP/1.1" 200 12 "-" "-"\n',
    );
  });

  it('has the time of its own second, zone and summer time', async () => {
    const log = open();
    log.log(request, response, '192.0.2.7');
    clock.advance(9999);
    log.log(request, response, '192.0.2.7');
    clock.advance(1);
    log.log(request, response, '192.0.2.7');
    clock.advance(180 * 24 * HOUR);
    log.log(request, response, '192.0.2.7');
    await log.close();
    assert.equal(
      await content(),
      line() + line('31/01/2026:23:59:59 CET') + line('01/02/2026:00:00:00 CET') + line('31/07/2026:01:00:00 CEST'),
    );
  });
});

describe('access log', () => {
  it('touches no file before it is opened', async () => {
    await mkdir(join(path, '..'));
    await writeFile(path, 'of a gateway that runs\n');
    const log = makeAccessLog({ path, append: false, rotateCount: -1, clock, rollPolicy: { type: 'never' } });
    log.log(request, response, '192.0.2.7');
    log.reopen();
    assert.equal(log.droppedLines, 0);
    await log.close();
    assert.equal(await content(), 'of a gateway that runs\n');
    assert.deepEqual(await rolled(), []);
  });

  it('makes missing directories and says which file it cannot open', async () => {
    path = join(path, 'deeper', 'access.log');
    await open().close();
    assert.equal(await content(), '');
    assert.throws(() => open({ path: directory }), {
      message: new RegExp(`^Cannot open access log "${directory}": EISDIR`),
    });
  });

  it('writes after a second, not before', async () => {
    const log = open();
    log.log(request, response, '192.0.2.7');
    clock.advance(999);
    assert.equal(clock.pendingTimers, 1);
    assert.equal(await content(), '');
    clock.advance(1);
    assert.equal(clock.pendingTimers, 0);
    await until(async () => (await content()) === line());
    await log.close();
  });

  it('writes 64 kB at once', async () => {
    const log = open();
    const lines = Math.ceil((64 * 1024) / LINE_BYTES);
    for (let i = 0; i < lines; i++) log.log(request, response, '192.0.2.7');
    await until(async () => (await content()) === line().repeat(lines));
    await log.close();
  });

  it('writes the rest when it is closed, and leaves no timer', async () => {
    const log = open();
    log.log(request, response, '192.0.2.7');
    await log.close();
    await log.close();
    assert.equal(await content(), line());
    assert.equal(clock.pendingTimers, 0);
  });

  it('appends to what is there, or drops it', async () => {
    for (const [append, expected] of [
      [true, `old\n${line()}`],
      [false, line()],
    ] as const) {
      await open().close();
      await writeFile(path, 'old\n');
      const log = open({ append });
      log.log(request, response, '192.0.2.7');
      await log.close();
      assert.equal(await content(), expected);
    }
  });

  it('follows a file that was moved away when it is reopened', async () => {
    const log = open();
    log.log(request, response, '192.0.2.7');
    await rename(path, `${path}.1`);
    log.reopen();
    clock.advance(10_000);
    log.log(request, response, '192.0.2.7');
    await log.close();
    assert.equal(await content('access.log.1'), line());
    assert.equal(await content(), line('01/02/2026:00:00:00 CET'));
  });

  it('of two routers with one file has one writer, open until both have closed it', async () => {
    const first = open();
    const second = open({ path: join(path, '..', '.', 'access.log') });
    for (let i = 0; i < 50; i++) (i % 2 ? first : second).log(request, response, '192.0.2.7');
    await first.close();
    second.log(request, response, '192.0.2.7');
    await second.close();
    assert.equal(await content(), line().repeat(51));
    assert.deepEqual(complaints, []);
  });

  it('says so when the second router wants other settings for the file', async () => {
    const first = open();
    const second = open({ rollPolicy: 'daily' });
    assert.match(complaints.join(), /^warn: access log ".*" is open already/);
    await Promise.all([first.close(), second.close()]);
  });
});

describe('rolling of the access log', () => {
  for (const [rollPolicy, name] of [
    ['hourly', 'access-20260131-23.log'],
    ['daily', 'access-20260131.log'],
    ['weekly(1)', 'access-20260131.log'],
  ] as const) {
    it(`${rollPolicy} ends the file at midnight as ${name}`, async () => {
      const log = open({ rollPolicy });
      log.log(request, response, '192.0.2.7');
      clock.advance(10_000);
      log.log(request, response, '192.0.2.7');
      log.log(request, response, '192.0.2.7');
      await log.close();
      assert.deepEqual(await rolled(), [name]);
      assert.equal(await content(name), line());
      assert.equal(await content(), line('01/02/2026:00:00:00 CET').repeat(2));
      assert.deepEqual(complaints, []);
    });
  }

  it('by size begins a file with the line that would not fit, and overwrites nothing', async () => {
    const log = open({ rollPolicy: `${2 * LINE_BYTES + 1}.bytes` });
    for (let i = 0; i < 7; i++) log.log(request, response, '192.0.2.7');
    await log.close();
    const names = ['access-20260131-235950-1.log', 'access-20260131-235950-2.log', 'access-20260131-235950.log'];
    assert.deepEqual(await rolled(), names);
    for (const name of names) assert.equal(await content(name), line().repeat(2));
    assert.equal(await content(), line());
  });

  it('by size counts what the file held already, and writes a line that is larger than the size', async () => {
    await open().close();
    await writeFile(path, 'x'.repeat(LINE_BYTES));
    const log = open({ rollPolicy: `${LINE_BYTES + 1}.bytes` });
    log.log(request, response, '192.0.2.7');
    await log.close();
    assert.equal(await content(), line());
    assert.equal((await rolled()).length, 1);
    const small = open({ rollPolicy: '1.byte' });
    small.log(request, response, '192.0.2.7');
    await small.close();
    assert.equal(await content(), line());
  });

  it('daily rolls what a run of an earlier day left', async () => {
    await open().close();
    await writeFile(path, 'old\n');
    // The file is of the day when the test runs; the gateway starts three days later.
    clock = new ManualClock(Date.now() + 72 * HOUR);
    const log = open({ rollPolicy: 'daily' });
    log.log(request, response, '192.0.2.7');
    await log.close();
    const [name] = await rolled();
    assert.match(name ?? '', /^access-\d{8}\.log$/);
    assert.equal(await content(name), 'old\n');
  });

  it('keeps rotateCount files, the newest, and none that it did not make', async () => {
    await open().close();
    const strangers = ['access-admin.log', 'access-20260131.log.gz', 'access2-20250101.log'];
    for (const name of [...strangers, 'access-20250101.log', 'access-20250102.log']) {
      await appendFile(join(path, '..', name), 'x');
    }
    const log = open({ rollPolicy: 'daily', rotateCount: 2 });
    for (let day = 0; day < 3; day++) {
      log.log(request, response, '192.0.2.7');
      clock.advance(24 * HOUR);
    }
    await log.close();
    assert.deepEqual(await rolled(), [...strangers, 'access-20260131.log', 'access-20260201.log'].sort());
  });

  it('keeps nothing with rotateCount 0', async () => {
    const log = open({ rollPolicy: 'daily', rotateCount: 0 });
    log.log(request, response, '192.0.2.7');
    clock.advance(24 * HOUR);
    log.log(request, response, '192.0.2.7');
    await log.close();
    assert.deepEqual(await rolled(), []);
    assert.equal(await content(), line('01/02/2026:23:59:50 CET'));
  });

  it('goes on in a new file when the old one was moved away meanwhile', async () => {
    const log = open({ rollPolicy: 'daily' });
    await rename(path, `${path}.1`);
    clock.advance(10_000);
    log.log(request, response, '192.0.2.7');
    await log.close();
    assert.equal(await content(), line('01/02/2026:00:00:00 CET'));
    assert.deepEqual(complaints, []);
  });

  it('goes on in the old file when it cannot be renamed, and says so once', async () => {
    const log = open({ rollPolicy: 'daily' });
    log.log(request, response, '192.0.2.7');
    await rename(join(path, '..'), join(path, '..', '..', 'moved'));
    for (let day = 0; day < 3; day++) {
      clock.advance(24 * HOUR);
      log.log(request, response, '192.0.2.7');
    }
    await log.close();
    await rename(join(path, '..', '..', 'moved'), join(path, '..'));
    assert.equal((await content()).split('\n').length, 5);
    assert.equal(log.droppedLines, 0);
    assert.match(complaints[0] ?? '', /^error: access log ".*" may lose lines until this is over: ENOENT/);
  });
});

describe('access log in trouble', { skip: process.platform !== 'linux' && 'needs /dev/full' }, () => {
  it('drops and counts lines while the disk is full, and complains once', async () => {
    const log = open({ path: '/dev/full' });
    for (let i = 0; i < 3; i++) {
      log.log(request, response, '192.0.2.7');
      log.log(request, response, '192.0.2.7');
      clock.advance(1000);
      await until(async () => log.droppedLines === 2 * (i + 1));
    }
    await log.close();
    assert.equal(log.droppedLines, 6);
    assert.deepEqual(complaints.length, 1);
    assert.match(complaints[0] ?? '', /^error: access log "\/dev\/full" may lose lines until this is over: ENOSPC/);
  });

  it('does not roll what is no file', async () => {
    const log = open({ path: '/dev/null', rollPolicy: '1.byte' });
    log.log(request, response, '192.0.2.7');
    log.log(request, response, '192.0.2.7');
    await log.close();
    assert.deepEqual(complaints, []);
  });

  it('holds 4 MB for a disk that is too slow, drops the rest, and tells how much when it is over', async () => {
    const log = open();
    const held = Math.floor((4 * 1024 * 1024) / LINE_BYTES);
    // Nothing is written before the event loop turns.
    for (let i = 0; i < held + 10; i++) log.log(request, response, '192.0.2.7');
    assert.equal(log.droppedLines, 10);
    clock.advance(1000);
    await until(async () => complaints.length === 2);
    await log.close();
    assert.equal((await content()).length, held * LINE_BYTES);
    assert.match(complaints[0] ?? '', /^error: .* it is written more slowly than requests are served$/);
    assert.match(complaints[1] ?? '', /^warn: .* is written again; lines lost: 10$/);
  });
});
