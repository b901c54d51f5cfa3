// Service index: keys and values below one prefix in, services with their endpoints out, one by one as they change.

import { textFromBytes } from '../../src/base/path.js';
import { quote } from '../shared/http-api.js';
import { Members } from '../shared/members.js';
import { GarbageError } from '../shared/registry-watch.js';
import type { ServiceSet } from '../shared/service-trees.js';
import type { Change, KeyValue } from './messages.js';
import { parseRegistration } from './registration.js';

/**
 * A service is named by the elements between the prefix and the last one, which names the instance:
 * `/services/team/shop/i1` is instance `i1` of `team/shop`. It exists while it has a key, usable or not.
 *
 * Outlives the runs of the watch, so that an instance whose value became unusable meanwhile keeps its last good endpoint.
 */
export class ServiceIndex {
  readonly #prefix: string;
  readonly #maxKeys: number;
  #services = new Map<string, Service>();
  #keys = 0;

  /** `prefix`: binary string that the keys begin with, with the slash. */
  constructor(prefix: string, maxKeys = MAX_KEYS) {
    this.#prefix = prefix;
    this.#maxKeys = maxKeys;
  }

  /** Takes `entries` for all that there is. `complain` hears of each key and value that cannot be used. */
  replace(entries: readonly KeyValue[], complain: (message: string) => void): Map<string, ServiceSet> {
    const grouped = new Map<string, Map<string, Buffer>>();
    this.#keys = 0;
    for (const { key, value } of entries) {
      const id = key.toString('latin1');
      const service = this.#serviceOf(id, value, complain);
      if (service === undefined) continue;
      this.#count();
      const members = grouped.get(service);
      if (members) members.set(id, value);
      else grouped.set(service, new Map([[id, value]]));
    }
    const before = this.#services;
    this.#services = new Map();
    const rows = new Map<string, ServiceSet>();
    for (const [name, values] of grouped) {
      const members = before.get(name)?.members ?? newMembers();
      rows.set(name, { endpoints: members.endpoints(values, complain) });
      this.#services.set(name, { members, keys: new Set(values.keys()) });
    }
    return rows;
  }

  /** The services that `changes` are about, as they are after; undefined: it has no key any more. */
  apply(changes: readonly Change[], complain: (message: string) => void): Map<string, ServiceSet | undefined> {
    const touched = new Set<string>();
    for (const { key, value } of changes) {
      const id = key.toString('latin1');
      const name = this.#serviceOf(id, value, complain);
      if (name === undefined) continue;
      touched.add(name);
      if (value === undefined) this.#delete(name, id);
      else this.#put(name, id, value, complain);
    }
    const rows = new Map<string, ServiceSet | undefined>();
    for (const name of touched) {
      const service = this.#services.get(name);
      rows.set(name, service && { endpoints: service.members.current() });
    }
    return rows;
  }

  #put(name: string, id: string, value: Buffer, complain: (message: string) => void): void {
    let service = this.#services.get(name);
    if (!service) {
      service = { members: newMembers(), keys: new Set() };
      this.#services.set(name, service);
    }
    if (!service.keys.has(id)) {
      this.#count();
      service.keys.add(id);
    }
    service.members.put(id, value, complain);
  }

  #delete(name: string, id: string): void {
    const service = this.#services.get(name);
    if (!service?.keys.delete(id)) return;
    this.#keys -= 1;
    service.members.delete(id);
    if (service.keys.size === 0) this.#services.delete(name);
  }

  /** Undefined for a key that is no instance of a service. */
  #serviceOf(id: string, value: Buffer | undefined, complain: (message: string) => void): string | undefined {
    const below = id.slice(this.#prefix.length);
    const end = below.lastIndexOf('/');
    const name = below.slice(0, Math.max(0, end));
    const isInstance = end > 0 && end < below.length - 1 && !`/${name}/`.includes('//');
    if (isInstance && name.split('/').length <= MAX_SERVICE_ELEMENTS) return name;
    // Empty ones with a slash at the end are what tools make to show a folder; and what goes away needs no complaint.
    if (value !== undefined && !(id.endsWith('/') && value.length === 0)) {
      const prefix = textFromBytes(this.#prefix);
      complain(`key ${showKey(id)} is not ${prefix}<service>/<instance>; it is left out`);
    }
    return undefined;
  }

  #count(): void {
    this.#keys += 1;
    if (this.#keys > this.#maxKeys)
      throw new GarbageError(`there are more than ${this.#maxKeys} keys below the prefix`);
  }
}

interface Service {
  readonly members: Members<Buffer>;
  readonly keys: Set<string>;
}

/** Elements that a service's name may have; so many prefixes of a path are looked at for the longest one. */
export const MAX_SERVICE_ELEMENTS = 16;

/** Some hundred megabytes of them: a prefix that holds more is not one of services. */
const MAX_KEYS = 500_000;

function newMembers(): Members<Buffer> {
  return new Members(parseRegistration, textFromBytes);
}

function showKey(id: string): string {
  return quote(textFromBytes(id));
}
