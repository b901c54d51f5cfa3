// ConfigError: one mistake in a configuration file, where it is and what to write instead.

/** Map keys and list indexes from the top of the file down to a value. */
export type KeyPath = readonly (string | number)[];

export interface ConfigError {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
  /** `routers[0].servers[1].port`; empty when the mistake is in the file as a whole. */
  readonly path: string;
  /** What is and what is wanted, in one line. Holds no secret. */
  readonly message: string;
}

/** `file:line:column: key.path: message`, as editors and terminals make clickable. */
export function showConfigError(error: ConfigError): string {
  const place = `${error.file}:${error.line}:${error.column}: `;
  return error.path === '' ? `${place}${error.message}` : `${place}${error.path}: ${error.message}`;
}

/** `routers[0].servers[1].port`. A key that is not a plain word is put in quotes: `a["io.l5d.fs"]`. */
export function showKeyPath(path: KeyPath): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (!/^[A-Za-z_][\w-]*$/.test(key)) text += `[${JSON.stringify(key)}]`;
    else text += text === '' ? key : `.${key}`;
  }
  return text;
}

/** The value at `path` of plain maps and lists, undefined where there is none. */
export function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[key];
  }
  return value;
}

/** A plain map, as opposed to a list, a scalar or nothing. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
