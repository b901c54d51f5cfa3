// Cluster: an API server in; Ingresses and what they refer to, as of now, out.

import type { Logger } from '../../../src/base/log.js';
import type { RegistryWatches } from '../../shared/registry-watch.js';
import { BestCollection } from '../best-collection.js';
import { CollectionWatch, type CollectionWatchOptions, type StreamTimes } from '../collection-watch.js';
import type { KubeApi } from '../kube-api.js';
import { projectService, type ServiceObject } from '../service-object.js';
import type { CompileInput } from './compile.js';
import { type IngressClassObject, projectIngressClass } from './ingress-class.js';
import { type Change, LiveCollection } from './live-collection.js';
import { projectTlsSecret, type TlsSecret } from './tls-secret.js';
import { type WatchedIngress, watchedIngress } from './watched-ingress.js';

export interface ClusterOptions {
  readonly api: KubeApi;
  /** Only Ingresses of this one; undefined: of all. */
  readonly namespace: string | undefined;
  readonly watches: RegistryWatches;
  readonly log: Logger;
  /** `slight`: of a status alone. */
  readonly onChange: (change: Change) => void;
  /** See `CollectionWatchOptions`. */
  readonly stream?: StreamTimes;
}

const INGRESS_APIS = ['networking.k8s.io/v1', 'networking.k8s.io/v1beta1', 'extensions/v1beta1'];
const CLASS_APIS = INGRESS_APIS.slice(0, 2);

/** Each secret is a stream of its own, so that no right to read all of them is needed. */
const MAX_SECRETS = 1000;

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #source: BestCollection<WatchedIngress>;
  readonly #ingresses: LiveCollection<WatchedIngress>;
  readonly #classes: LiveCollection<IngressClassObject>;
  readonly #services: LiveCollection<ServiceObject>;
  readonly #secrets = new Map<string, LiveCollection<TlsSecret>>();
  #isStarted = false;

  constructor(options: ClusterOptions) {
    const { namespace } = options;
    const part = namespace === undefined ? '' : `/namespaces/${namespace}`;
    this.#options = options;
    this.#source = this.#best('ingresses', INGRESS_APIS, (api) => ({
      path: `/apis/${api}${part}/ingresses`,
      allNamespaces: true,
      project: (object, before) => watchedIngress(object, before),
    }));
    this.#ingresses = this.#live('ingresses', this.#source, (a, b) => a.object === b.object);
    const classes = this.#best<IngressClassObject>('ingressclasses', CLASS_APIS, (api) => ({
      path: `/apis/${api}/ingressclasses`,
      project: projectIngressClass,
    }));
    this.#classes = this.#live('ingressclasses', classes, sameJson);
    const services = this.#watch<ServiceObject>({
      path: `/api/v1${part}/services`,
      allNamespaces: true,
      project: projectService(undefined),
    });
    this.#services = this.#live('services', services, sameJson);
  }

  start(): void {
    this.#isStarted = true;
    for (const live of this.#all()) live.start();
  }

  /** To go before the watches are closed. */
  close(): void {
    for (const live of this.#all()) live.stop();
  }

  /** What is missing before routes can be made; undefined: nothing. */
  get pending(): string | undefined {
    if (!this.#ingresses.isKnown) return `ingresses are not known yet${because(this.#ingresses)}`;
    // What does not exist here, or may not be read, is gone without; what cannot be read now is waited for.
    const awaited = { ingressclasses: this.#classes, services: this.#services };
    const [late] = Object.entries(awaited).filter(([, live]) => !live.isKnown && live.refusal === undefined);
    return late && `${late[0]} are not known yet${because(late[1])}`;
  }

  /** Secrets that were asked for and about which nothing is known yet, neither good nor bad. */
  get pendingSecrets(): number {
    return [...this.#secrets.values()].filter((live) => !live.isKnown && live.error === undefined).length;
  }

  /** By `namespace/name`. */
  get ingresses(): ReadonlyMap<string, WatchedIngress> {
    return this.#ingresses.items;
  }

  /** Of the API's resource; `/status` behind it is its status. */
  pathOf({ object: { namespace, name } }: WatchedIngress): string {
    const [api] = (this.#source.source ?? '').split(' ');
    return `/apis/${api}/namespaces/${namespace}/ingresses/${name}`;
  }

  /** `networking.k8s.io/v1` */
  get apiVersion(): string {
    return (this.#source.source ?? '').split(' ')[0] ?? '';
  }

  input(nowMs: number): CompileInput {
    return {
      ingresses: [...this.#ingresses.items.values()].map(({ object }) => object),
      classes: [...this.#classes.items.values()],
      services: (namespace, name) =>
        this.#services.isKnown ? this.#services.items.get(`${namespace}/${name}`) : 'unknown',
      secrets: (namespace, name) => this.#secret(namespace, name),
      nowMs,
    };
  }

  /** Watches these, by `namespace/name`, and no others. */
  wantSecrets(ids: ReadonlySet<string>): void {
    for (const [id, live] of this.#secrets) {
      if (ids.has(id)) continue;
      live.stop();
      this.#secrets.delete(id);
    }
    for (const id of ids) {
      if (this.#secrets.size >= MAX_SECRETS) return;
      if (!this.#secrets.has(id)) this.#watchSecret(id);
    }
  }

  #watchSecret(id: string): void {
    const [namespace = '', name = ''] = id.split('/');
    const path = `/api/v1/namespaces/${namespace}/secrets`;
    const watch = this.#watch<TlsSecret>({ path, name, project: projectTlsSecret });
    const live = this.#live(`secret ${id}`, watch, sameJson);
    this.#secrets.set(id, live);
    if (this.#isStarted) live.start();
  }

  #secret(namespace: string, name: string): TlsSecret | undefined | 'unknown' {
    const live = this.#secrets.get(`${namespace}/${name}`);
    if (!live) {
      if (this.#secrets.size < MAX_SECRETS) return 'unknown';
      return { type: 'invalid', why: `it is not read: more than ${MAX_SECRETS} secrets are referred to` };
    }
    if (live.isKnown) return live.items.get(name);
    return live.refusal ? { type: 'invalid', why: `it may not be read: ${live.refusal.message}` } : 'unknown';
  }

  #all(): readonly LiveCollection<unknown>[] {
    return [this.#ingresses, this.#classes, this.#services, ...this.#secrets.values()];
  }

  #live<Item>(
    key: string,
    watch: BestCollection<Item> | CollectionWatch<Item>,
    isSame: (a: Item, b: Item) => boolean,
  ): LiveCollection<Item> {
    const { watches, onChange } = this.#options;
    return new LiveCollection(watches, {
      key,
      run: (report, signal) => watch.run(report, signal),
      isSame,
      onChange,
    });
  }

  #best<Item>(what: string, apis: readonly string[], collection: (api: string) => Wanted<Item>): BestCollection<Item> {
    const sources = apis.map((api) => ({ name: `${api} ${what}`, watch: this.#watch(collection(api)) }));
    return new BestCollection({ what, sources, log: this.#options.log });
  }

  #watch<Item>(wanted: Wanted<Item>): CollectionWatch<Item> {
    const { api, watches, stream } = this.#options;
    const { clock, random, metrics } = watches.options;
    const common = { api, clock, random, metrics: metrics.scope('service'), ...(stream && { stream }) };
    return new CollectionWatch({ ...common, ...wanted });
  }
}

type Wanted<Item> = Pick<CollectionWatchOptions<Item>, 'path' | 'name' | 'allNamespaces' | 'project'>;

function because({ error }: LiveCollection<unknown>): string {
  return error === undefined ? '' : `: ${error.message}`;
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
