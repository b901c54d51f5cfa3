import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig, showConfigError } from '../../../config/schema/parse.js';
import { announcers, interpreters, namers, systemNamers, transformers } from '../../../namers/index.js';
import type { AnyKind } from '../../../src/base/kind.js';
import { kinds } from '../../../src/kinds.js';
import { codeSpans, fences, readMarkdown } from './markdown.js';

const TEXT = readMarkdown('docs/namers.md');
/** Must exist when the configuration is read; any file will do. */
const FILE_ELSEWHERE = '/etc/linkgate/routes.dtab';
const FROM_TRANSFORMERS = kinds.transformer.filter((kind) => !transformers.includes(kind));

describe('docs/namers.md', () => {
  const all: readonly AnyKind[] = [...namers, ...interpreters, ...transformers, ...announcers, ...FROM_TRANSFORMERS];
  for (const kind of all) {
    it(`has ${kind.kind} and every key of its (${kind.description})`, () => {
      assert.ok(TEXT.includes(kind.kind), `${kind.kind} is not mentioned`);
      const named = new Set(codeSpans(TEXT).flatMap((code) => code.split(/[^\w]+/)));
      assert.deepEqual(
        Object.keys(kind.config.shape).filter((key) => !named.has(key)),
        [],
      );
    });
  }

  it('has the names that ask a registry by themselves', () => {
    for (const { name } of systemNamers) assert.ok(TEXT.includes(`/$/${name}`), name);
  });

  it('has a section for each registry, with its failures', () => {
    for (const heading of [
      'io.l5d.fs',
      'io.l5d.consul',
      'io.l5d.serversets, io.l5d.zkLeader, io.l5d.curator',
      'io.l5d.etcd',
      'io.l5d.k8s',
      'io.l5d.dnssrv',
      'io.l5d.marathon',
    ]) {
      assert.ok(TEXT.includes(`\n## ${heading}\n`), heading);
    }
  });

  const configs = fences(TEXT, 'yaml').filter((block) => /^(namers|routers|announcers):/m.test(block));
  for (const [i, block] of configs.entries()) {
    it(`has a configuration that is taken: number ${i + 1}, ${/kind: (\S+)/.exec(block)?.[1]}`, () => {
      const whole = /^routers:/m.test(block) ? block : `${block}\nrouters: [{protocol: http, servers: [{port: 0}]}]\n`;
      const parsed = parseConfig(whole.replace(FILE_ELSEWHERE, 'README.md'), 'docs/namers.md', kinds);
      assert.deepEqual(parsed.ok ? [] : parsed.errors.map(showConfigError), []);
    });
  }

  it('has a configuration for each registry', () => {
    assert.ok(configs.length >= 7, `${configs.length}`);
  });
});
