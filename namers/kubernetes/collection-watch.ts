// Collection watch: one collection of the API in (the services of a namespace), what is in it and each change of that out.
//
// A list, in pages, and then a stream of changes from the list's version on. The server ends each stream after some minutes
// and the next one goes on where it ended. Only when that cannot be (the version is too old: 410; or what came made no sense)
// is there another list, which replaces all that was known, so that what went away unseen is gone.

import type { BackoffSequence } from '../../src/base/backoff.js';
import { equalJitteredBackoff } from '../../src/base/backoff.js';
import { show } from '../shared/members.js';
import { GarbageError, type RegistryWatchesOptions, sleep } from '../shared/registry-watch.js';
import { type JsonObject, listIn, objectIn, textIn } from './json.js';
import { type KubeApi, KubeRefused, statusOf } from './kube-api.js';
import { isLater } from './resource-version.js';

/** What a collection is found to be. The kept objects are called items; their names are unique in it. */
export interface CollectionReport<Item> {
  /** This is all that there is. The map changes later: not to be kept. */
  replace(items: ReadonlyMap<string, Item>): void;
  /** One of them came, changed or went (`after` is undefined). */
  change(name: string, before: Item | undefined, after: Item | undefined): void;
  confirm(): void;
  complain(message: string): void;
}

export interface CollectionWatchOptions<Item> {
  readonly api: KubeApi;
  /** `/api/v1/namespaces/prod/services`. */
  readonly path: string;
  /** Only this object of it. */
  readonly name?: string;
  /** The collection is that of all namespaces: items are called `<namespace>/<name>`. */
  readonly allNamespaces?: boolean;
  /**
   * What is kept of an object; undefined: nothing. `before` is what was kept of it until now. May throw what is wrong with
   * the object: then `before` stays.
   */
  readonly project: (
    object: JsonObject,
    before: Item | undefined,
    complain: (message: string) => void,
  ) => Item | undefined;
  readonly clock: RegistryWatchesOptions['clock'];
  readonly random: RegistryWatchesOptions['random'];
  /** `…/service`, for the counter `relists`. */
  readonly metrics: RegistryWatchesOptions['metrics'];
  readonly stream?: StreamTimes;
}

export interface StreamTimes {
  /** The server is asked to end each stream after about this many seconds. Default 300. */
  readonly seconds: number;
  /** The server ends a stream in time; one that is silent for this much longer is dead. Default 15. */
  readonly graceSeconds: number;
}

const STREAM: StreamTimes = { seconds: 300, graceSeconds: 15 };

/** A page takes some milliseconds to read, which the traffic in this process waits for. */
const PAGE_SIZE = 250;
/** More than any cluster has: an API server that never stops listing must not fill the memory, nor be asked for ever. */
const MAX_ITEMS = 200_000;
const MAX_PAGES = 1000;
/** A stream that lasted so long was no part of a storm of restarts. */
const HEALTHY_MS = 5000;
/** A stream that cannot be gone on with so often in a row begins anew with a list: the server may have lost its history. */
const MAX_RESUMES = 3;

export class CollectionWatch<Item> {
  readonly #options: CollectionWatchOptions<Item>;
  readonly #shownPath: string;
  #session: Session<Item> | undefined;

  constructor(options: CollectionWatchOptions<Item>) {
    this.#options = options;
    this.#shownPath = options.name === undefined ? options.path : `${options.path}/${options.name}`;
  }

  /** A `run` of a registry watch: calls with one `signal` go on where the last one ended. */
  async run(report: CollectionReport<Item>, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    if (this.#session?.signal !== signal) {
      this.#session = new Session(signal, () => equalJitteredBackoff(10, 5000, random)());
    }
    const session = this.#session;
    // Beside the watch's own backoff, which forgets its failures at each answer: a list answers, and 410 may follow at once.
    if (session.hasAnswered) await sleep(session.waits.next(), clock, signal);
    session.hasAnswered = false;
    const startedAt = clock.now();
    try {
      if (session.version === undefined) await this.#list(session, report);
      if (signal.aborted) return;
      await this.#watch(session, report);
      session.resumes = 0;
      if (session.isDoubtful) session.version = undefined;
    } catch (error) {
      session.resumes += 1;
      if (error instanceof GarbageError || error instanceof Gone || session.resumes > MAX_RESUMES) {
        session.version = undefined;
      }
      if (!(error instanceof Gone)) throw error;
    } finally {
      if (clock.now() - startedAt >= HEALTHY_MS) session.waits = session.newWaits();
    }
  }

  /** The next run begins with a list. */
  forget(): void {
    this.#session = undefined;
  }

