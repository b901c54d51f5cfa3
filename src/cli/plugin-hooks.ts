// How modules are found once a configuration names plugins: Node runs this file in a thread of its own for that.

import type { ResolveHook } from 'node:module';

/** What `importSpecifier` makes, so that `resolve` knows a plugin of a configuration from all other imports. */
const SCHEME = 'linkgate-plugin-of:';

/** The gateway's own copy, wherever a plugin lies: signals of two copies would not know of each other. */
const PUBLIC_MODULE = 'linkgate/plugin';

/** What to `import()` for the plugin `name` of a configuration in the directory `base`, a URL that ends in `/`. */
export function importSpecifier(name: string, base: string): string {
  return `${SCHEME}${JSON.stringify([name, base])}`;
}

export const resolve: ResolveHook = async (specifier, context, next) => {
  if (specifier === PUBLIC_MODULE) return { url: new URL('../plugin.js', import.meta.url).href, shortCircuit: true };
  if (!specifier.startsWith(SCHEME)) return next(specifier, context);
  const [name, base] = JSON.parse(specifier.slice(SCHEME.length)) as [string, string];
  try {
    return await next(name, { ...context, parentURL: base });
  } catch (error) {
    if (isFile(name)) throw error;
    // A package that was installed beside the gateway, as `npm install --global` does.
    try {
      return await next(name, { ...context, parentURL: import.meta.url });
    } catch {
      throw error;
    }
  }
};

function isFile(name: string): boolean {
  return /^(\.{0,2}\/|file:)/.test(name);
}
