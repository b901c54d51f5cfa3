import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { logLevels, makeLogger, setLogLevel } from '../../../src/base/log.js';
import { type AskOptions, askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource } from '../../support/fake-admin-source.js';

const ask = (what: string, options: AskOptions = {}) => askAdmin(fakeAdminSource(), what, options);
const levelOf = (name: string) => logLevels().find(({ logger }) => logger === name)?.level;

makeLogger('test.a');

describe('logging.json', () => {
  afterEach(() => {
    setLogLevel('root', 'INFO');
    setLogLevel('test.a', 'INFO');
  });

  test('lists every logger by name, the root first', async () => {
    const { status, contentType, text } = await ask('GET /logging.json');
    assert.deepEqual([status, contentType], [200, 'application/json']);
    const shown = JSON.parse(text) as { logger: string; level: string }[];
    assert.deepEqual(shown[0], { logger: 'root', level: 'INFO' });
    const names = shown.slice(1).map(({ logger }) => logger);
    assert.deepEqual(names, [...names].sort());
    assert.deepEqual(
      shown.find(({ logger }) => logger === 'test.a'),
      { logger: 'test.a', level: 'INFO' },
    );
  });

  test('sets a level given in the query', async () => {
    const { status, text } = await ask('POST /logging.json?logger=test.a&level=DEBUG');
    assert.deepEqual([status, text, levelOf('test.a')], [200, '', 'DEBUG']);
  });

  test('sets a level given as a form, or one half in each', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' };
    await ask('POST /logging.json', { headers, body: 'logger=test.a&level=ERROR' });
    assert.equal(levelOf('test.a'), 'ERROR');
    await ask('POST /logging.json?logger=test.a', { headers, body: 'level=TRACE' });
    assert.equal(levelOf('test.a'), 'TRACE');
  });

  test('reads no form from a body of another type', async () => {
    const { status } = await ask('POST /logging.json', {
      headers: { 'content-type': 'text/plain' },
      body: 'logger=root&level=OFF',
    });
    assert.equal(status, 400);
  });

  for (const [given, want] of [
    ['warning', 'WARNING'],
    ['Fatal', 'FATAL'],
    ['critical', 'FATAL'],
    ['OFF', 'OFF'],
    ['all', 'ALL'],
  ]) {
    test(`takes the level ${given} for ${want}`, async () => {
      assert.equal((await ask(`POST /logging.json?logger=test.a&level=${given}`)).status, 200);
      assert.equal(levelOf('test.a'), want);
    });
  }

  test('sets the root logger', async () => {
    await ask('POST /logging.json?logger=root&level=ERROR');
    assert.equal(levelOf('root'), 'ERROR');
  });

  for (const query of ['logger=nobody&level=DEBUG', 'logger=test.a&level=LOUD', 'logger=&level=']) {
    test(`answers 200 to ${query} and changes nothing`, async () => {
      const before = logLevels();
      assert.equal((await ask(`POST /logging.json?${query}`)).status, 200);
      assert.deepEqual(logLevels(), before);
    });
  }

  for (const query of ['', 'logger=root', 'level=DEBUG']) {
    test(`answers 400 to ${query || 'no parameters'}`, async () => {
      assert.equal((await ask(`POST /logging.json?${query}`)).status, 400);
      assert.equal(levelOf('root'), 'INFO');
    });
  }

  test('answers 405 to other methods', async () => {
    for (const method of ['PUT', 'DELETE'])
      assert.equal((await ask(`${method} /logging.json?logger=root&level=OFF`)).status, 405);
    assert.equal(levelOf('root'), 'INFO');
  });

  test('is not set by a page of another site', async () => {
    const headers = { origin: 'http://evil.example' };
    assert.equal((await ask('POST /logging.json?logger=root&level=OFF', { headers })).status, 403);
    assert.equal(levelOf('root'), 'INFO');
  });
});
