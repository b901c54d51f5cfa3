// Certificates: an authority of a test's own, a server certificate and client certificates signed by it, made by openssl.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A certificate and its key, as files and as PEM. */
export interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

const openssl = promisify(execFile);

/** `hosts`: names and addresses that the server certificate is for. The maker removes them. */
export async function makeCertificates(hosts: readonly string[] = ['127.0.0.1', 'localhost']): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'linkgate-certificates-'));
  const authority = await keyPair(folder, 'ca', [
    ...['-subj', '/CN=test authority'],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'],
  ]);
  const names = hosts.map((host) => `${isIP(host) ? 'IP' : 'DNS'}:${host}`).join(',');
  // Both usages: etcd calls itself with its server certificate.
  const server = await signed(folder, authority, 'server', '/O=linkgate tests', [
    `subjectAltName=${names}`,
    'extendedKeyUsage=serverAuth,clientAuth',
  ]);
  return new Certificates(folder, authority, server);
}

export class Certificates {
  /** What signs; its `cert` and `certFile` are what peers are to trust. */
  readonly authority: KeyPair;
  readonly server: KeyPair;
  readonly #folder: string;
  #clients = 0;

  constructor(folder: string, authority: KeyPair, server: KeyPair) {
    this.#folder = folder;
    this.authority = authority;
    this.server = server;
  }

  get caFile(): string {
    return this.authority.certFile;
  }

  get ca(): string {
    return this.authority.cert;
  }

  /** A client's certificate. Without a common name it has none, as etcd's JSON gateway demands of its callers. */
  client(commonName?: string): Promise<KeyPair> {
    const subject = `/O=linkgate tests${commonName === undefined ? '' : `/CN=${commonName}`}`;
    return signed(this.#folder, this.authority, `client-${++this.#clients}`, subject, ['extendedKeyUsage=clientAuth']);
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}

async function signed(
  folder: string,
  authority: KeyPair,
  name: string,
  subject: string,
  extensions: readonly string[],
): Promise<KeyPair> {
  const signer = ['-CA', authority.certFile, '-CAkey', authority.keyFile];
  const added = ['basicConstraints=critical,CA:FALSE', ...extensions].flatMap((extension) => ['-addext', extension]);
  return keyPair(folder, name, ['-subj', subject, ...signer, ...added]);
}

/** A new key and what `openssl req -x509` makes of it. */
async function keyPair(folder: string, name: string, args: readonly string[]): Promise<KeyPair> {
  const certFile = join(folder, `${name}.pem`);
  const keyFile = join(folder, `${name}.key`);
  // The machine's own openssl.cnf adds extensions of its own, a second basicConstraints among them.
  const config = join(folder, 'openssl.cnf');
  await writeFile(config, '[req]\ndistinguished_name = names\n[names]\n');
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const files = ['-keyout', keyFile, '-out', certFile];
  await openssl('openssl', ['req', '-x509', '-config', config, ...curve, '-nodes', '-days', '30', ...files, ...args]);
  return { certFile, keyFile, cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}
