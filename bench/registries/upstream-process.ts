// A program: one server on each address of its arguments, each answering every GET with its own name, `a`, `b` …; tells its
// parent the ports. Ends with its parent.
//
// On sockets, without node:http: it shares its core with the load, and what it takes is added to every latency.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';

const ports: number[] = [];
for (const [i, host] of process.argv.slice(2).entries()) {
  const name = String.fromCharCode('a'.charCodeAt(0) + i);
  const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${name.length}${HEAD_END}${name}`;
  const server = createServer({ noDelay: true }, (socket) => answerEach(socket, answer));
  server.listen(0, host);
  await once(server, 'listening');
  ports.push((server.address() as AddressInfo).port);
}
process.on('disconnect', () => process.exit());
process.send?.(ports);

/** Requests without bodies, one after the other. */
function answerEach(socket: Socket, answer: string): void {
  let received = '';
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  socket.on('data', (text: string) => {
    received += text;
    if (!received.endsWith(HEAD_END)) return;
    received = '';
    socket.write(answer, 'latin1');
  });
}
