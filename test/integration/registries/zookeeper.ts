// ZooKeeper: one server or an ensemble of three that keep their data over a restart, and what tests ask and write them with.

import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Cluster } from './cluster.js';
import { onFreePorts } from './free-port.js';
import { installed, javaCommand } from './installed.js';
import { makeDataFolder, Program, startAll } from './program.js';
import {
  type ConnectOptions,
  connectZooKeeper,
  type SessionCredentials,
  type ZooKeeperTestClient,
} from './zookeeper-test-client.js';

const HOST = '127.0.0.1';
const LIMIT_MS = 1_000;
/** Session timeouts are 2 to 20 ticks: from 1 to 10 s here. With the usual 2 s no test could see one expire in time. */
const TICK_MS = 500;

export async function startZooKeeper(): Promise<ZooKeeper> {
  const [zookeeper] = await startServers(1);
  return zookeeper as ZooKeeper;
}

export async function startZooKeeperEnsemble(): Promise<ZooKeeperEnsemble> {
  return new ZooKeeperEnsemble(await startServers(3));
}

export class ZooKeeperEnsemble extends Cluster<ZooKeeper> {
  /** `127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183` */
  get connectString(): string {
    return this.nodes.map((node) => node.connectString).join(',');
  }
}

export class ZooKeeper extends Program {
  readonly host = HOST;
  readonly port: number;

  /** `servers`: a line of the configuration for each server of an ensemble; `id`: which of them this is. */
  constructor(port: number, id: number, servers: readonly string[]) {
    const folder = makeDataFolder('zookeeper');
    mkdirSync(`${folder}/data`);
    writeFileSync(`${folder}/data/myid`, `${id}`);
    writeFileSync(`${folder}/zoo.cfg`, settings(folder, port, servers).join('\n'));
    super({
      name: `zookeeper at ${HOST}:${port}`,
      command: javaCommand() ?? 'java',
      folder,
      args: [
        ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'],
        // What it acknowledged is in its log file: only a dead machine would lose it.
        ['-Dzookeeper.forceSync=no', '-Dzookeeper.jmx.log4j.disable=true'],
        ['-cp', installed('zookeeper', '*'), 'org.apache.zookeeper.server.quorum.QuorumPeerMain', `${folder}/zoo.cfg`],
      ].flat(),
      // Not `ruok`: that is answered before it serves, and even when it never will.
      ready: async () => (await modeOf(port)) !== undefined,
    });
    this.port = port;
  }

  get connectString(): string {
    return `${HOST}:${this.port}`;
  }

  /** `standalone`, `leader` or `follower`; undefined while it does not serve. */
  mode(): Promise<string | undefined> {
    return modeOf(this.port).catch(() => undefined);
  }

  async leads(): Promise<boolean> {
    return (await this.mode()) === 'leader';
  }

  /** The answer to one of its commands of four letters, such as `srvr`, `cons` or `wchs`. */
  fourLetterWord(word: string): Promise<string> {
    return fourLetterWord(this.port, word);
  }

  /** A session of the test's own; the caller closes it. */
  client(options: ConnectOptions = {}): Promise<ZooKeeperTestClient> {
    return connectZooKeeper(this, options);
  }

  /** Ends somebody's session behind their back, as its timeout would: the server cuts them off. */
  async expireSession(session: SessionCredentials): Promise<void> {
    const client = await this.client({ resume: session });
    await client.close();
  }
}

async function startServers(count: number): Promise<readonly ZooKeeper[]> {
  return onFreePorts(3 * count, async (ports) => {
    const clientPorts = ports.slice(0, count);
    const peers = clientPorts.map((_, i) => `server.${i + 1}=${HOST}:${ports[count + i]}:${ports[2 * count + i]}`);
    const servers = clientPorts.map((port, i) => new ZooKeeper(port, i + 1, count > 1 ? peers : []));
    await startAll(servers);
    return servers;
  });
}

function settings(folder: string, port: number, servers: readonly string[]): readonly string[] {
  return [
    `tickTime=${TICK_MS}`,
    `dataDir=${folder}/data`,
    `clientPort=${port}`,
    `clientPortAddress=${HOST}`,
    'admin.enableServer=false',
    '4lw.commands.whitelist=*',
    'maxClientCnxns=0',
    'initLimit=10',
    'syncLimit=5',
    ...servers,
  ];
}

async function modeOf(port: number): Promise<string | undefined> {
  return /^Mode: (\w+)$/m.exec(await fourLetterWord(port, 'srvr'))?.[1];
}

async function fourLetterWord(port: number, word: string): Promise<string> {
  const socket = connect({ host: HOST, port });
  const late = setTimeout(() => socket.destroy(), LIMIT_MS);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(word);
  try {
    await once(socket, 'close');
  } finally {
    clearTimeout(late);
  }
  return Buffer.concat(chunks).toString();
}
