import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { RequestHead, ResponseHead } from '../../../src/service/message.js';
import { hostileRequests, hostileResponses } from './arbitrary-messages.js';
import { type NodeRequest, readWithNode } from './node-requests.js';
import { type NodeAnswer, type NodeResponse, readAnswerWithNode } from './node-responses.js';
import { type ReadMessages, readRequests, readResponses } from './read-messages.js';

// A failure prints its seed. LINKGATE_FUZZ_SEED=random (or a number) and LINKGATE_FUZZ_RUNS look elsewhere, and longer.
const wanted = process.env.LINKGATE_FUZZ_SEED;
const SEED = wanted === 'random' ? Date.now() : Number(wanted ?? 20_240_607);
const RUNS = Number(process.env.LINKGATE_FUZZ_RUNS ?? 4000);

describe('http1 request parser, against Node', () => {
  it('reads whatever it accepts as Node does: method, target, fields, body, trailers and where the next request begins', async () => {
    let accepted = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(hostileRequests, async (bytes) => {
        const ours = readRequests([bytes]);
        accepted += ours.messages.length > 0 ? 1 : 0;
        refused += ours.error ? 1 : 0;
        checkRequests(ours, (await readWithNode(bytes)).requests);
      }),
      { seed: SEED, numRuns: RUNS },
    );
    // Neither a parser that refuses everything nor a generator of nothing but noise would prove anything.
    assert.ok(accepted > RUNS / 4, `only ${accepted} of ${RUNS} had a request that was accepted`);
    assert.ok(refused > RUNS / 4, `only ${refused} of ${RUNS} had a request that was refused`);
  });
});

describe('http1 response parser, against Node', () => {
  it('reads whatever it accepts as Node does: status, reason, fields, body and trailers', async () => {
    let accepted = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(hostileResponses, async (bytes) => {
        // The same length twice is one length here (RFC 9112 §6.3); Node refuses it.
        fc.pre(!/content-length.*content-length/is.test(bytes));
        const ours = readResponses([bytes]);
        accepted += ours.messages.length > 0 ? 1 : 0;
        refused += ours.error ? 1 : 0;
        checkAnswer(ours, await readAnswerWithNode(bytes));
      }),
      { seed: SEED, numRuns: RUNS },
    );
    assert.ok(accepted > RUNS / 4, `only ${accepted} of ${RUNS} had a response that was accepted`);
    assert.ok(refused > RUNS / 4, `only ${refused} of ${RUNS} had a response that was refused`);
  });
});

function checkRequests(ours: ReadMessages<RequestHead>, theirs: readonly NodeRequest[]): void {
  for (const [i, message] of ours.messages.entries()) {
    // Any token is a method (RFC 9110 §9.1); Node knows a list of them and reads no further at another.
    if (!METHODS.includes(message.head.method)) return;
    const other = theirs[i];
    assert.ok(other, `Node did not accept request ${i + 1}`);
    const { head } = message;
    assert.equal(head.method, other.method);
    assert.equal(head.version, other.version);
    assert.equal(absoluteForm(head, other), other.target);
    assert.deepEqual(received(head, other), endToEnd(other.fields));
    if (!message.complete) continue;
    assert.ok(other.complete, `Node saw no end of request ${i + 1}`);
    assert.equal(message.body, other.body);
    assert.deepEqual([...(message.trailers ?? [])], passedOn(other.trailers));
    if (offersUpgrade(other)) return;
  }
  // Where we are still in a request, or closed after one, or at the end of the bytes, Node must see no further.
  const last = ours.messages.at(-1);
  if (ours.error) return;
  assert.equal(theirs.length, ours.messages.length, 'Node saw more requests');
  if (last && !last.complete)
    assert.equal(theirs.at(-1)?.complete, false, 'Node saw the end of a request that we did not');
}

/** Without the Host that an HTTP/1.0 request in absolute form is given. */
function received({ headers, absoluteScheme }: RequestHead, { fields }: NodeRequest): Fields {
  const hadHost = absoluteScheme === undefined || fields.some(([name]) => name.toLowerCase() === 'host');
  return hadHost ? [...headers] : [...headers].slice(0, -1);
}

/** Node reads nothing after such a request, even when nothing was upgraded: nothing to compare with. */
function offersUpgrade({ fields }: NodeRequest): boolean {
  return (
    fields.some(([name]) => name.toLowerCase() === 'upgrade') &&
    fields.some(([name, value]) => /^connection$/i.test(name) && /upgrade/i.test(value))
  );
}

/** What the target was before the gateway split it. */
function absoluteForm(head: RequestHead, { target }: NodeRequest): string {
  if (head.absoluteScheme === undefined) return head.target;
  const authority = head.headers.get('host') ?? '';
  const [, scheme = '', found = '', rest = ''] = /^(\w+):\/\/([^/?]*)(.*)$/.exec(target) ?? [];
  assert.equal(scheme.toLowerCase(), head.absoluteScheme);
  assert.equal(found.toLowerCase(), authority.toLowerCase());
  assert.ok(head.target === rest || head.target === `/${rest}` || (head.target === '*' && rest === ''));
  return target;
}

function checkAnswer(ours: ReadMessages<ResponseHead>, { informational, response }: NodeAnswer): void {
  const last = ours.messages.findIndex(({ head }) => head.status >= 200 || head.status === 101);
  const before = ours.messages.slice(0, last < 0 ? undefined : last).map(({ head }) => head.status);
  assert.deepEqual(before, informational.slice(0, before.length));
  const message = ours.messages[last];
  // What follows a 101 is another protocol.
  if (!message || message.head.status === 101) return;
  assert.ok(response, 'Node did not accept the response');
  assert.equal(message.head.status, response.status);
  assert.equal(message.head.reason, response.reason);
  // Expect means nothing in a response, and is taken out of requests alone.
  assert.deepEqual(
    [...message.head.headers].filter(([name]) => name !== 'Expect'),
    endToEnd(response.fields),
  );
  if (!message.complete && !endsWithConnection(message.head, response)) {
    if (!ours.error) assert.equal(response.complete, false, 'Node saw the end of a body that we did not');
    return;
  }
  assert.ok(response.complete, 'Node saw no end of the body');
  assert.equal(message.body, response.body);
  assert.deepEqual([...(message.trailers ?? [])], passedOn(response.trailers));
}

function endsWithConnection({ hasBody, contentLength }: ResponseHead, { fields }: NodeResponse): boolean {
  return hasBody && contentLength < 0 && !fields.some(([name]) => name.toLowerCase() === 'transfer-encoding');
}

type Fields = readonly (readonly [string, string])[];

const TAKEN_OUT: ReadonlySet<string> = new Set([
  ...['connection', 'proxy-connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer'],
  ...['upgrade', 'http2-settings', 'content-length', 'transfer-encoding', 'expect'],
]);

/** Of the trailers that are tried. */
const NOT_PASSED_ON: ReadonlySet<string> = new Set([...TAKEN_OUT, 'host', 'cookie', 'via', 'l5d-ctx-dtab']);

function passedOn(trailers: Fields): Fields {
  return trailers.filter(([name]) => !NOT_PASSED_ON.has(name.toLowerCase()));
}

/** What a proxy passes on: RFC 9110 §7.6.1. */
function endToEnd(fields: Fields): Fields {
  const listed = fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()));
  return fields.filter(([name]) => !TAKEN_OUT.has(name.toLowerCase()) && !listed.includes(name.toLowerCase()));
}
