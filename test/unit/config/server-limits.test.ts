import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configOf, errorsOf } from './parse-text.js';

/** A file with one server that has this one line. */
function fileWith(line: string): string {
  return `routers:\n- protocol: http\n  servers:\n  - port: 1\n    ${line}\n`;
}

function errorOf(line: string): string {
  const errors = errorsOf(fileWith(line));
  assert.equal(errors.length, 1, errors.join('\n'));
  return errors[0] ?? '';
}

for (const [key, least] of [
  ['maxConnections', 1],
  ['maxConcurrentRequests', 1],
  ['serverSession.lifeTimeMs', 1],
  ['serverSession.idleTimeMs', 1],
  ['socketOptions.readTimeoutMs', 0],
  ['socketOptions.writeTimeoutMs', 0],
  ['socketOptions.backlog', 1],
] as const) {
  const [outer, inner] = key.split('.') as [string, string?];
  const line = (value: string): string =>
    inner === undefined ? `${outer}: ${value}` : `${outer}: {${inner}: ${value}}`;

  test(`server ${key} is a whole number of at least ${least}, or an error at its line`, () => {
    const place = `f:5:${line('').indexOf('}') < 0 ? key.length + 7 : line('').length + 4}: routers[0].servers[0].${key}: `;
    assert.equal(errorOf(line(String(least - 1))), `${place}is ${least - 1}, want at least ${least}`);
    assert.ok(errorOf(line('1.5')).startsWith(`${place}is 1.5, want `), errorOf(line('1.5')));
    assert.ok(errorOf(line('soon')).startsWith(`${place}is "soon", want a number`), errorOf(line('soon')));
    assert.ok(errorOf(line('-.inf')).startsWith(place), errorOf(line('-.inf')));
    configOf(fileWith(line(String(least))));
  });
}

test('server h2 is true or false, and left to tls unless the file says so', () => {
  assert.equal(configOf(fileWith('label: x')).routers[0]?.servers[0]?.h2, undefined);
  assert.equal(configOf(fileWith('h2: false')).routers[0]?.servers[0]?.h2, false);
  assert.equal(configOf(fileWith('h2: true')).routers[0]?.servers[0]?.h2, true);
  assert.ok(errorOf('h2: yes').startsWith('f:5:9: routers[0].servers[0].h2: is "yes", want '), errorOf('h2: yes'));
});

test('server maxConnections is 20,000 unless the file says more or less', () => {
  assert.equal(configOf(fileWith('label: x')).routers[0]?.servers[0]?.maxConnections, 20_000);
  assert.equal(configOf(fileWith('maxConnections: "7"')).routers[0]?.servers[0]?.maxConnections, 7);
});
