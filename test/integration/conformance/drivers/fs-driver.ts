// FsDriver: services as files of a directory, which "dies" when the link that leads to it leads to itself.

import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DriverEndpoint, NamerDriver } from '../../../support/namer-driver.js';

export class FsDriver implements NamerDriver {
  readonly metricName = 'io.l5d.fs';
  readonly registry: string;
  readonly namer: NamerDriver['namer'];
  readonly #base = realpathSync(mkdtempSync(join(tmpdir(), 'linkgate-conformance-')));
  readonly #link = join(this.#base, 'disco');
  readonly #directory = join(this.#base, 'disco.real');

  constructor() {
    this.registry = this.#link;
    this.namer = { kind: 'io.l5d.fs', rootDir: this.#link };
    mkdirSync(this.#directory);
    symlinkSync(this.#directory, this.#link);
  }

  name(service: string): string {
    return `/#/io.l5d.fs/${service}`;
  }

  async set(service: string, endpoints: readonly DriverEndpoint[]): Promise<void> {
    this.#write(service, endpoints.map(({ host, port }) => `${host} ${port}\n`).join(''));
  }

  async setEmpty(service: string): Promise<void> {
    this.#write(service, '# none\n');
  }

  async remove(service: string): Promise<void> {
    rmSync(join(this.#directory, service));
  }

  async setMany(services: readonly string[], endpoint: DriverEndpoint): Promise<void> {
    for (const service of services) await this.set(service, [endpoint]);
  }

  watches(): number {
    return process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap').length;
  }

  async refuse(): Promise<void> {
    this.#lead(this.#link);
  }

  /** Nobody can make a local directory hang. */
  async hang(): Promise<void> {}

  async pass(): Promise<void> {
    this.#lead(this.#directory);
  }

  kill(): Promise<void> {
    return this.refuse();
  }

  revive(): Promise<void> {
    return this.pass();
  }

  async stop(): Promise<void> {
    rmSync(this.#base, { recursive: true, force: true });
  }

  #lead(to: string): void {
    unlinkSync(this.#link);
    symlinkSync(to, this.#link);
  }

  /** Beside and renamed over, as a careful program does. */
  #write(service: string, text: string): void {
    const file = join(this.#directory, service);
    writeFileSync(`${file}~`, text);
    renameSync(`${file}~`, file);
  }
}
