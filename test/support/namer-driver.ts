// NamerDriver: what the conformance suite needs of one registry: its services written, its failures caused, its watches counted.

export interface DriverEndpoint {
  readonly host: string;
  readonly port: number;
}

/** A namer as the suite is told of it before anything runs. */
export interface NamerSubject {
  /** `io.l5d.consul`, with more words where one kind is tested in several ways. */
  readonly title: string;
  /** What a service is that the registry knows and that has no endpoints: there and empty, or as if it were not there. */
  readonly empty: 'empty' | 'absent';
  /** A name that is not ASCII, where the registry takes one. Absent: it must be as good as a service that is not there. */
  readonly unicodeService?: string;
  /** Watches that 100 names of one gateway cost. */
  readonly watchesOf100: number;
  /** Connections that are kept for the next question while nothing is watched. Default 0. */
  readonly idleConnections?: number;
  /** How many services the registry is filled with. Default 10,000. */
  readonly crowd?: number;
  /** Rows that this registry cannot be made to show, and why; printed. */
  readonly leftOut?: Readonly<Partial<Record<RowName, string>>>;
  /** Starts the registry, empty; its driver is used by all tests of the file, one after the other. */
  start(): Promise<NamerDriver>;
}

export type RowName =
  | 'absent'
  | 'empty'
  | 'change'
  | 'churn'
  | 'gone'
  | 'unicode'
  | 'shared'
  | 'life'
  | 'unreachable'
  | 'silent'
  | 'killed'
  | 'frozen'
  | 'garbage'
  | 'crowd'
  | 'close';

export interface NamerDriver {
  /** The entry of `namers:`; JSON is YAML. Leads to the registry by way of what `refuse` and `hang` act on. */
  readonly namer: { readonly kind: string } & Readonly<Record<string, unknown>>;
  /** As metrics call it: `#/io.l5d.consul`. */
  readonly metricName: string;
  /** What an error message must say of the registry, e.g. `Consul 127.0.0.1:8500`. */
  readonly registry: string;
  /** The address that the registry takes for the `n`th upstream. Default 127.0.0.1 for all. */
  host?(n: number): string;

  /** The whole name of a service as a dtab writes it: `/#/io.l5d.consul/dc1/web`. */
  name(service: string): string;
  /** From now on the service is there with these endpoints alone, whatever it was before. At least one. */
  set(service: string, endpoints: readonly DriverEndpoint[]): Promise<void>;
  /** The service is there and has no endpoints; where that cannot be, all that its endpoints were is gone. */
  setEmpty(service: string): Promise<void>;
  /** There is no such service any more. */
  remove(service: string): Promise<void>;
  /** The only endpoint of the service becomes something that cannot be used. */
  garble?(service: string): Promise<void>;
  /** As `set` for thousands of services that were not there before. */
  setMany(services: readonly string[], endpoint: DriverEndpoint): Promise<void>;

  /** Connections, sessions or handles that the gateway has open at the registry; undefined where nothing stays open. */
  watches(): number | undefined;
  /** How many questions the registry was asked so far, where it is asked again and again. */
  asked?(): number;
  /** From here on new connections are refused, and those that are open are reset. */
  refuse(): Promise<void>;
  /** From here on connections are accepted and stay open, and not a byte goes either way. */
  hang(): Promise<void>;
  /** The end of `refuse` and `hang`. */
  pass(): Promise<void>;
  /** The registry dies as in a crash; what it was told stays. */
  kill(): Promise<void>;
  /** It is there again, at the same address. */
  revive(): Promise<void>;
  stop(): Promise<void>;
}
