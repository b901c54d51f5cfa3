import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig, showConfigError } from '../../../../config/schema/parse.js';
import { parseDst } from '../../../../namers/marathon/dst.js';
import { marathonNamer } from '../../../../namers/marathon/index.js';
import { kinds } from '../../../../src/kinds.js';

/** Errors of a file with a namer of `keys`. */
function errorsOf(keys: string): string[] {
  const text = `namers: [{kind: io.l5d.marathon, ${keys}}]\nrouters: [{protocol: http, servers: [{}]}]\n`;
  const parsed = parseConfig(text, 'f', { ...kinds, namer: [marathonNamer] });
  return parsed.ok ? [] : parsed.errors.map(showConfigError);
}

test('io.l5d.marathon has the defaults of Linkerd', () => {
  assert.deepEqual(marathonNamer.config.parse({}), {
    host: 'marathon.mesos',
    port: 80,
    uriPrefix: '',
    ttlMs: 5000,
    jitterMs: 50,
    useHealthCheck: false,
  });
});

test('io.l5d.marathon takes all of its keys', () => {
  assert.deepEqual(
    errorsOf(
      'prefix: /m, host: leader.mesos, port: 443, dst: /$/inet/10.0.0.1/8443, uriPrefix: /marathon, ttlMs: 1, ' +
        'jitterMs: 0, useHealthCheck: true, tls: {commonName: leader.mesos, trustCertsBundle: ca.pem}',
    ),
    [],
  );
});

test('io.l5d.marathon refuses wrong values by key', () => {
  for (const [keys, message] of [
    ['port: 0', /namers\[0\]\.port/],
    ['port: 70000', /namers\[0\]\.port/],
    ['host: ""', /namers\[0\]\.host/],
    ['ttlMs: 0', /namers\[0\]\.ttlMs/],
    ['jitterMs: -1', /namers\[0\]\.jitterMs/],
    ['useHealthCheck: 1', /namers\[0\]\.useHealthCheck/],
    [
      'dst: /#/io.l5d.fs/marathon',
      /namers\[0\]\.dst: .*"\/#\/io\.l5d\.fs\/marathon" is not "\/\$\/inet\/<host>\/<port>"/,
    ],
    ['tls: {}', /namers\[0\]\.tls\.commonName/],
    ['token: x', /namers\[0\]\.token/],
  ] as const) {
    const [first = 'no error', ...more] = errorsOf(keys);
    assert.match(first, message);
    assert.deepEqual(more, []);
  }
});

test('parseDst reads /$/inet/<host>/<port>', () => {
  assert.deepEqual(parseDst('/$/inet/10.0.0.1/8080'), { host: '10.0.0.1', port: 8080 });
  assert.deepEqual(parseDst('/$/inet/leader.mesos/80'), { host: 'leader.mesos', port: 80 });
  assert.deepEqual(parseDst('/$/inet/::1/80'), { host: '::1', port: 80 });
});

test('parseDst refuses every other name', () => {
  for (const [text, message] of [
    ['/$/inet/10.0.0.1', /is not "\/\$\/inet/],
    ['/$/inet/10.0.0.1/80/more', /is not "\/\$\/inet/],
    ['/$/io.buoyant.namer.zk.leader/a/b', /is not "\/\$\/inet/],
    ['/$/inet/10.0.0.1/70000', /port "70000" is not in 1-65535/],
    ['/$/inet/10.0.0.300/80', /"10.0.0.300" is neither an IP address nor a host name/],
    ['10.0.0.1:80', /'\/' expected/],
  ] as const) {
    assert.throws(() => parseDst(text), message, text);
  }
});
