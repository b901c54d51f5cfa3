// Scoped settings: the `client` or `service` block of a router in, the settings of one name out.

import type { Scoped } from '../../config/schema/scoped.js';
import { parsePathMatcher } from '../naming/path-matcher.js';
import type { SettingsOf } from './settings.js';

/**
 * All entries of `io.l5d.static` whose prefix matches apply in file order, per key the later one. Names
 * that the same entries match share one settings object, made once.
 */
export function scopedSettings<Keys extends object, Settings>(
  { base, configs }: Scoped<Keys>,
  make: (keys: Keys) => Settings,
): SettingsOf<Settings> {
  const entries = configs.map(({ prefix, keys }) => ({ matcher: parsePathMatcher(prefix), keys }));
  const made = new Map<string, Settings>();
  return (name) => {
    const matching = entries.filter(({ matcher }) => matcher.match(name) !== undefined);
    const key = matching.map((entry) => entries.indexOf(entry)).join(',');
    let settings = made.get(key);
    if (settings === undefined) {
      settings = make(Object.assign({}, base, ...matching.map((entry) => entry.keys)));
      made.set(key, settings);
    }
    return settings;
  };
}
