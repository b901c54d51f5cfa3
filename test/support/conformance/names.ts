// Conformance of namers, rows about names: what is there, what is not, and how it changes.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { bytesFromText, Path } from '../../../src/base/path.js';
import { seededRandom } from '../../../src/base/random.js';
import type { NamerRow } from './row.js';

const REPLACEMENTS = 60;
const MAX_PAUSE_MS = 25;

export const nameRows: readonly NamerRow[] = [
  {
    row: 'absent',
    title: 'falls through to the next alternative while the service is absent, and comes back once it is there',
    async run(scene) {
      const { driver } = scene;
      const [a, fallback] = [await scene.upstream('a'), await scene.upstream('fallback')];
      const service = scene.service();
      const gateway = await scene.gateway({
        web: `${driver.name(service)} | /$/inet/${fallback.endpoint.host}/${fallback.endpoint.port}`,
        alone: driver.name(service),
      });
      const alone = await scene.ask(gateway, 'alone');
      assert.equal(alone.status, 502);
      // A registry that answered "no such service" is no failure to be told of.
      assert.doesNotMatch(alone.text, /no answer/);
      assert.equal((await scene.ask(gateway, 'web')).text, 'fallback');
      await driver.set(service, [a.endpoint]);
      await scene.answeredBy(gateway, 'web', 'a');
      await scene.answeredBy(gateway, 'alone', 'a');
      await driver.remove(service);
      await scene.answeredBy(gateway, 'web', 'fallback');
      await scene.unrouted(gateway, 'alone');
    },
  },
  {
    row: 'empty',
    title:
      'answers 502 for a service without endpoints and does not fall through, where the registry knows such services',
    async run(scene, subject) {
      const { driver } = scene;
      const [a, fallback] = [await scene.upstream('a'), await scene.upstream('fallback')];
      const service = scene.service();
      await driver.set(service, [a.endpoint]);
      const gateway = await scene.gateway({
        web: `${driver.name(service)} | /$/inet/${fallback.endpoint.host}/${fallback.endpoint.port}`,
      });
      await scene.answeredBy(gateway, 'web', 'a');
      await driver.setEmpty(service);
      if (subject.empty === 'empty') {
        await scene.unrouted(gateway, 'web');
        for (let i = 0; i < 5; i++) assert.equal((await scene.ask(gateway, 'web')).status, 502);
        assert.equal(fallback.upstream.requests.length, 0);
      } else await scene.answeredBy(gateway, 'web', 'fallback');
      await driver.set(service, [a.endpoint]);
      await scene.answeredBy(gateway, 'web', 'a');
    },
  },
  {
    row: 'change',
    title: 'fails no request while endpoints come, change and go under traffic',
    async run(scene) {
      const { driver, t } = scene;
      const [a, b, c] = [await scene.upstream('a'), await scene.upstream('b'), await scene.upstream('c')];
      const service = scene.service();
      await driver.set(service, [a.endpoint]);
      const gateway = await scene.gateway({ web: driver.name(service) });
      const traffic = await scene.traffic(gateway, 'web');
      await traffic.settlesOn('a');
      await driver.set(service, [a.endpoint, b.endpoint]);
      await traffic.settlesOn('a', 'b');
      await driver.set(service, [b.endpoint]);
      await traffic.settlesOn('b');
      await driver.set(service, [c.endpoint, a.endpoint]);
      await traffic.settlesOn('a', 'c');
      t.diagnostic(`${await traffic.end()} requests, none failed`);
    },
  },
  {
    row: 'churn',
    title: 'fails no request while its only endpoint is replaced over and over, faster than that can be read',
    async run(scene) {
      const { driver } = scene;
      const [a, b] = [await scene.upstream('a'), await scene.upstream('b')];
      const service = scene.service();
      await driver.set(service, [a.endpoint]);
      const gateway = await scene.gateway({ web: driver.name(service) });
      const traffic = await scene.traffic(gateway, 'web');
      const random = seededRandom(7);
      for (let i = 0; i < REPLACEMENTS; i++) {
        await driver.set(service, [(i % 2 === 0 ? b : a).endpoint]);
        // At any moment of the reading of the one before.
        await pause(random() * MAX_PAUSE_MS);
      }
      await driver.set(service, [b.endpoint]);
      await traffic.settlesOn('b');
      await traffic.end();
    },
  },
  {
    row: 'gone',
    title: 'fails no request when the service goes, be its alternative known or yet to be looked up, and comes back',
    async run(scene) {
      const { driver } = scene;
      const [a, b, fallback] = [await scene.upstream('a'), await scene.upstream('b'), await scene.upstream('fallback')];
      const [service, other] = [scene.service(), scene.service()];
      await driver.set(service, [a.endpoint]);
      await driver.set(other, [b.endpoint]);
      const gateway = await scene.gateway({
        known: `${driver.name(service)} | /$/inet/${fallback.endpoint.host}/${fallback.endpoint.port}`,
        unknown: `${driver.name(service)} | ${driver.name(other)}`,
      });
      const [known, unknown] = [await scene.traffic(gateway, 'known'), await scene.traffic(gateway, 'unknown')];
      await driver.remove(service);
      await Promise.all([known.settlesOn('fallback'), unknown.settlesOn('b')]);
      await driver.set(service, [a.endpoint]);
      await Promise.all([known.settlesOn('a'), unknown.settlesOn('a')]);
      await known.end();
      await unknown.end();
    },
  },
  {
    row: 'unicode',
    title:
      'finds a service whose name is escaped in the dtab, and harms nothing by a name that the registry cannot have',
    async run(scene, subject) {
      const { driver } = scene;
      const [a, b, fallback] = [await scene.upstream('a'), await scene.upstream('b'), await scene.upstream('fallback')];
      const plain = scene.service();
      await driver.set(plain, [a.endpoint]);
      if (subject.unicodeService !== undefined) await driver.set(subject.unicodeService, [b.endpoint]);
      const instead = `| /$/inet/${fallback.endpoint.host}/${fallback.endpoint.port}`;
      const strange = [
        'naïve-größe',
        'a/b',
        '..',
        '%2e%2e',
        'x?y=z&dc=other',
        'x#frag',
        ' ',
        'a\u0000b',
        '\u00ff\u00fe',
      ];
      const gateway = await scene.gateway({
        plain: driver.name(plain),
        // Every byte as \xhh: how a name with a single byte out of the ordinary is shown, logged and measured.
        escaped: driver.name(plain).replace(plain, escapeAll(plain)),
        ...(subject.unicodeService !== undefined && {
          unicode: driver.name('UNICODE').replace('UNICODE', escapeAll(subject.unicodeService)),
        }),
        ...Object.fromEntries(
          strange.map((name, i) => [
            `strange${i}`,
            driver.name('STRANGE').replace('STRANGE', escapeAll(name)) + instead,
          ]),
        ),
      });
      await scene.answeredBy(gateway, 'escaped', 'a');
      if (subject.unicodeService !== undefined) await scene.answeredBy(gateway, 'unicode', 'b');
      for (const [i, name] of strange.entries()) {
        const { status, text } = await scene.ask(gateway, `strange${i}`);
        assert.deepEqual([status, text], [200, 'fallback'], JSON.stringify(name));
      }
      assert.equal((await scene.ask(gateway, 'plain')).text, 'a');
    },
  },
];

/** Each byte of the UTF-8 as `\xhh`. */
function escapeAll(text: string): string {
  const shown = new Path([bytesFromText(text)]).elements[0] ?? '';
  return [...shown].map((byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
}
