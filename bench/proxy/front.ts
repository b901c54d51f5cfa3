// Front: what the load speaks to the proxies of a scenario, and one checked answer through it.

import { execFileSync } from 'node:child_process';
import { connect } from 'node:http2';
import { get as httpsGet } from 'node:https';
import { join } from 'node:path';
import { ANSWER_LIMIT_MS, type Answer, answerTo, get, hostName } from './request.js';

/**
 * - `http1`: HTTP/1.1 in plain text;
 * - `h2c`: HTTP/2 in plain text, by prior knowledge;
 * - `tls`: TLS, with HTTP/2 and HTTP/1.1 by ALPN.
 */
export type Front = 'http1' | 'h2c' | 'tls';

/** PEM files of a certificate for `localhost`, signed by itself: an EC key on P-256, as most sites have today. */
export interface Certificate {
  readonly certPath: string;
  readonly keyPath: string;
}

export function makeCertificate(folder: string): Certificate {
  const certPath = join(folder, 'cert.pem');
  const keyPath = join(folder, 'key.pem');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyPath];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', '-days', '30', ...key, '-out', certPath, ...subject], { stdio: 'pipe' });
  return { certPath, keyPath };
}

/** What the load asks: over TLS the name of the certificate, since a gateway may refuse a Host that differs from SNI. */
export function urlOf(front: Front, port: number, path: string): string {
  return front === 'tls' ? `https://localhost:${port}${path}` : `http://127.0.0.1:${port}${path}`;
}

/** Undefined when there was no whole answer. */
export function ask(front: Front, port: number, path: string): Promise<Answer | undefined> {
  const url = urlOf(front, port, path);
  switch (front) {
    case 'http1':
      return get(port, path);
    case 'tls':
      return answerTo((take) =>
        httpsGet(url, { rejectUnauthorized: false, agent: false, timeout: ANSWER_LIMIT_MS }, take),
      );
    case 'h2c':
      return askH2(url, path);
  }
}

function askH2(url: string, path: string): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const session = connect(url);
    const end = (answer: Answer | undefined): void => {
      session.destroy();
      resolve(answer);
    };
    session.on('error', () => end(undefined));
    session.setTimeout(ANSWER_LIMIT_MS, () => end(undefined));
    const stream = session.request({ ':path': path, ':authority': hostName(0) });
    let status = 0;
    const chunks: Buffer[] = [];
    stream.on('response', (head) => {
      status = head[':status'] ?? 0;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => end({ status, body: Buffer.concat(chunks) }));
    stream.on('error', () => end(undefined));
  });
}
