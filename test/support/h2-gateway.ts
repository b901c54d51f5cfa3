// A gateway whose listener takes HTTP/2 beside HTTP/1.1, in front of one upstream of HTTP/1.1.

import type { TestContext } from 'node:test';
import type { TestGateway } from './gateway.js';
import { H2Caller } from './h2-caller.js';
import { ManualClock } from './manual-clock.js';
import { RawH2 } from './raw-h2.js';
import { Scene } from './scene.js';
import { echo, type Upstream, type UpstreamHandler } from './upstream.js';

export interface H2GatewayKeys {
  /** Keys of the server. Default `h2: true`. */
  readonly server?: string;
  /** Lines of the router. */
  readonly router?: string;
  /** Time stands still but for what the test says. */
  readonly manual?: boolean;
}

export interface H2GatewayScene {
  readonly scene: Scene;
  readonly clock: ManualClock;
  readonly upstream: Upstream;
  readonly gateway: TestGateway;
  /** A metric of the listener. */
  server(...name: string[]): number;
  call(): Promise<H2Caller>;
  /** A peer of raw frames, which has said nothing yet. */
  raw(acknowledges?: boolean): Promise<RawH2>;
  /** The same, with preface and SETTINGS. */
  peer(): Promise<RawH2>;
}

/** The upstream's default: to answer with the request itself. */
export async function startH2Gateway(
  t: TestContext,
  handler: UpstreamHandler = echo,
  keys: H2GatewayKeys = {},
): Promise<H2GatewayScene> {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(handler);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, ${keys.server ?? 'h2: true'}}]
${keys.router ?? ''}`,
    keys.manual ? { clock } : {},
  );
  const raw = (acknowledges?: boolean): Promise<RawH2> => RawH2.connect(t, gateway.port, acknowledges);
  return {
    scene,
    clock,
    upstream,
    gateway,
    server: (...name) => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name),
    call: () => H2Caller.connect(t, gateway.port),
    raw,
    peer: async () => {
      const peer = await raw();
      peer.begin();
      return peer;
    },
  };
}
