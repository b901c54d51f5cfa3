// RouteContexts: the certificates that come with routes in, each as often as it changes, their contexts by host out.

import type { HostTable } from '../base/host-table.js';
import type { RouteCertificate } from '../identifier/identifier.js';
import { ServerContext } from './server-context.js';

interface Listed {
  readonly certificate: RouteCertificate;
  readonly context: ServerContext;
}

export class RouteContexts {
  #listed: readonly Listed[] = [];
  /** By chain and key: what two routes show is one certificate, and stays the one that it was. */
  #byText = new Map<string, ServerContext>();
  readonly #broken = new WeakSet<ServerContext>();

  /** In place of those before. Of two for one host the first is shown. Answers those that were not there before. */
  set(certificates: readonly RouteCertificate[]): readonly RouteCertificate[] {
    const before = this.#byText;
    const byText = new Map<string, ServerContext>();
    const added: RouteCertificate[] = [];
    this.#listed = certificates.map((certificate) => {
      const text = `${certificate.chain}\n${certificate.key}`;
      let context = byText.get(text) ?? before.get(text);
      if (!context) {
        context = new ServerContext(certificate);
        added.push(certificate);
      }
      byText.set(text, context);
      return { certificate, context };
    });
    this.#byText = byText;
    return added;
  }

  /** Those that can be used. */
  get certificates(): readonly RouteCertificate[] {
    return this.#usable.map(({ certificate }) => certificate);
  }

  addTo(names: HostTable<ServerContext>): void {
    for (const { certificate, context } of this.#usable) {
      for (const host of certificate.hosts) names.add(host, context);
    }
  }

  /** It is not used from here on, for as long as it is what it is. False: it is none of these. */
  leaveOut(context: ServerContext): boolean {
    if (!this.#usable.some((one) => one.context === context)) return false;
    this.#broken.add(context);
    return true;
  }

  get #usable(): readonly Listed[] {
    return this.#listed.filter(({ context }) => !this.#broken.has(context));
  }
}
