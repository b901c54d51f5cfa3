import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explainStartFailure } from '../../../src/cli/start-failure.js';

/** As the layers above the system wrap it. */
function startError(code: string, syscall: string): Error {
  const system = Object.assign(new Error(`${syscall} ${code}`), { code, syscall, port: 443 });
  const server = new Error(`Cannot listen on 0.0.0.0:443: ${syscall} ${code}`, { cause: system });
  return new Error(`Cannot start router edge: ${server.message}`, { cause: server });
}

describe('start failure', () => {
  for (const [code, syscall, advice] of [
    ['EADDRINUSE', 'listen', /^Another process listens there\. .* ss -ltnp 'sport = :443'$/],
    ['EACCES', 'listen', /^Ports below 1024 need CAP_NET_BIND_SERVICE: /],
    ['EPERM', 'listen', /^Ports below 1024 need CAP_NET_BIND_SERVICE: /],
    ['EADDRNOTAVAIL', 'listen', /^No interface of this machine has that address\. /],
    ['ENOTFOUND', 'getaddrinfo', /^That host name cannot be looked up: /],
    ['EAI_AGAIN', 'getaddrinfo', /^That host name cannot be looked up: /],
  ] as const) {
    test(`says which listener it was and what to do about ${code}`, () => {
      const [message, line] = explainStartFailure(startError(code, syscall)).split('\n  ');
      assert.equal(message, `Cannot start router edge: Cannot listen on 0.0.0.0:443: ${syscall} ${code}`);
      assert.match(line ?? '', advice);
    });
  }

  test('has no advice for what is rare, nor for a file of the same code', () => {
    for (const error of [startError('EMFILE', 'listen'), startError('EACCES', 'open'), new Error('no such kind')]) {
      assert.equal(explainStartFailure(error), error.message);
    }
    assert.equal(explainStartFailure('a text'), 'a text');
  });
});
