// Pair: a gateway and the one upstream behind it, for tests of what passes between them.

import { routerTo, startGateway, type TestGateway } from './gateway.js';
import { startUpstream, type Upstream, type UpstreamHandler, type UpstreamOptions } from './upstream.js';

export interface Pair {
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
}

export interface PairOptions extends UpstreamOptions {
  /** Default: `answerTarget`. */
  readonly handler?: UpstreamHandler;
  /** More keys of the router. */
  readonly router?: string;
}

/** Answers 200 with method, target and body of the request, so that no answer can pass for another's. */
export const answerTarget: UpstreamHandler = async (request) => {
  const { bytes } = await request.body();
  request.respond(200, `${request.method} ${request.target} ${bytes.toString('latin1')}`);
};

export async function startPair({ handler = answerTarget, router = '', ...options }: PairOptions = {}): Promise<Pair> {
  const upstream = await startUpstream(handler, options);
  return { upstream, gateway: await startGateway(routerTo(upstream.port, router)) };
}

export async function closePair({ gateway, upstream }: Pair): Promise<void> {
  await gateway.close();
  await upstream.close();
}

/** Runs `test` with a pair of its own. */
export async function withPair(options: PairOptions, test: (pair: Pair) => Promise<void>): Promise<void> {
  const pair = await startPair(options);
  try {
    await test(pair);
  } finally {
    await closePair(pair);
  }
}

/** All bytes that the upstream was ever sent. */
export function sentUpstream({ upstream }: Pair): string {
  return upstream.connections.map((connection) => connection.received).join('');
}
