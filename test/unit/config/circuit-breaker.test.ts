import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorsOf, messagesOf, routerOf, withRouter } from './parse-text.js';

const DEFAULTS = {
  enabled: true,
  errorPercent: 50,
  windowMs: 10_000,
  volumeThreshold: 20,
  resetTimeoutMs: 30_000,
};

const breakerOf = (keys: string) =>
  routerOf(withRouter(`service: {circuitBreaker: {${keys}}}`)).service.base.circuitBreaker;
const problems = (keys: string): string[] => messagesOf(withRouter(`service: {circuitBreaker: {${keys}}}`));

test('a service has no circuit breaker unless it says so', () => {
  assert.equal(routerOf(withRouter()).service.base.circuitBreaker, undefined);
});

test('circuitBreaker has defaults for all but its capacity and its fallback', () => {
  assert.deepEqual(breakerOf(''), DEFAULTS);
  const { fallback, ...rest } = breakerOf('capacity: 5, fallback: /svc/backup, enabled: false') ?? {};
  assert.deepEqual(rest, { ...DEFAULTS, capacity: 5, enabled: false });
  assert.equal(fallback?.show(), '/svc/backup');
});

test('circuitBreaker is given by prefix, each entry whole', () => {
  const { base, configs } = routerOf(
    withRouter(
      'service:',
      '  kind: io.l5d.static',
      '  configs:',
      '  - {prefix: /svc, circuitBreaker: {errorPercent: 10}}',
      '  - {prefix: /svc/legacy, circuitBreaker: {enabled: false}}',
    ),
  ).service;
  assert.equal(base.circuitBreaker, undefined);
  assert.deepEqual(
    configs.map(({ keys }) => keys.circuitBreaker),
    [
      { ...DEFAULTS, errorPercent: 10 },
      { ...DEFAULTS, enabled: false },
    ],
  );
});

test('circuitBreaker says where it is out of range', () => {
  for (const [keys, problem] of [
    ['errorPercent: 0', 'is 0, want at least 1'],
    ['errorPercent: 101', 'is 101, want at most 100'],
    ['windowMs: 99', 'is 99, want at least 100'],
    ['windowMs: 3600001', 'is 3600001, want at most 3600000'],
    ['volumeThreshold: 0', 'is 0, want at least 1'],
    ['resetTimeoutMs: 0', 'is 0, want at least 1'],
    ['resetTimeoutMs: 3600001', 'is 3600001, want at most 3600000'],
    ['capacity: 0', 'is 0, want at least 1'],
  ] as const) {
    assert.deepEqual(problems(keys), [problem], keys);
  }
  assert.deepEqual(problems('errorPercent: 1, windowMs: 100, volumeThreshold: 1, resetTimeoutMs: 1, capacity: 1'), []);
  assert.deepEqual(problems('errorPercent: 100, windowMs: 3600000, resetTimeoutMs: 3600000'), []);
});

test('circuitBreaker refuses values of another sort at their line', () => {
  const [error, ...others] = errorsOf(withRouter('service:', '  circuitBreaker:', '    errorPercent: many'));
  assert.match(error ?? '', /^f:6:\d+: routers\[0\]\.service\.circuitBreaker\.errorPercent/);
  assert.deepEqual(others, []);
  assert.match(problems('errorPercent: 12.5')[0] ?? '', /12\.5/);
  assert.match(problems('fallback: svc/backup')[0] ?? '', /want a path such as "\/svc"/);
  assert.match(problems('fallback: ""')[0] ?? '', /want a path/);
  assert.match(problems('resetTimeout: 5')[0] ?? '', /unknown key "resetTimeout"/);
});