  async #list(session: Session<Item>, report: CollectionReport<Item>): Promise<void> {
    const { api, path, metrics } = this.#options;
    if (session.isListed) metrics.counter('relists').inc();
    const items = new Map<string, Item>();
    let page: JsonObject;
    let token: string | undefined;
    let pages = 0;
    do {
      pages += 1;
      page = await api
        .get(`${path}?${this.#query({ limit: String(PAGE_SIZE), continue: token })}`, session.signal)
        .catch((error: unknown) => {
          throw isGone(error) ? new Gone() : error;
        });
      if (session.signal.aborted) return;
      token = sound(`the list ${this.#shownPath}`, () => {
        for (const value of listIn(page.items, 'items')) this.#keep(session, objectIn(value, 'an item'), items, report);
        return textIn(objectIn(page.metadata, 'metadata').continue, 'continue');
      });
      if (items.size > MAX_ITEMS || pages > MAX_PAGES) {
        throw new GarbageError(`the list ${this.#shownPath} does not end: ${items.size} objects in ${pages} pages`);
      }
    } while (token !== undefined);
    session.version = sound(`the list ${this.#shownPath}`, () => versionOf(page));
    session.items = items;
    session.resumes = 0;
    session.isDoubtful = false;
    session.isListed = true;
    session.hasAnswered = true;
    report.replace(items);
  }

  #keep(session: Session<Item>, object: JsonObject, items: Map<string, Item>, report: CollectionReport<Item>): void {
    const name = this.#nameOf(object);
    if (name === undefined) {
      report.complain('an object without a name is left out');
      return;
    }
    const item = this.#project(name, object, session.items.get(name), report);
    if (item !== undefined) items.set(name, item);
  }

  async #watch(session: Session<Item>, report: CollectionReport<Item>): Promise<void> {
    const { api, path, stream = STREAM, random } = this.#options;
    // Not all gateways at once.
    const seconds = Math.max(1, Math.round(stream.seconds * (0.9 + 0.2 * random())));
    const query = this.#query({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: session.version,
      timeoutSeconds: String(seconds),
    });
    const onEvent = (event: JsonObject): void => {
      if (!session.signal.aborted) sound('an event', () => this.#apply(event, session, report));
    };
    try {
      await api.watch(`${path}?${query}`, (seconds + stream.graceSeconds) * 1000, onEvent, session.signal);
      report.confirm();
      session.hasAnswered = true;
    } catch (error) {
      throw isGone(error) ? new Gone() : error;
    }
  }

  #apply(event: JsonObject, session: Session<Item>, report: CollectionReport<Item>): void {
    const { type } = event;
    if (type === 'ERROR') throw this.#errorIn(objectIn(event.object, 'object'));
    // A server that refuses after it has begun to answer 200.
    if (event.kind === 'Status') throw this.#errorIn(event);
    if (type !== 'BOOKMARK' && type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') {
      throw new Error(`its type ${show(type)} is unknown`);
    }
    const object = objectIn(event.object, 'object');
    const version = versionOf(object);
    session.hasAnswered = true;
    if (session.version !== undefined && !isLater(version, session.version)) {
      // An old event, or a server that has lost its history: a list tells which, as soon as this stream is over.
      if (version !== session.version) session.isDoubtful = true;
      report.confirm();
      return;
    }
    session.version = version;
    if (type === 'BOOKMARK') report.confirm();
    else this.#change(session, object, type === 'DELETED', report);
  }

  #change(session: Session<Item>, object: JsonObject, isGone: boolean, report: CollectionReport<Item>): void {
    const name = this.#nameOf(object);
    if (name === undefined) throw new Error('its object has no name');
    const before = session.items.get(name);
    const after = isGone ? undefined : this.#project(name, object, before, report);
    if (after === undefined) session.items.delete(name);
    else session.items.set(name, after);
    report.change(name, before, after);
  }

  #nameOf(object: JsonObject): string | undefined {
    const metadata = objectIn(object.metadata, 'metadata');
    const name = textIn(metadata.name, 'name');
    if (name === undefined || !this.#options.allNamespaces) return name;
    return `${textIn(metadata.namespace, 'namespace') ?? 'default'}/${name}`;
  }

  #project(
    name: string,
    object: JsonObject,
    before: Item | undefined,
    report: CollectionReport<Item>,
  ): Item | undefined {
    const complain = (message: string): void => report.complain(`${show(name)}: ${message}`);
    try {
      return this.#options.project(object, before, complain);
    } catch (error) {
      const consequence = before === undefined ? 'it is left out' : 'what was known of it stays in use';
      complain(`${(error as Error).message}; ${consequence}`);
      return before;
    }
  }

  #errorIn(object: JsonObject): Error {
    const status = statusOf(object);
    if (status.code === 410) return new Gone();
    // What it was about is not known: begun anew with a list.
    return new GarbageError(`the stream ended with error ${status.code} ${show(status.message)}`);
  }

  #query(parameters: Readonly<Record<string, string | undefined>>): string {
    const { name } = this.#options;
    const all = { fieldSelector: name === undefined ? undefined : `metadata.name=${name}`, ...parameters };
    const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return new URLSearchParams(given).toString();
  }
}

/** One observed life of the watch. */
class Session<Item> {
  readonly signal: AbortSignal;
  readonly newWaits: () => BackoffSequence;
  items = new Map<string, Item>();
  /** What a stream goes on from; undefined: a list is needed. */
  version: string | undefined;
  /** Between runs that were answered. */
  waits: BackoffSequence;
  hasAnswered = false;
  isListed = false;
  /** Events came out of order: what is known may be wrong. */
  isDoubtful = false;
  /** Streams in a row that failed. */
  resumes = 0;

  constructor(signal: AbortSignal, newWaits: () => BackoffSequence) {
    this.signal = signal;
    this.newWaits = newWaits;
    this.waits = newWaits();
  }
}

/** The version is too old to go on from, or a list was cut off because it took too long. No failure: a list mends it. */
class Gone extends Error {}

/** As status, as ERROR event (which comes here as the cause of what the client says of it), or as a Status. */
function isGone(error: unknown): boolean {
  if (error instanceof KubeRefused) return error.status === 410;
  return error instanceof Gone || (error instanceof Error && error.cause instanceof Gone);
}

function versionOf(object: JsonObject): string {
  const version = textIn(objectIn(object.metadata, 'metadata').resourceVersion, 'resourceVersion');
  if (version === undefined) throw new Error('it has no resourceVersion');
  return version;
}

/** What `read` gives; what it throws of its own is the server's fault. */
function sound<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof GarbageError || error instanceof Gone) throw error;
    throw new GarbageError(`${what} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}
