import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_CODES } from '../../../src/base/errors.js';
import { ERROR_STATUS } from '../../../src/router/error-responder.js';
import { ERROR_GRPC_STATUS } from '../../../src/router/grpc-errors.js';
import { readMarkdown, tableRows } from './markdown.js';

const PAGE = readMarkdown('docs/errors.md');

test('docs/errors.md lists every error code in order, with its statuses and its sentence', () => {
  const listed = tableRows(PAGE, 'code').map(([code, status, meaning, _, grpc]) => [
    code,
    Number(status),
    meaning,
    grpc,
  ]);
  const codes = Object.entries(ERROR_CODES).map(([code, meaning]) => [
    `[\`${code}\`](#${code})`,
    ERROR_STATUS[code as keyof typeof ERROR_CODES],
    meaning,
    ERROR_GRPC_STATUS[code as keyof typeof ERROR_CODES],
  ]);
  assert.deepEqual(listed, codes);
});

test('docs/errors.md says of every error code when it is sent, what to look at and whether to send again', () => {
  const sections = PAGE.split(/^(?=#{2,3} )/m).filter((section) => section.startsWith('### '));
  const codes = sections.map((section) => /^### `(.+)`$/m.exec(section)?.[1]);
  assert.deepEqual(codes, Object.keys(ERROR_CODES));
  for (const section of sections) {
    for (const part of ['Sent when: ', 'Look at: ', 'Send again: ']) {
      assert.equal(section.split(`\n${part}`).length, 2, `"${part}" once in:\n${section}`);
    }
  }
});
