import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { authorityAt, isAuthority } from '../../../src/wire/authorities.js';
import { headText } from '../../../src/wire/field-lines.js';

/** Where it stands in a head must not matter. */
function read(text: string, before = 'Host: '): string | undefined {
  return authorityAt(headText(`${before}${text}\r\n`), before.length, before.length + text.length);
}

describe('authorities', () => {
  it('are read as they are, however many and however often', () => {
    // Five times as many as are remembered, so that each place has had several.
    const hosts = Array.from({ length: 40_000 }, (_, i) => `host-${i}.example.com:${i % 7}`);
    for (let round = 0; round < 3; round++) {
      for (const host of hosts) if (read(host) !== host) assert.fail(`${host} is read as ${read(host)}`);
    }
  });

  it('are nothing else for a text of the same length, or one that begins or ends alike', () => {
    for (const host of ['a.example', 'b.example', 'a.exampld', 'a.exampl', 'a.example2', 'A.example']) {
      assert.equal(read(host), host);
      assert.equal(read(host, 'Host:'), host);
    }
  });

  it('of any bytes are what is well-formed, the second time as the first', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '.', ':', '1', '[', ']', ',', ' ', '/', '@', '\xe4'),
      maxLength: 8,
    });
    fc.assert(
      fc.property(text, (host) => {
        const want = isAuthority(host) ? host : undefined;
        assert.deepEqual([read(host), read(host)], [want, want]);
      }),
      { seed: 20_261_123, numRuns: 3000 },
    );
  });

  it('may be longer than what is remembered', () => {
    for (const length of [259, 260, 5000]) {
      const host = 'h'.repeat(length);
      assert.deepEqual([read(host), read(host)], [host, host]);
      assert.equal(read(`${host}/`), undefined);
    }
  });
});
