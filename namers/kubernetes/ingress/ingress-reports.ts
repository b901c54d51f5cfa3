// Ingress reports: verdicts in; what people are to be told of each Ingress that is ours, or was until its class went away, out.

import type { Verdict } from './compile.js';
import type { WatchedIngress } from './watched-ingress.js';

export interface IngressReport {
  /** False: it has ceased to be ours, or never was. */
  readonly isOurs: boolean;
  /** Something of it is served. */
  readonly isServed: boolean;
  /** CamelCase reasons, with messages for people. */
  readonly problems: readonly { readonly reason: string; readonly message: string }[];
}

/** By `namespace/name`. */
export type IngressReports = ReadonlyMap<string, IngressReport>;

export class Reporting {
  /** Those that were accepted, or that are told what became of their class since. */
  #ours = new Set<string>();

  reports(verdicts: ReadonlyMap<string, Verdict>, ingresses: ReadonlyMap<string, WatchedIngress>): IngressReports {
    const reports = new Map<string, IngressReport>();
    const ours = new Set<string>();
    for (const [id, verdict] of verdicts) {
      const wasOurs = this.#ours.has(id) || ingresses.get(id)?.isStatusOurs === true;
      const report = reportOf(verdict, wasOurs);
      if (report.isOurs) ours.add(id);
      reports.set(id, report);
    }
    this.#ours = ours;
    return reports;
  }
}

/** A class that does not exist is nobody's: whoever served the Ingress last says so. */
function reportOf(verdict: Verdict, wasOurs: boolean): IngressReport {
  if (verdict.accepted) return { isOurs: true, isServed: verdict.isServed, problems: verdict.problems };
  if (wasOurs && verdict.why.reason === 'ClassNotFound') {
    return { isOurs: true, isServed: false, problems: [verdict.why] };
  }
  return NOT_OURS;
}

const NOT_OURS: IngressReport = { isOurs: false, isServed: false, problems: [] };
