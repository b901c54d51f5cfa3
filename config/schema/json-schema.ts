// The schema of a file as JSON Schema, for editors: what they complete, explain and underline.

import { z } from 'zod';
import { linkerdSchema } from './linkerd.js';
import { PLACES } from './places.js';
import type { KindTable } from './plugins.js';
import { UNSUPPORTED_KEYS } from './unsupported.js';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Draft 2020-12, of what a file may say (not of what becomes of it). Keys that are not supported yet are left out. */
export function linkerdJsonSchema(kinds: KindTable, unsupported = UNSUPPORTED_KEYS): JsonSchema {
  const schema = z.toJSONSchema(linkerdSchema(kinds), {
    io: 'input',
    target: 'draft-2020-12',
    override: ({ jsonSchema }) => {
      // What zod says of every whole number helps nobody.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      // A category without kinds: an empty oneOf is not allowed, and nothing matches either.
      if (jsonSchema.oneOf?.length === 0) {
        delete jsonSchema.oneOf;
        jsonSchema.not = {};
      }
    },
  });
  for (const { place, key, when } of unsupported) {
    if (when) continue;
    for (const pattern of PLACES[place]) {
      for (const map of schemasAt(schema, pattern)) {
        if (map.properties) delete map.properties[key];
      }
    }
  }
  return { ...schema, title: 'linkgate configuration (linkerd.yaml of Linkerd 1.7.5)' };
}

/** Every schema that a map at `pattern` may follow. */
function schemasAt(schema: unknown, pattern: readonly string[]): JsonSchema[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const node = schema as JsonSchema;
  const branches = [...(node.oneOf ?? []), ...(node.anyOf ?? [])].flatMap((branch) => schemasAt(branch, pattern));
  const [step, ...rest] = pattern;
  if (step === undefined) return [node, ...branches];
  const below = step === '*' ? node.items : node.properties?.[step];
  return [...schemasAt(below, rest), ...branches];
}
