import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERROR_CODES, type ErrorCode, GatewayError, type GatewayErrorOptions } from '../../../src/base/errors.js';
import { setLogLevel } from '../../../src/base/log.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import {
  asGatewayError,
  ERROR_STATUS,
  makeErrorResponder,
  noHostsError,
  showDuration,
} from '../../../src/router/error-responder.js';
import type { RequestHead } from '../../../src/service/message.js';
import { requestHead } from '../../support/requests.js';

setLogLevel('router', 'OFF');

interface Asked extends GatewayErrorOptions {
  readonly clearContext?: boolean;
  readonly maxHeaderBytes?: number;
  readonly maxBodyBytes?: number;
  readonly request?: RequestHead;
}

function respond(code: ErrorCode, message: string, asked: Asked = {}) {
  const { clearContext = false, maxHeaderBytes = 8192, maxBodyBytes = 1_000_000, request, ...options } = asked;
  const responder = makeErrorResponder({ maxHeaderBytes, maxBodyBytes }, clearContext);
  const { head, body } = responder(new GatewayError(code, message, options), request);
  return {
    head,
    status: head.status,
    reason: head.reason,
    text: body.toString('utf8'),
    fields: Object.fromEntries([...head.headers].map(([name, value]) => [name.toLowerCase(), value])),
  };
}

describe('error responder', () => {
  it('has a status and a reason phrase for every code', () => {
    assert.deepEqual(Object.keys(ERROR_STATUS).sort(), Object.keys(ERROR_CODES).sort());
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const { status, reason } = respond(code, 'x');
      assert.ok(status >= 400 && status < 600, code);
      assert.notEqual(reason, '', code);
    }
  });

  it('has the statuses of Linkerd: no route is 502, a timeout is 503, 504 never, and 404 only to callers outside', () => {
    const statuses = Object.values(ERROR_STATUS);
    assert.ok(!statuses.includes(504));
    assert.equal(statuses.filter((status) => status === 404).length, 1);
    assert.equal(ERROR_STATUS['not-found'], 404);
    const of = (...codes: ErrorCode[]): number[] => codes.map((code) => ERROR_STATUS[code]);
    assert.deepEqual(of('unidentified', 'bad-dtab', 'too-many-hops', 'bad-request'), [400, 400, 400, 400]);
    assert.deepEqual(of('no-hosts', 'binding-failed', 'binding-timeout', 'connect-failed'), [502, 502, 502, 502]);
    assert.deepEqual(of('upstream-reset', 'upstream-malformed'), [502, 502]);
    assert.deepEqual(of('request-timed-out', 'over-capacity'), [503, 503]);
    assert.deepEqual(of('request-line-too-long', 'headers-too-large'), [414, 431]);
  });

  it('tells when to try again in whole seconds, rounded up and never 0, whatever else it may tell', () => {
    const after = (retryAfterMs: number, clearContext = false) =>
      respond('circuit-open', 'x', { retryAfterMs, clearContext }).fields['retry-after'];
    assert.deepEqual(
      [0, 1, 1000, 1001, 30_000].map((ms) => after(ms)),
      ['1', '1', '1', '2', '30'],
    );
    assert.equal(after(30_000, true), '30');
    assert.equal(respond('no-hosts', 'x').fields['retry-after'], undefined);
  });

  it('calls what a circuit breaker refused not retryable: a gateway in front would only multiply the load', () => {
    for (const code of ['circuit-open', 'circuit-full'] as const) {
      const { status, fields } = respond(code, 'no', { retryAfterMs: 5000 });
      assert.deepEqual([status, fields['l5d-err'], fields['l5d-retryable']], [503, 'no', undefined]);
    }
  });

  it('puts the message in the body and, form-encoded, in l5d-err', () => {
    const { head, text, fields } = respond('bad-request', 'a b\n"c" é+*-._~');
    assert.equal(text, 'a b\n"c" é+*-._~');
    assert.equal(fields['l5d-err'], 'a+b%0A%22c%22+%E9%2B*-._%7E');
    assert.equal(fields['content-type'], 'text/plain');
    assert.equal(head.contentLength, Buffer.byteLength(text));
    assert.equal(head.hasBody, true);
  });

  it('cuts l5d-err and the body to their limits, in bytes', () => {
    const { text, fields, head } = respond('bad-request', 'x'.repeat(100), { maxHeaderBytes: 10, maxBodyBytes: 20 });
    assert.deepEqual([fields['l5d-err']?.length, text.length, head.contentLength], [10, 20, 20]);
    const none = respond('bad-request', 'x', { maxBodyBytes: 0 });
    assert.deepEqual([none.text, none.fields['content-type'], none.head.hasBody], ['', undefined, false]);
  });

  it('says l5d-retryable only where nothing was sent', () => {
    assert.equal(respond('connect-failed', 'x', { resend: 'safe' }).fields['l5d-retryable'], 'true');
    assert.equal(respond('upstream-reset', 'x', { resend: 'idempotent' }).fields['l5d-retryable'], undefined);
    assert.equal(respond('upstream-reset', 'x').fields['l5d-retryable'], undefined);
  });

  it('nacks what is over capacity when it has no body, and else says that it may be sent again', () => {
    const nack = respond('over-capacity', 'x', { resend: 'safe', request: requestHead([]) });
    assert.equal(nack.status, 503);
    assert.deepEqual([nack.fields['retry-after'], nack.fields['finagle-http-nack']], ['0', 'true']);
    const refused = respond('over-capacity', 'x', {
      resend: 'safe',
      request: requestHead([], { method: 'POST', contentLength: 1, hasBody: true }),
    });
    assert.deepEqual([refused.status, refused.reason], [502, 'Bad Gateway']);
    assert.deepEqual(
      [refused.fields['retry-after'], refused.fields['finagle-http-nack'], refused.fields['l5d-retryable']],
      [undefined, undefined, 'true'],
    );
  });

  it('leaves out message and l5d headers with clearContext, and keeps the status', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const { status, text, fields, head } = respond(code, 'secret /svc/web', { clearContext: true, resend: 'safe' });
      assert.equal(status, ERROR_STATUS[code]);
      assert.equal(text, '');
      assert.equal(head.contentLength, 0);
      assert.doesNotMatch(JSON.stringify(fields), /secret|l5d|svc|text\/plain/);
    }
  });

  it('tells which methods there are where one is refused', () => {
    assert.match(respond('method-refused', 'x').fields.allow ?? '', /\bGET\b.*\bTRACE\b/);
    assert.equal(respond('bad-request', 'x').fields.allow, undefined);
  });
});

