import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDiscoFile } from '../../../../namers/fs/disco-file.js';

const parse = (text: string): string[] =>
  parseDiscoFile(text).map(({ host, port, weight }) => `${host} ${port} * ${weight}`);

describe('disco file', () => {
  const good: [text: string, expected: string[]][] = [
    ['', []],
    ['\n \t\n\r\n', []],
    ['# nothing\n   # at all', []],
    ['10.0.0.1 80', ['10.0.0.1 80 * 1']],
    ['10.0.0.1 80\n10.0.0.2 81\n', ['10.0.0.1 80 * 1', '10.0.0.2 81 * 1']],
    ['10.0.0.1 80\r\n10.0.0.2 81\r\n', ['10.0.0.1 80 * 1', '10.0.0.2 81 * 1']],
    ['  10.0.0.1 \t 80  ', ['10.0.0.1 80 * 1']],
    ['\ufeff10.0.0.1 80', ['10.0.0.1 80 * 1']],
    ['10.0.0.1 80 # first', ['10.0.0.1 80 * 1']],
    ['10.0.0.1 80#first', ['10.0.0.1 80 * 1']],
    ['10.0.0.1 80 * 0.3', ['10.0.0.1 80 * 0.3']],
    ['10.0.0.1 80*2', ['10.0.0.1 80 * 2']],
    ['10.0.0.1 80\t*\t2.', ['10.0.0.1 80 * 2']],
    ['10.0.0.1 80 * .5', ['10.0.0.1 80 * 0.5']],
    ['10.0.0.1 80 * 0', ['10.0.0.1 80 * 0']],
    ['web.example.com 80', ['web.example.com 80 * 1']],
    ['my_host 80', ['my_host 80 * 1']],
    ['::1 80\n[fd00::1] 81', ['::1 80 * 1', '[fd00::1] 81 * 1']],
    ['h 1\nh 65535', ['h 1 * 1', 'h 65535 * 1']],
    ['h 80 * 2\nh 80 * 3', ['h 80 * 3']],
  ];
  for (const [text, expected] of good) {
    it(`reads ${JSON.stringify(text)}`, () => {
      assert.deepEqual(parse(text), expected);
    });
  }

  const bad: [text: string, line: string][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['10.0.0.1 80\n10.0.0.2 # no port', '10.0.0.2'],
    ['10.0.0.1 0', '10.0.0.1 0'],
    ['10.0.0.1 65536', '10.0.0.1 65536'],
    ['10.0.0.1 -1', '10.0.0.1 -1'],
    ['10.0.0.1 8o80', '10.0.0.1 8o80'],
    ['10.0.0.1:80', '10.0.0.1:80'],
    ['10.0.0.1 80 extra', '10.0.0.1 80 extra'],
    ['10.0.0.1 80 *', '10.0.0.1 80 *'],
    ['10.0.0.1 80 * -1', '10.0.0.1 80 * -1'],
    ['10.0.0.1 80 * .', '10.0.0.1 80 * .'],
    ['10.0.0.1 80 * 1e3', '10.0.0.1 80 * 1e3'],
    ['10.0.0.1 80 2', '10.0.0.1 80 2'],
    ['http://web 80', 'http://web 80'],
    ['\0\0\0 80', '\0\0\0 80'],
  ];
  for (const [text, line] of bad) {
    it(`refuses all of ${JSON.stringify(text)}`, () => {
      assert.throws(() => parse(text), { message: `malformed address: ${line}` });
    });
  }
});
