// Problems: what is wrong with one Ingress, each with a reason for machines and a message for people, in bounded number.

/** Why an Ingress, or a part of it, is not served as it says. CamelCase, as reasons of events are. */
export type ProblemReason =
  | 'CanaryExposure'
  | 'CanaryWithoutPrimary'
  | 'CertificateExpired'
  | 'CertificateHostMismatch'
  | 'CertificateNotYetValid'
  | 'DuplicateCertificate'
  | 'DuplicateDefaultBackend'
  | 'DuplicatePath'
  | 'HostOwned'
  | 'HostRequired'
  | 'InvalidAnnotation'
  | 'InvalidBackend'
  | 'InvalidClass'
  | 'InvalidHost'
  | 'InvalidIngress'
  | 'InvalidPath'
  | 'InvalidRegex'
  | 'MoreProblems'
  | 'RegexNotEnabled'
  | 'RewriteNeedsRegex'
  | 'SecretInvalid'
  | 'SecretNotFound'
  | 'ServiceNotFound'
  | 'ServicePortNotFound'
  | 'TlsHostNotOwned'
  | 'TooManyHosts'
  | 'TooManyPaths'
  | 'TooManyRegexes'
  | 'UnsupportedBackend';

export interface Problem {
  readonly reason: ProblemReason;
  /** Where, what is, what is wanted, what follows: `spec.rules[2].http.paths[0]: …`. */
  readonly message: string;
}

/** Most that are kept of one Ingress: ten thousand bad paths need no ten thousand messages. */
const MAX_PROBLEMS = 20;

export class Problems {
  readonly #kept: Problem[] = [];
  #more = 0;

  add(reason: ProblemReason, message: string): void {
    if (this.#kept.length < MAX_PROBLEMS) this.#kept.push({ reason, message });
    else this.#more += 1;
  }

  addAll(problems: Problems): void {
    for (const { reason, message } of problems.#kept) this.add(reason, message);
    this.#more += problems.#more;
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0;
  }

  list(): readonly Problem[] {
    if (this.#more === 0) return this.#kept;
    return [...this.#kept, { reason: 'MoreProblems', message: `${this.#more} more problems are not listed` }];
  }
}
