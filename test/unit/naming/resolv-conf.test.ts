import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absoluteNames, parseResolvConf, readResolvConf } from '../../../src/naming/resolv-conf.js';

test('parseResolvConf reads servers, the search list and ndots', () => {
  const text = `# a comment
nameserver 10.0.0.1
nameserver fe80::1%eth0 ; another
  nameserver not-an-ip
nameserver
search a.example. b.example .
options timeout:1 ndots:5 rotate
lookup file bind
`;
  assert.deepEqual(parseResolvConf(text), {
    servers: ['10.0.0.1', 'fe80::1%eth0'],
    search: ['a.example', 'b.example'],
    ndots: 5,
  });
});

test('parseResolvConf takes the last of domain and search', () => {
  assert.deepEqual(parseResolvConf('search a b\ndomain c d\n').search, ['c']);
  assert.deepEqual(parseResolvConf('domain c\nsearch a b\n').search, ['a', 'b']);
});

test('parseResolvConf has a server on this host where none is named', () => {
  assert.deepEqual(parseResolvConf(''), { servers: ['127.0.0.1'], search: [], ndots: 1 });
});

test('readResolvConf takes a missing file as an empty one', async () => {
  assert.deepEqual(await readResolvConf('/nonexistent/resolv.conf'), parseResolvConf(''));
});

test('absoluteNames tries a relative name where it most likely is', () => {
  const search = ['x.example', 'example'];
  const names = (name: string, ndots: number): readonly string[] => absoluteNames(name, { servers: [], search, ndots });
  assert.deepEqual(names('_http._tcp.web.', 5), ['_http._tcp.web']);
  assert.deepEqual(names('web', 1), ['web.x.example', 'web.example', 'web']);
  assert.deepEqual(names('_http._tcp.web', 1), [
    '_http._tcp.web',
    '_http._tcp.web.x.example',
    '_http._tcp.web.example',
  ]);
  assert.deepEqual(names('_http._tcp.web', 5).at(-1), '_http._tcp.web');
});
