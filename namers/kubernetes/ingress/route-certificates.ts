// Route certificates: spec.tls of drafts, the oldest first, and the secrets that it names in; certificates by host out.

import type { RouteCertificate } from '../../../src/identifier/identifier.js';
import { type Draft, namedHosts } from './draft.js';
import type { HostOwners } from './host-owners.js';
import type { ParsedTls } from './parse-ingress.js';
import type { Lookup } from './route-backend.js';
import { covers } from './route-host.js';
import type { TlsSecret } from './tls-secret.js';

type Certificate = Extract<TlsSecret, { readonly type: 'certificate' }>;

/** Keeps certificates the same objects from one compilation to the next while they are for the same hosts. */
export type CertificateMemo = WeakMap<TlsSecret, RouteCertificate>;

export interface RouteCertificatesOptions {
  readonly secrets: Lookup<TlsSecret>;
  readonly owners: HostOwners;
  readonly nowMs: number;
  readonly memo: CertificateMemo;
}

export class RouteCertificates {
  /** `namespace/name` of all that are named. */
  readonly referenced = new Set<string>();
  readonly #options: RouteCertificatesOptions;
  readonly #byId = new Map<string, { readonly secret: Certificate; readonly hosts: string[] }>();
  /** By host: the id of the secret that has it. */
  readonly #claims = new Map<string, string>();

  constructor(options: RouteCertificatesOptions) {
    this.#options = options;
  }

  add(draft: Draft): void {
    for (const entry of draft.ingress.tls) {
      this.referenced.add(entry.id);
      if (!draft.ingress.isRefused) this.#addEntry(draft, entry);
    }
  }

  list(): readonly RouteCertificate[] {
    const { memo } = this.#options;
    return [...this.#byId].map(([id, { secret, hosts }]) => {
      const before = memo.get(secret);
      if (before && isSame(before.hosts, hosts)) return before;
      const certificate: RouteCertificate = {
        hosts,
        chain: secret.chain,
        key: secret.key,
        validTo: secret.validTo,
        origin: `secret ${id}`,
      };
      memo.set(secret, certificate);
      return certificate;
    });
  }

  #addEntry(draft: Draft, entry: ParsedTls): void {
    const { at, id, secretName } = entry;
    const { problems, ingress } = draft;
    const secret = this.#options.secrets(ingress.object.namespace, secretName);
    if (secret === 'unknown') return;
    const without = 'the routes are served without a certificate';
    if (secret === undefined) {
      problems.add('SecretNotFound', `${at}: there is no secret ${id}; ${without} until there is`);
    } else if (secret.type === 'invalid') {
      problems.add('SecretInvalid', `${at}: secret ${id}: ${secret.why}; ${without}`);
    } else {
      const hosts = entry.hosts
        ? this.#namedHosts(draft, at, entry.hosts)
        : this.#certificateHosts(draft, entry, secret);
      const taken = hosts.filter((host) => this.#claim(host, draft, entry));
      if (taken.length === 0) return;
      this.#take(id, secret, taken);
      this.#warn(draft, entry, secret, taken);
    }
  }

  /** What `spec.tls[].hosts` names, as far as it is the namespace's: `*.example.com` stands for its hosts below where it is not. */
  #namedHosts(draft: Draft, at: string, hosts: readonly string[]): readonly string[] {
    const { owners } = this.#options;
    const { namespace } = draft.ingress.object;
    const found = new Set<string>();
    for (const host of hosts) {
      const own = owners.owns(host, namespace) ? [host] : this.#ownHosts(draft).filter((one) => covers(host, one));
      for (const one of own) found.add(one);
      if (own.length > 0) continue;
      const want = 'want a rule for it; the certificate is not served for it';
      draft.problems.add('TlsHostNotOwned', `${at}.hosts: host ${host} is not one of namespace ${namespace}, ${want}`);
    }
    return [...found];
  }

  /** Hosts of the Ingress that the certificate is for. */
  #certificateHosts(draft: Draft, { at, id }: ParsedTls, { names }: Certificate): readonly string[] {
    const hosts = this.#ownHosts(draft).filter((host) => names.some((name) => covers(name, host)));
    if (hosts.length > 0) return hosts;
    const is = `the certificate of secret ${id} is for ${showNames(names)}, and for no host of this Ingress`;
    draft.problems.add('CertificateHostMismatch', `${at}: ${is}; it is not served`);
    return [];
  }

  /** A canary names hosts that it does not own. */
  #ownHosts(draft: Draft): readonly string[] {
    return namedHosts(draft).filter((host) => this.#options.owners.owns(host, draft.ingress.object.namespace));
  }

  #claim(host: string, draft: Draft, { at, id }: ParsedTls): boolean {
    const holder = this.#claims.get(host);
    if (holder === undefined || holder === id) {
      this.#claims.set(host, id);
      return true;
    }
    const message = `${at}: an older Ingress has secret ${holder} for host ${host}, which is served in place of ${id}`;
    draft.problems.add('DuplicateCertificate', message);
    return false;
  }

  #take(id: string, secret: Certificate, hosts: readonly string[]): void {
    const known = this.#byId.get(id);
    if (known === undefined) this.#byId.set(id, { secret, hosts: [...hosts] });
    else known.hosts.push(...hosts.filter((host) => !known.hosts.includes(host)));
  }

  /** What clients will complain of; a certificate of the operator's choice is served all the same. */
  #warn({ problems }: Draft, { at, id }: ParsedTls, secret: Certificate, hosts: readonly string[]): void {
    const { nowMs } = this.#options;
    const all = 'it is served all the same, and clients will refuse it';
    const when = (ms: number): string => new Date(ms).toISOString();
    if (secret.validTo < nowMs) {
      problems.add(
        'CertificateExpired',
        `${at}: the certificate of secret ${id} expired at ${when(secret.validTo)}; ${all}`,
      );
    } else if (secret.validFrom > nowMs) {
      const is = `is not valid before ${when(secret.validFrom)}`;
      problems.add('CertificateNotYetValid', `${at}: the certificate of secret ${id} ${is}; ${all}`);
    }
    const others = hosts.filter((host) => !secret.names.some((name) => covers(name, host)));
    if (others.length === 0) return;
    const is = `is for ${showNames(secret.names)}, not for ${showNames(others)}`;
    problems.add('CertificateHostMismatch', `${at}: the certificate of secret ${id} ${is}; ${all}`);
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

function showNames(names: readonly string[]): string {
  if (names.length === 0) return 'no DNS name';
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
}
