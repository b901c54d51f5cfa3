// A strict reader of Prometheus' text format 0.0.4: text in, samples out; throws for whatever the format does not allow.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y;
/** Only `\\`, `\"` and `\n` may be escaped, and these three must be. */
const LABEL_VALUE = /"((?:[^\\"\n]|\\[\\"n])*)"/y;
const VALUE = /^(NaN|[+-]Inf|[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?)$/i;

export function parseExposition(text: string): readonly Sample[] {
  if (text === '') return [];
  if (!text.endsWith('\n')) throw new Error('the last line does not end with a line feed');
  const samples = text.slice(0, -1).split('\n').map(parseLine);
  const seen = new Set<string>();
  const finished = new Set<string>();
  let current: string | undefined;
  for (const { name, labels } of samples) {
    if (name !== current) {
      if (finished.has(name)) throw new Error(`the lines of ${name} are not together`);
      if (current !== undefined) finished.add(current);
      current = name;
    }
    const series = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(series)) throw new Error(`series ${series} is there twice`);
    seen.add(series);
  }
  return samples;
}

function parseLine(line: string): Sample {
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (!match) throw new Error(`want ${pattern.source} at character ${at} of ${JSON.stringify(line)}`);
    at = pattern.lastIndex;
    return match[1] ?? match[0];
  };
  const name = take(NAME);
  const labels: Record<string, string> = {};
  if (line[at] === '{') {
    at += 1;
    while (line[at] !== '}') {
      const key = take(LABEL_NAME);
      if (Object.hasOwn(labels, key)) throw new Error(`label ${key} twice in ${JSON.stringify(line)}`);
      take(/=/y);
      labels[key] = take(LABEL_VALUE).replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
      if (line[at] !== '}') take(/, */y);
    }
    at += 1;
  }
  take(/ /y);
  const value = line.slice(at);
  if (!VALUE.test(value)) throw new Error(`"${value}" is not a number in ${JSON.stringify(line)}`);
  return { name, labels, value };
}
