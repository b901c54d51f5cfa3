import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { browserRefusal, type GuardedRequest } from '../../../src/admin/browser-guard.js';

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36';

const refusal = (headers: GuardedRequest['headers'], rest: Partial<GuardedRequest> = {}): string | undefined =>
  browserRefusal({
    headers: { host: '127.0.0.1:9990', ...headers },
    localAddress: '127.0.0.1',
    secure: false,
    changesState: true,
    ...rest,
  });

describe('browser guard', () => {
  const allowed: readonly (readonly [string, GuardedRequest['headers'], Partial<GuardedRequest>?])[] = [
    ['curl that changes state', { 'user-agent': 'curl/8.0' }],
    ['a caller without any header, whatever its Host', { host: 'linkerd.internal' }],
    ['a probe through a name', { host: 'node-7:9990', 'user-agent': 'kube-probe/1.29' }],
    ['the admin page itself', { origin: 'http://127.0.0.1:9990', 'user-agent': CHROME }],
    ['the admin page itself over localhost', { host: 'localhost:9990', origin: 'http://localhost:9990' }],
    ['the admin page itself over IPv6', { host: '[::1]:9990', origin: 'http://[::1]:9990' }, { localAddress: '::1' }],
    ['the admin page itself over TLS', { origin: 'https://127.0.0.1:9990' }, { secure: true }],
    [
      'the admin page itself on an IPv4-mapped socket',
      { origin: 'http://127.0.0.1:9990' },
      { localAddress: '::ffff:127.0.0.1' },
    ],
    [
      'the admin page itself at a LAN address',
      { host: '10.0.0.5:9990', origin: 'http://10.0.0.5:9990' },
      { localAddress: '10.0.0.5' },
    ],
    ['an address typed by a person', { 'user-agent': CHROME, 'sec-fetch-site': 'none' }],
    ['a same-origin request without Origin', { 'user-agent': CHROME, 'sec-fetch-site': 'same-origin' }],
    [
      'a browser reading at a LAN name',
      { host: 'gw.lan:9990', 'user-agent': CHROME },
      { localAddress: '10.0.0.5', changesState: false },
    ],
    ['a browser reading at loopback', { host: 'LOCALHOST:9990', 'user-agent': CHROME }, { changesState: false }],
    [
      'a browser reading across sites, which cannot see the answer',
      { origin: 'http://evil.example' },
      { changesState: false },
    ],
  ];
  for (const [who, headers, rest] of allowed) {
    test(`lets ${who} through`, () => assert.equal(refusal(headers, rest), undefined));
  }

  const refused: readonly (readonly [string, GuardedRequest['headers'], RegExp, Partial<GuardedRequest>?])[] = [
    [
      'a form posted by another site',
      { origin: 'http://evil.example' },
      /Origin is "http:\/\/evil\.example", want "http:\/\/127\.0\.0\.1:9990"/,
    ],
    ['a page on another port of this machine', { origin: 'http://127.0.0.1:8080' }, /Origin is/],
    ['a page of the other scheme', { origin: 'https://127.0.0.1:9990' }, /Origin is/],
    ['a sandboxed frame or a data: page', { origin: 'null' }, /Origin is "null"/],
    [
      'an image of another site',
      { 'user-agent': CHROME, 'sec-fetch-site': 'cross-site' },
      /without saying for which site/,
    ],
    ['an image of a page on another port', { 'user-agent': CHROME, 'sec-fetch-site': 'same-site' }, /without saying/],
    [
      'an image aimed at a LAN address, where browsers do not tell the site',
      { host: '10.0.0.5:9990', 'user-agent': CHROME },
      /use curl/,
      { localAddress: '10.0.0.5' },
    ],
    [
      'a name rebound to loopback that reads',
      { host: 'evil.example:9990', 'user-agent': CHROME },
      /Host is "evil\.example:9990"/,
      { changesState: false },
    ],
    [
      'a name rebound to loopback that posts',
      { host: 'evil.example:9990', origin: 'http://evil.example:9990' },
      /Host is "evil\.example:9990"/,
    ],
    [
      'a name rebound to a LAN address that posts',
      { host: 'evil.example:9990', origin: 'http://evil.example:9990' },
      /DNS rebinding/,
      { localAddress: '10.0.0.5' },
    ],
    [
      'a name made to look like an address',
      { host: '127.0.0.1.evil.example', 'user-agent': CHROME },
      /Host is/,
      { changesState: false },
    ],
    [
      'a name made to look like localhost',
      { host: 'localhost.evil.example', 'user-agent': CHROME },
      /Host is/,
      { changesState: false },
    ],
    ['a browser without Host', { host: '', 'user-agent': CHROME }, /Host is ""/, { changesState: false }],
  ];
  for (const [who, headers, why, rest] of refused) {
    test(`refuses ${who}`, () => assert.match(refusal(headers, rest) ?? 'allowed', why));
  }
});
