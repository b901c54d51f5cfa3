import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fsNamer } from '../../../../namers/fs/index.js';
import { namers } from '../../../../namers/index.js';
import { Path, pathFromText } from '../../../../src/base/path.js';
import { eventually } from '../../../support/eventually.js';
import { type Followed, FsNamerFixture } from '../../../support/fs-namer-fixture.js';

describe('io.l5d.fs lookup', () => {
  let fixture: FsNamerFixture;
  let following: Followed[];

  beforeEach(() => {
    fixture = new FsNamerFixture();
    following = [];
  });
  afterEach(async () => {
    for (const followed of following) followed.stop();
    await fixture.close();
  });

  /** The first answer for `path` that is not pending. */
  const answer = async (path: string | Path): Promise<string> => {
    const followed = fixture.follow(path);
    following.push(followed);
    await eventually(() => !followed.now.endsWith('pending'));
    return followed.now;
  };

  it('binds a file, with the rest of the path as residual', async () => {
    fixture.write('web', '10.0.0.1 80\n10.0.0.2 81 * 2\n');
    assert.equal(await answer('/web'), '/#/io.l5d.fs/web /: 10.0.0.1:80 10.0.0.2:81*2');
    assert.equal(await answer('/web/a/b'), '/#/io.l5d.fs/web /a/b: 10.0.0.1:80 10.0.0.2:81*2');
  });

  it('takes one element more for each sub-directory', async () => {
    fixture.write('eu/blue/web', '10.0.0.1 80');
    assert.equal(await answer('/eu/blue/web/r'), '/#/io.l5d.fs/eu/blue/web /r: 10.0.0.1:80');
  });

  for (const [what, path] of [
    ['nothing', '/'],
    ['a name that is not there', '/other'],
    ['a name in other case', '/WEB'],
    ['only a directory', '/eu'],
    ['a missing file in a directory', '/eu/other'],
    ['the start of a name', '/we'],
  ] as const) {
    it(`is Neg for ${what}`, async () => {
      fixture.write('web', '10.0.0.1 80');
      fixture.write('eu/web', '10.0.0.1 80');
      assert.equal(await answer(path), 'neg');
    });
  }

  it('binds a file without lines to no addresses: there is no fallback', async () => {
    fixture.write('web', '# all gone\n\n');
    assert.equal(await answer('/web'), '/#/io.l5d.fs/web /: ');
  });

  it('fails the addresses of a file with one malformed line, not its tree and no other file', async () => {
    fixture.write('bad', '10.0.0.1 80\nnonsense\n');
    fixture.write('good', '10.0.0.1 80');
    assert.equal(await answer('/bad'), '/#/io.l5d.fs/bad /: error malformed address: nonsense');
    assert.equal(await answer('/good'), '/#/io.l5d.fs/good /: 10.0.0.1:80');
  });

  it('takes a file of 500 KB and refuses a larger one', async () => {
    const line = '10.0.0.1 80\n';
    fixture.write('limit', line + '#'.repeat(500 * 1024 - line.length));
    fixture.write('large', line + '#'.repeat(500 * 1024 - line.length + 1));
    assert.equal(await answer('/limit'), '/#/io.l5d.fs/limit /: 10.0.0.1:80');
    assert.equal(await answer('/large'), '/#/io.l5d.fs/large /: error file is larger than 512000 bytes');
  });

  it('looks up host names, and does without those that are unknown', async () => {
    fixture.resolver.answers.set('web.test', ['10.0.0.1', '10.0.0.2']);
    fixture.write('web', 'web.test 80 * 3\ngone.test 80\n10.0.0.3 80');
    const followed = fixture.follow('/web');
    following.push(followed);
    await eventually(() => followed.now === '/#/io.l5d.fs/web /: 10.0.0.1:80*3 10.0.0.2:80*3 10.0.0.3:80');
  });

  it('is Neg in the addresses when every host is unknown, an error when one could not be asked for', async () => {
    fixture.write('web', 'gone.test 80');
    assert.equal(await answer('/web'), '/#/io.l5d.fs/web /: neg');
    fixture.resolver.answers.set('broken.test', new Error('query ETIMEOUT'));
    fixture.write('broken', 'gone.test 80\nbroken.test 80');
    const followed = fixture.follow('/broken');
    following.push(followed);
    await eventually(() => followed.now.endsWith(': error Cannot look up host "broken.test": query ETIMEOUT'));
  });

  it('matches the bytes of a name that is no UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${fixture.dir}/`), Buffer.from([0xff, 0x41])]), '10.0.0.1 80');
    assert.equal(await answer(new Path(['\xff\x41'])), '/#/io.l5d.fs/\\xff\\x41 /: 10.0.0.1:80');
  });

  const escapes: [what: string, elements: string[]][] = [
    ['the parent', ['..', 'outside']],
    ['the parent twice', ['..', '..', 'outside']],
    ['a slash in an element', ['../outside']],
    ['a slash after a directory', ['eu/../../outside']],
    ['an absolute path', ['/etc/hosts']],
    ['a zero byte', ['web\0.txt']],
    ['the directory itself', ['.', 'web']],
    ['a directory by its trailing slash', ['eu/', 'web']],
    ['the parent after a directory', ['eu', '..', 'web']],
  ];
  for (const [what, elements] of escapes) {
    it(`finds nothing by ${what}`, async () => {
      writeFileSync(join(fixture.dir, '..', 'outside'), '10.9.9.9 9');
      fixture.write('web', '10.0.0.1 80');
      fixture.write('eu/web', '10.0.0.1 80');
      assert.equal(await answer(new Path(elements)), 'neg');
    });
  }

  it('follows links to files and directories, and takes a dangling or circular one for none', async () => {
    fixture.write('v1/web', '10.0.0.1 80');
    symlinkSync('v1', fixture.path('current'));
    symlinkSync(join('current', 'web'), fixture.path('web'));
    symlinkSync('nowhere', fixture.path('dangling'));
    symlinkSync('circle', fixture.path('circle'));
    assert.equal(await answer('/current/web'), '/#/io.l5d.fs/current/web /: 10.0.0.1:80');
    assert.equal(await answer('/web'), '/#/io.l5d.fs/web /: 10.0.0.1:80');
    assert.equal(await answer('/dangling'), 'neg');
    assert.equal(await answer('/circle'), 'neg');
  });

  it('shares the file among all paths that lead to it', async () => {
    fixture.resolver.answers.set('web.test', ['10.0.0.1']);
    fixture.write('web', 'web.test 80');
    await Promise.all([answer('/web'), answer('/web/a'), answer('/web/b')]);
    assert.deepEqual(fixture.resolver.asked, ['web.test']);
  });

  it('lists the files of the directory as bound names, watched or not', async () => {
    fixture.write('web', '');
    fixture.write('eu/api', '');
    symlinkSync('web', fixture.path('alias'));
    symlinkSync('nowhere', fixture.path('dangling'));
    symlinkSync('circle', fixture.path('circle'));
    const names = (): string[] => fixture.namer.boundNames().map(String).sort();
    assert.deepEqual(names(), ['/#/io.l5d.fs/alias', '/#/io.l5d.fs/web']);
    await answer('/web');
    assert.deepEqual(names(), ['/#/io.l5d.fs/alias', '/#/io.l5d.fs/web']);
    fixture.write('new', '');
    await eventually(() => names().includes('/#/io.l5d.fs/new'));
  });

  it('says in its state what is watched and which files are not in use', async () => {
    fixture.write('web', '10.0.0.1 80');
    fixture.write('bad', 'nonsense');
    fixture.write('eü/api', '10.0.0.1 80');
    assert.deepEqual(fixture.namer.state(), { rootDir: fixture.dir, watch: 'off', files: {}, directories: {} });
    await Promise.all([answer('/web'), answer('/bad'), answer(pathFromText('eü', 'api'))]);
    assert.deepEqual(fixture.namer.state(), {
      rootDir: fixture.dir,
      watch: 'events',
      files: { web: { state: 'ok' }, bad: { state: 'failed', problem: 'malformed address: nonsense' } },
      directories: { eü: { watch: 'events', files: { api: { state: 'ok' } }, directories: {} } },
    });
  });
});

describe('io.l5d.fs configuration', () => {
  it('is in the list of namers', () => {
    assert.ok(namers.some((kind) => kind === fsNamer));
  });

  it('wants rootDir, and no other key', () => {
    assert.equal(fsNamer.config.safeParse({ rootDir: tmpdir() }).success, true);
    assert.equal(fsNamer.config.safeParse({}).success, false);
    assert.equal(fsNamer.config.safeParse({ rootDir: 1 }).success, false);
    assert.equal(fsNamer.config.safeParse({ rootDir: tmpdir(), rotDir: tmpdir() }).success, false);
  });

  it('refuses a rootDir that is missing or a file', () => {
    const fixture = new FsNamerFixture();
    fixture.write('file', '');
    mkdirSync(fixture.path('dir'));
    for (const name of ['missing', 'file', 'file/below']) {
      const { error } = fsNamer.config.safeParse({ rootDir: fixture.path(name) });
      assert.deepEqual(
        error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`),
        [`rootDir: ${fixture.path(name)} is not a directory`],
      );
    }
    assert.equal(fsNamer.config.safeParse({ rootDir: fixture.path('dir') }).success, true);
    return fixture.close();
  });
});
