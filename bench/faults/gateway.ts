// Gateway: a configuration in, a linkgate process that serves it out, with its metrics, its memory and its end.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATEWAY } from '../proxy/machine.js';
import { freePort, Program } from '../proxy/process.js';
import { get } from '../proxy/request.js';

/** Of a linkerd.yaml; `admin.port` and the ports of its servers included. */
export type GatewayConfig = Readonly<Record<string, unknown>>;

export interface GatewayOptions {
  /** A new folder for its files. */
  readonly folder: string;
  readonly config: GatewayConfig;
  readonly port: number;
  readonly adminPort: number;
  /** Prefix of its command line. */
  readonly pin: readonly string[];
  /** More arguments of node. */
  readonly nodeArguments?: readonly string[];
}

export interface SimpleGatewayOptions {
  readonly folder: string;
  readonly upstreamPorts: readonly number[];
  readonly service?: object;
  readonly client?: object;
  readonly admin?: object;
  readonly pin: readonly string[];
}

export class Gateway {
  readonly port: number;
  readonly adminPort: number;
  readonly program: Program;
  /** Its working folder. */
  readonly folder: string;

  private constructor({ port, adminPort, folder }: GatewayOptions, program: Program) {
    this.port = port;
    this.adminPort = adminPort;
    this.program = program;
    this.folder = folder;
  }

  /** Resolves once it answers a GET with 200. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { folder, config, port, pin, nodeArguments = [] } = options;
    writeConfig(folder, config);
    const program = await Program.start({
      command: [...pin, process.execPath, ...nodeArguments, GATEWAY, join(folder, CONFIG_FILE)],
      folder,
      name: 'linkgate',
      isReady: async () => (await get(port, '/'))?.status === 200,
    });
    return new Gateway(options, program);
  }

  /** One router, before one cluster of upstreams. */
  static async before(options: SimpleGatewayOptions): Promise<Gateway> {
    const { folder, upstreamPorts, service = {}, client = {}, admin = {}, pin } = options;
    mkdirSync(folder, { recursive: true });
    writeCluster(join(folder, 'disco'), 'web', upstreamPorts);
    const [port, adminPort] = [await freePort(), await freePort()];
    const config = {
      admin: { port: adminPort, ...admin },
      namers: [{ kind: 'io.l5d.fs', rootDir: 'disco' }],
      routers: [{ protocol: 'http', dtab: '/svc/* => /#/io.l5d.fs/web', servers: [listener(port)], service, client }],
    };
    return Gateway.start({ folder, config, port, adminPort, pin });
  }

  /** The file is another one from here on; the gateway has not been told. */
  rewrite(config: GatewayConfig): void {
    writeConfig(this.folder, config);
  }

  /** Every counter and gauge by its name, such as `rt/http/service/svc/web/requests`. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    return new Map(Object.entries((await this.#ask('/admin/metrics.json')) as Record<string, number>));
  }

  /** How many reloads there were, and how many of them were refused. */
  async reloads(): Promise<{ readonly reloads: number; readonly refused: number }> {
    return (await this.#ask('/config')) as { reloads: number; refused: number };
  }

  async #ask(path: string): Promise<unknown> {
    const answer = await get(this.adminPort, path);
    if (answer?.status !== 200) throw new Error(`${path} of the gateway: status ${answer?.status}`);
    return JSON.parse(answer.body.toString());
  }
}

/**
 * An entry of `servers`. When requests hang the load opens hundreds of connections at once: a gateway that waits for its core
 * meanwhile must find them all, or the kernel makes each of them begin anew a second later.
 */
export function listener(port: number): object {
  return { port, socketOptions: { backlog: 4096 } };
}

/** A file of the namer io.l5d.fs. */
export function writeCluster(folder: string, name: string, ports: readonly number[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), ports.map((port) => `127.0.0.1 ${port}\n`).join(''));
}

const CONFIG_FILE = 'linkerd.yaml';

/** In one step, so that nobody reads half of it. JSON is YAML. */
function writeConfig(folder: string, config: GatewayConfig): void {
  writeFileSync(join(folder, `${CONFIG_FILE}.new`), JSON.stringify(config, null, 1));
  renameSync(join(folder, `${CONFIG_FILE}.new`), join(folder, CONFIG_FILE));
}
