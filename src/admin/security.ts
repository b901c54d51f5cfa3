// The `admin.security` block goes in; whether a path of a category is served at all comes out.

import type { AdminCategory } from './handler.js';

/** As in the configuration file; what is left out is on, or empty. */
export interface AdminSecurityConfig {
  readonly uiEnabled?: boolean | undefined;
  readonly controlEnabled?: boolean | undefined;
  readonly diagnosticsEnabled?: boolean | undefined;
  /** Regular expressions for whole paths, served although their category is off. */
  readonly pathWhitelist?: readonly string[] | undefined;
  /** Regular expressions for whole paths, never served. */
  readonly pathBlacklist?: readonly string[] | undefined;
}

export interface AdminSecurity {
  /** False: answer 404, as for a path that does not exist. */
  serves(path: string, category: AdminCategory): boolean;
}

/** Throws an Error that names the key when an expression cannot be used. */
export function makeAdminSecurity(config: AdminSecurityConfig): AdminSecurity {
  const whitelist = compile(config.pathWhitelist ?? [], 'admin.security.pathWhitelist');
  const blacklist = compile(config.pathBlacklist ?? [], 'admin.security.pathBlacklist');
  const enabled: Record<AdminCategory, boolean> = {
    ui: config.uiEnabled ?? true,
    control: config.controlEnabled ?? true,
    diagnostics: config.diagnosticsEnabled ?? true,
  };
  return {
    serves: (path, category) =>
      (enabled[category] || whitelist.some((pattern) => pattern.test(path))) &&
      !blacklist.some((pattern) => pattern.test(path)),
  };
}

function compile(expressions: readonly string[], key: string): readonly RegExp[] {
  return expressions.map((expression, i) => compilePathPattern(expression, `${key}[${i}]`));
}

/**
 * The expression as one that must match the whole path. Unicode mode, because without it JavaScript reads what it does
 * not know of Java's syntax (`\Q…\E`, `\p{Alpha}`) as ordinary letters: a blacklist would then quietly protect nothing.
 */
function compilePathPattern(expression: string, key: string): RegExp {
  try {
    // On its own first: `a)|(b` is wrong, but would be right inside the brackets below.
    new RegExp(expression, 'u');
    return new RegExp(`^(?:${expression})$`, 'u');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${key} is ${JSON.stringify(expression)}: want a regular expression of JavaScript that matches a whole path, e.g. "/admin/metrics.*" (${reason})`,
      { cause: error },
    );
  }
}
