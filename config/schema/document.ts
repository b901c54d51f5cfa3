// Text of a configuration file in (YAML 1.2 or JSON), plain values out, with the line and column of each.

import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  visit,
} from 'yaml';
import type { KeyPath } from './config-error.js';

export interface Position {
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
}

export interface TextProblem extends Position {
  readonly message: string;
}

export interface ConfigDocument {
  /** Maps, lists and scalars; keys with a null value are left out. An empty file is an empty map. */
  readonly value: unknown;
  /**
   * Where the value at `path` begins, or with `what: 'key'` where its key does. For a path that is not in the file, the
   * place of the nearest value around it. `offset` goes that many characters into a text value.
   */
  locate(path: KeyPath, what?: 'key' | 'value', offset?: number): Position;
}

/** Deeper than any real configuration (the schema needs a dozen). */
const DEEPEST = 64;
/** Counted after aliases are followed, so that a file of a few hundred bytes cannot become gigabytes. */
const MOST_VALUES = 100_000;

/** JSON is read as the YAML that it is, which gives positions, duplicate keys and tabs the same treatment. */
export function readDocument(
  text: string,
): { readonly ok: true; readonly document: ConfigDocument } | { readonly ok: false; readonly problems: TextProblem[] } {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(source)];

  // Before composing: the composer recurses, and deep enough it takes the whole process down instead of throwing.
  const tooDeep = firstTokenBelow(tokens, DEEPEST);
  if (tooDeep !== undefined) {
    return {
      ok: false,
      problems: [{ ...positionOf(tooDeep, lines), message: `nested deeper than ${DEEPEST} levels` }],
    };
  }

  const composer = new Composer({ schema: 'core', stringKeys: true, resolveKnownTags: false, prettyErrors: false });
  const [parsed, ...others] = composer.compose(tokens, true, source.length);
  if (!parsed) throw new Error('the YAML composer gave no document although one was forced');
  const problems: TextProblem[] = [...parsed.errors, ...parsed.warnings].map((error) => ({
    ...positionOf(error.pos[0], lines),
    message: error.message,
  }));
  for (const other of others) {
    problems.push({ ...positionOf(other.range[0], lines), message: 'a second document begins here, want one' });
  }
  const targets = aliasTargets(parsed);
  const reader = new ValueReader(targets, lines, problems);
  const value = reader.read(parsed.contents, 0) ?? {};
  if (problems.length > 0) return { ok: false, problems: onePerLine(problems) };
  return {
    ok: true,
    document: { value, locate: (...where) => locate(parsed, targets, source, lines, ...where) },
  };
}

/** Offset of the first token that lies below `depth` levels of maps and lists. Walks with a stack of its own. */
function firstTokenBelow(tokens: readonly CST.Token[], depth: number): number | undefined {
  const stack = tokens.map((token) => ({ token, level: 0 }));
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { token, level } = top;
    if (level > depth) return token.offset;
    if (token.type === 'document') {
      if (token.value) stack.push({ token: token.value, level });
    } else if ('items' in token) {
      for (const item of token.items) {
        if (item.key) stack.push({ token: item.key, level: level + 1 });
        if (item.value) stack.push({ token: item.value, level: level + 1 });
      }
    }
  }
  return undefined;
}

type AliasTargets = ReadonlyMap<Alias, Node>;

/** What each alias stands for, in one walk: the library's own `resolve` walks the whole file for each. */
function aliasTargets(document: Document.Parsed): AliasTargets {
  const anchored = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node)) {
        const target = anchored.get(node.source);
        if (target) targets.set(node, target);
      } else if (node.anchor !== undefined) {
        anchored.set(node.anchor, node);
      }
    },
  });
  return targets;
}

