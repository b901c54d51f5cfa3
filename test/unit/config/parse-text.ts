// Text of a configuration in; what becomes of it with the fake kinds out.

import assert from 'node:assert/strict';
import type { LinkerdConfig, RouterConfig } from '../../../config/schema/linkerd.js';
import { parseConfig, showConfigError } from '../../../config/schema/parse.js';
import type { UnsupportedKey } from '../../../config/schema/unsupported.js';
import { FAKE_KINDS } from './fake-kinds.js';

/** A table that refuses nothing: what the schema says by itself. */
export const ALL_SUPPORTED: readonly UnsupportedKey[] = [];

export function configOf(text: string, unsupported?: readonly UnsupportedKey[]): LinkerdConfig {
  const parsed = parseConfig(text, 'f', FAKE_KINDS, unsupported);
  if (!parsed.ok) assert.fail(parsed.errors.map(showConfigError).join('\n'));
  return parsed.config;
}

/** The errors as they are printed, of a file called `f`. */
export function errorsOf(text: string, unsupported?: readonly UnsupportedKey[]): string[] {
  const parsed = parseConfig(text, 'f', FAKE_KINDS, unsupported);
  return parsed.ok ? [] : parsed.errors.map(showConfigError);
}

/** The messages alone, for tests in which the place does not matter. */
export function messagesOf(text: string, unsupported?: readonly UnsupportedKey[]): string[] {
  const parsed = parseConfig(text, 'f', FAKE_KINDS, unsupported);
  return parsed.ok ? [] : parsed.errors.map(({ message }) => message);
}

/** A file with one http router, of which `keys` are the other keys, one a line. */
export function withRouter(...keys: readonly string[]): string {
  return ['routers:', '- protocol: http', '  servers: [{}]', ...keys.map((key) => `  ${key}`), ''].join('\n');
}

export function routerOf(text: string, unsupported?: readonly UnsupportedKey[]): RouterConfig {
  const router = configOf(text, unsupported).routers[0];
  assert.ok(router);
  return router;
}
