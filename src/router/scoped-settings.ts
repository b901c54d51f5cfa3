// Scoped settings: the `client` or `service` block of a router in, the settings of one name out.

import type { Scoped } from '../../config/schema/scoped.js';
import { parsePathMatcher } from '../naming/path-matcher.js';
import type { SettingsOf } from './settings.js';

/**
 * All entries of `io.l5d.static` whose prefix matches apply in file order, per key the later one. Names
 * that the same entries match share one settings object, made once.
 *
 * @param words what `base` and then each entry is written as; settings of the same words are one object in `memo`
 */
export function scopedSettings<Keys extends object, Settings>(
  { base, configs }: Scoped<Keys>,
  make: (keys: Keys) => Settings,
  words: readonly string[] = ['', ...configs.map((_, i) => String(i))],
  memo = new SettingsMemo<Settings>(),
): SettingsOf<Settings> {
  const entries = configs.map(({ prefix, keys }, i) => ({
    matcher: parsePathMatcher(prefix),
    keys,
    words: words[i + 1] as string,
  }));
  return (name) => {
    const matching = entries.filter(({ matcher }) => matcher.match(name) !== undefined);
    const key = [words[0], ...matching.map((entry) => entry.words)].join('\n');
    return memo.get(key, () => make(Object.assign({}, base, ...matching.map((entry) => entry.keys))));
  };
}

/** Settings by the words that they are written in, across configurations. */
export class SettingsMemo<Settings> {
  #before: ReadonlyMap<string, Settings> = new Map();
  #now = new Map<string, Settings>();

  /** Another configuration: settings that it does not ask for until the one after it are forgotten. */
  renew(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }

  get(words: string, make: () => Settings): Settings {
    let settings = this.#now.get(words);
    if (settings === undefined) {
      settings = this.#before.get(words) ?? make();
      this.#now.set(words, settings);
    }
    return settings;
  }
}
