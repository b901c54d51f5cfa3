import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkHost, checkPort, checkWeight, Members, parseHostPort } from '../../../../namers/shared/members.js';

describe('members of a service', () => {
  const decode = (raw: string) => (raw === 'not ready' ? undefined : parseHostPort(raw));
  const setUp = () => {
    const members = new Members<string>(decode);
    const complaints: string[] = [];
    const endpoints = (entries: Record<string, string>): string[] =>
      members
        .endpoints(Object.entries(entries), (message) => void complaints.push(message))
        .map(({ host, port }) => `${host}:${port}`);
    return { endpoints, complaints };
  };

  it('are the endpoints of those that can be used and are ready', () => {
    const { endpoints, complaints } = setUp();
    assert.deepEqual(endpoints({ a: '10.0.0.1:80', b: 'not ready', c: 'web.local:81' }), [
      '10.0.0.1:80',
      'web.local:81',
    ]);
    assert.deepEqual(complaints, []);
  });

  it('leave out one that never made sense, by name', () => {
    const { endpoints, complaints } = setUp();
    assert.deepEqual(endpoints({ a: '10.0.0.1:80', b: '10.0.0.2:70000' }), ['10.0.0.1:80']);
    assert.deepEqual(complaints, ['"b": port "70000" is not in 1-65535; it is left out']);
  });

  it('keep the last good address of one that makes no sense any more, for as long as it is listed', () => {
    const { endpoints, complaints } = setUp();
    endpoints({ a: '10.0.0.1:80', b: '10.0.0.2:80' });
    assert.deepEqual(endpoints({ a: '10.0.0.1:80', b: '???' }), ['10.0.0.1:80', '10.0.0.2:80']);
    assert.deepEqual(complaints, ['"b": "???" is not host:port; its last good address stays in use']);
    assert.deepEqual(endpoints({ a: '10.0.0.1:80', b: '???' }), ['10.0.0.1:80', '10.0.0.2:80']);
    assert.deepEqual(endpoints({ a: '10.0.0.1:80' }), ['10.0.0.1:80']);
    assert.deepEqual(endpoints({ a: '10.0.0.1:80', b: '???' }), ['10.0.0.1:80']);
  });
});

describe('port of a registry', () => {
  for (const good of [1, 80, 65535, '8080'])
    it(`takes ${JSON.stringify(good)}`, () => assert.equal(checkPort(good), Number(good)));
  for (const bad of [0, 70000, -1, 1.5, Number.NaN, '', '80a', '0x50', ' 80', null, undefined, true, [80], {}]) {
    it(`refuses ${JSON.stringify(bad)}`, () =>
      assert.throws(() => checkPort(bad), /^Error: port .* is not in 1-65535$/));
  }
});

describe('host of a registry', () => {
  for (const [text, host] of [
    ['10.0.0.1', '10.0.0.1'],
    ['::1', '::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['web', 'web'],
    ['web-1.example.com', 'web-1.example.com'],
    ['web_1.example.com.', 'web_1.example.com.'],
    ['1a.example', '1a.example'],
  ] as const) {
    it(`takes ${text}`, () => assert.equal(checkHost(text), host));
  }
  for (const bad of [
    '',
    '10.0.0.300',
    '10.0.0',
    'a b',
    'a/b',
    '-web',
    'web..com',
    'http://web',
    '[web]',
    'a'.repeat(254),
    7,
    null,
  ]) {
    it(`refuses ${JSON.stringify(bad).slice(0, 30)}`, () => {
      assert.throws(() => checkHost(bad), /^Error: address .* is neither an IP address nor a host name$/);
    });
  }

  it('quotes at most 100 characters of what a registry said, on one line', () => {
    assert.throws(
      () => checkHost(`x\n${'y'.repeat(500)}`),
      (error: Error) => {
        assert.ok(error.message.length < 180, error.message);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      },
    );
  });
});

describe('host:port of a registry', () => {
  it('takes names, IPv4 and IPv6 in brackets', () => {
    assert.deepEqual(parseHostPort('web:80'), { host: 'web', port: 80 });
    assert.deepEqual(parseHostPort('10.0.0.1:80'), { host: '10.0.0.1', port: 80 });
    assert.deepEqual(parseHostPort('[::1]:80'), { host: '::1', port: 80 });
  });
  for (const bad of ['web', ':80', '', 'web:', 'web:0', 'web:80:', 'web:http', 'a b:80']) {
    it(`refuses ${JSON.stringify(bad)}`, () => assert.throws(() => parseHostPort(bad)));
  }
});

describe('weight of a registry', () => {
  for (const good of [0, 0.5, 100]) it(`takes ${good}`, () => assert.equal(checkWeight(good), good));
  for (const bad of [-1, Number.POSITIVE_INFINITY, Number.NaN, '1', null]) {
    it(`refuses ${String(bad)}`, () =>
      assert.throws(() => checkWeight(bad), /^Error: weight .* is not a number from 0 on$/));
  }
});