describe('asGatewayError', () => {
  it('keeps the code of an error that has one', () => {
    const error = new GatewayError('no-hosts', 'x');
    assert.equal(asGatewayError(error, 'internal'), error);
  });

  it('gives others the code that was asked for, their message or else their name, and themselves as cause', () => {
    const cause = new RangeError('why');
    const error = asGatewayError(cause, 'binding-failed');
    assert.deepEqual([error.code, error.message, error.cause], ['binding-failed', 'why', cause]);
    assert.equal(asGatewayError(new RangeError(), 'internal').message, 'RangeError');
    assert.equal(asGatewayError('text', 'internal').message, 'text');
  });
});

describe('noHostsError', () => {
  it('lists the name and the rules, base and override apart', () => {
    const error = noHostsError(
      parsePath('/svc/web'),
      parseDtab('/a => /b ; /svc/* => 1 * /x & 2 * /y | /z'),
      parseDtab('/svc=>!'),
    );
    assert.equal(error.code, 'no-hosts');
    assert.equal(
      error.message,
      [
        'Unable to route request!',
        '',
        'service name: /svc/web',
        'dtab:',
        'base dtab:',
        '  /a => /b',
        '  /svc/* => /x & 2.00*/y | /z',
        'override dtab:',
        '  /svc => !',
      ].join('\n'),
    );
  });

  it('has no lines for dtabs that are empty', () => {
    const { message } = noHostsError(parsePath('/svc/web'), parseDtab(''), parseDtab(''));
    assert.equal(message, 'Unable to route request!\n\nservice name: /svc/web\ndtab:\nbase dtab:\noverride dtab:');
  });
});

describe('showDuration', () => {
  it('prints durations as Finagle does', () => {
    assert.deepEqual([1000, 10_000, 1500, 250].map(showDuration), [
      '1.seconds',
      '10.seconds',
      '1500.milliseconds',
      '250.milliseconds',
    ]);
  });
});