/** One open bracket makes the library complain once for each that follows: the first of a line tells it all. */
function onePerLine(problems: readonly TextProblem[]): TextProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ line, message }) => {
    const key = `${line} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

class ValueReader {
  readonly #targets: AliasTargets;
  readonly #lines: LineCounter;
  readonly #problems: TextProblem[];
  #count = 0;

  constructor(targets: AliasTargets, lines: LineCounter, problems: TextProblem[]) {
    this.#targets = targets;
    this.#lines = lines;
    this.#problems = problems;
  }

  /** The plain value of `node`, null for nothing. What cannot be read becomes a problem and null. */
  read(node: unknown, depth: number): unknown {
    this.#count += 1;
    if (this.#count > MOST_VALUES) {
      // Said once: whoever reads on after it only counts up.
      if (this.#count === MOST_VALUES + 1)
        this.#refuse(node, `more than ${MOST_VALUES} values after following aliases`);
      return null;
    }
    if (isAlias(node)) {
      const target = this.#targets.get(node);
      if (!target) return this.#refuse(node, `no anchor "&${node.source}" before this alias`);
      if (depth > DEEPEST) return this.#refuse(node, `alias "*${node.source}" contains itself`);
      return this.read(target, depth + 1);
    }
    if (isSeq(node)) return this.#readList(node.items, depth);
    if (isMap(node)) {
      const map: Record<string, unknown> = {};
      for (const { key, value } of node.items) {
        if (this.#count > MOST_VALUES) break;
        const name = isScalar(key) ? String(key.value) : '';
        // Assigning it would set the map's prototype.
        if (name === '__proto__') this.#refuse(key, 'unknown key "__proto__"');
        const inner = this.read(value, depth + 1);
        if (inner !== null && name !== '__proto__') map[name] = inner;
      }
      return map;
    }
    return isScalar(node) ? node.value : null;
  }

  #readList(items: readonly unknown[], depth: number): unknown[] {
    const list: unknown[] = [];
    for (const item of items) {
      if (this.#count > MOST_VALUES) break;
      list.push(this.read(item, depth + 1));
    }
    return list;
  }

  #refuse(node: unknown, message: string): null {
    this.#problems.push({ ...positionOf(startOf(node) ?? 0, this.#lines), message });
    return null;
  }
}

function locate(
  document: Document.Parsed,
  targets: AliasTargets,
  source: string,
  lines: LineCounter,
  path: KeyPath,
  what: 'key' | 'value' = 'value',
  offset?: number,
): Position {
  let node: unknown = document.contents;
  let start = startOf(node) ?? 0;
  for (const [i, step] of path.entries()) {
    if (isAlias(node)) node = targets.get(node);
    const last = i === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (!pair) return positionOf(start, lines);
      node = last && what === 'key' ? pair.key : pair.value;
      start = startOf(node) ?? startOf(pair.key) ?? start;
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      node = node.items[step];
      start = startOf(node) ?? start;
    } else {
      return positionOf(start, lines);
    }
  }
  return (offset === undefined ? undefined : positionInText(node, offset, source, lines)) ?? positionOf(start, lines);
}

/** Where character `offset` of a text value stands in the file; undefined where escapes or folding moved it. */
function positionInText(node: unknown, offset: number, source: string, lines: LineCounter): Position | undefined {
  if (!isScalar(node) || typeof node.value !== 'string') return undefined;
  const start = startOf(node) ?? 0;
  if (source.startsWith(node.value, start)) return positionOf(start + offset, lines);
  if (source.startsWith(node.value, start + 1)) return positionOf(start + 1 + offset, lines);
  if (node.type !== 'BLOCK_LITERAL') return undefined;
  // A block literal keeps its lines: line n of the text is n lines below the `|`, moved right by the indentation.
  const before = node.value.slice(0, offset).split('\n');
  const line = positionOf(start, lines).line + before.length;
  const written = source.split('\n')[line - 1]?.replace(/\r$/, '') ?? '';
  const indentation = written.length - (node.value.split('\n')[before.length - 1]?.length ?? 0);
  return { line, column: Math.max(0, indentation) + (before.at(-1)?.length ?? 0) + 1 };
}

function startOf(node: unknown): number | undefined {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range?.[0];
}

function positionOf(offset: number, lines: LineCounter): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
