// Cutting upstream: a TLS server whose responses end with the connection, with close_notify or without.

import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createSecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import type { TestCertificate } from './test-certificates.js';

export interface CutResponse {
  /** Whole, with its head. */
  readonly text: string;
  /** `notify`: ended as TLS wants it; `cut`: TCP alone is ended; `middle`: in the middle of a record. */
  readonly ending: 'notify' | 'cut' | 'middle';
  /** The end comes when the text has long arrived. */
  readonly isLate: boolean;
  readonly version: SecureVersion;
}

/** The port. Each connection gets the response to its first bytes. */
export async function startCuttingUpstream(
  t: TestContext,
  { certPath, keyPath }: TestCertificate,
  response: CutResponse,
): Promise<number> {
  const { version } = response;
  const options = {
    cert: readFileSync(certPath),
    key: readFileSync(keyPath),
    minVersion: version,
    maxVersion: version,
  };
  const secureContext = createSecureContext(options);
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (tcp) => {
    open.add(tcp);
    const socket = new TLSSocket(tcp, { isServer: true, secureContext });
    socket.on('error', () => {});
    tcp.on('error', () => {});
    socket.once('data', () => socket.write(response.text, () => end(socket, tcp, response)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const tcp of open) tcp.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

function end(socket: TLSSocket, tcp: Socket, { ending, isLate }: CutResponse): void {
  const act = (): void => {
    if (ending === 'notify') {
      socket.end();
      return;
    }
    // The head of a record of application data that never comes.
    if (ending === 'middle') tcp.write(Buffer.from([0x17, 0x03, 0x03, 0x40, 0x00, ...Buffer.alloc(200)]));
    tcp.end();
  };
  if (isLate) setTimeout(act, 20);
  else act();
}
