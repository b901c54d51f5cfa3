// Problem log: reports in, a line for each Ingress whose problems are new out, in bounded number.

import type { Logger } from '../../../src/base/log.js';
import type { IngressReport, IngressReports } from './ingress-reports.js';

/** Of one Ingress in its line, and lines in a row. */
const MAX_PROBLEMS = 3;
const MAX_LINES = 100;

export class ProblemLog {
  readonly #log: Logger;
  /** What was last said of each Ingress. */
  #said = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  sync(reports: IngressReports): void {
    const said = new Map<string, string>();
    let lines = 0;
    const say = (write: (line: string) => void, line: string): void => {
      lines += 1;
      if (lines <= MAX_LINES) write(line);
    };
    for (const [id, report] of reports) {
      const text = lineOf(report);
      const before = this.#said.get(id);
      if (text !== undefined) said.set(id, text);
      if (text !== undefined && text !== before) say(this.#log.warn, `ingress ${id}: ${text}`);
      else if (text === undefined && before !== undefined)
        say(this.#log.info, `ingress ${id}: has no problem any more`);
    }
    if (lines > MAX_LINES) this.#log.warn(`${lines - MAX_LINES} more ingresses have problems that are new or over`);
    this.#said = said;
  }
}

function lineOf({ isServed, problems }: IngressReport): string | undefined {
  if (problems.length === 0) return undefined;
  const shown = problems.slice(0, MAX_PROBLEMS).map(({ reason, message }) => `${reason}: ${message}`);
  const more = problems.length > MAX_PROBLEMS ? `; and ${problems.length - MAX_PROBLEMS} more` : '';
  return `${isServed ? 'not all of it is served' : 'none of it is served'}: ${shown.join('; ')}${more}`;
}
