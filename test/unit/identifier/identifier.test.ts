import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pathFromText } from '../../../src/base/path.js';
import { type Identifier, identifyFirst, Unidentified } from '../../../src/identifier/identifier.js';
import { ORIGIN } from '../../support/identify.js';
import { requestHead } from '../../support/requests.js';

const request = requestHead([]);
const web = pathFromText('web');
const name: Identifier = () => web;
const nobody =
  (reason: string): Identifier =>
  () =>
    new Unidentified(reason);
const notAsked: Identifier = () => assert.fail('asked');

describe('list of identifiers', () => {
  it('answers with the first name and asks no further', () => {
    assert.equal(identifyFirst([nobody('a'), name, notAsked])(request, ORIGIN), web);
    assert.equal(identifyFirst([name, notAsked])(request, ORIGIN), web);
    assert.equal(identifyFirst([nobody('a'), nobody('b'), name])(request, ORIGIN), web);
  });

  it('answers with the last reason when none identifies', () => {
    const answer = identifyFirst([nobody('first'), nobody('last')])(request, ORIGIN);
    assert.ok(answer instanceof Unidentified);
    assert.equal(answer.reason, 'last');
  });

  it('does not ask later ones after a failure', () => {
    const bad: Identifier = () => {
      throw new Error('bad request');
    };
    assert.throws(() => identifyFirst([nobody('a'), bad, notAsked])(request, ORIGIN), { message: 'bad request' });
  });

  it('of one is that one, and of none is refused', () => {
    assert.equal(identifyFirst([name]), name);
    assert.throws(() => identifyFirst([]), RangeError);
  });
});
