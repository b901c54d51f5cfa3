import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rewriteLocation } from '../../../src/router/location-rewriter.js';
import { Headers } from '../../../src/service/headers.js';

function rewritten(authority: string, host: string, ...lines: [string, string][]): (readonly [string, string])[] {
  const headers = Headers.from(lines);
  rewriteLocation(headers, authority, host);
  return [...headers];
}

describe('location rewriter', () => {
  it('names the host that the caller used in place of the one that the endpoint was asked under', () => {
    assert.deepEqual(
      rewritten(
        'web.dc1',
        'shop:80',
        ['location', 'http://web.dc1/a?next=http://web.dc1/b'],
        ['Refresh', '5; url=http://web.dc1/'],
        ['X-Location', 'http://web.dc1/'],
      ),
      [
        ['location', 'http://shop:80/a?next=http://shop:80/b'],
        ['Refresh', '5; url=http://shop:80/'],
        ['X-Location', 'http://web.dc1/'],
      ],
    );
  });

  it('leaves redirects to elsewhere, and responses without any, as they are', () => {
    assert.deepEqual(rewritten('web.dc1', 'shop', ['Location', '/a']), [['Location', '/a']]);
    assert.deepEqual(rewritten('web.dc1', 'shop', ['X', 'y']), [['X', 'y']]);
  });

  it('takes a host with the patterns of a replacement for the text that it is', () => {
    const [line] = rewritten('web', "$&$'$`$$", ['Location', 'http://web/secret']);
    assert.deepEqual(line, ['Location', "http://$&$'$`$$/secret"]);
  });
});
