// Test certificates: a CA of the test run's own, and what it issues; made by openssl in a temporary folder, EC keys throughout.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestCertificate {
  readonly certPath: string;
  readonly keyPath: string;
}

export interface IssueOptions {
  /** E.g. `DNS:web,URI:spiffe://mesh/web`. Default: `DNS:` and the name. */
  readonly altNames?: string;
  /** Default `/CN=<name>`. */
  readonly subject?: string;
  /** Default: the run's CA. */
  readonly issuer?: TestCertificate;
  /** `YYYYMMDDHHMMSSZ`. Default: yesterday, and in ten years. */
  readonly from?: string;
  readonly to?: string;
  /** It may issue certificates itself. */
  readonly isCa?: boolean;
}

/** Once a file, at its top; removed after its last test. */
export class TestCertificates {
  readonly directory: string;
  #ca: Promise<TestCertificate> | undefined;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'linkgate-tls-'));
    after(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  get ca(): Promise<TestCertificate> {
    this.#ca ??= this.authority('test-ca');
    return this.#ca;
  }

  async caText(): Promise<string> {
    return readFileSync((await this.ca).certPath, 'utf8');
  }

  async issue(name: string, options: IssueOptions = {}): Promise<TestCertificate> {
    const { altNames = `DNS:${name}`, subject = `/CN=${name}`, from, to, isCa = false } = options;
    const issuer = options.issuer ?? (await this.ca);
    const file = (ending: string): string => join(this.directory, `${name.replaceAll('*', '_')}.${ending}`);
    const config = file('cnf');
    writeFileSync(config, CONFIG(this.directory, name, altNames, isCa));
    writeFileSync(file('index'), '');
    const keyPath = file('key');
    await this.#openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', keyPath);
    await this.#openssl(
      'req',
      '-new',
      '-key',
      keyPath,
      '-subj',
      subject,
      '-utf8',
      '-config',
      config,
      '-out',
      file('csr'),
    );
    const dates = ['-startdate', from ?? '20200101000000Z', '-enddate', to ?? '20491231235959Z'];
    const certPath = file('crt');
    const { certPath: caCert, keyPath: caKey } = issuer;
    const signing = ['-cert', caCert, '-keyfile', caKey, '-in', file('csr'), '-out', certPath];
    await this.#openssl('ca', '-config', config, '-batch', '-notext', '-utf8', ...dates, ...signing);
    return { certPath, keyPath };
  }

  /** Another CA. */
  async authority(name: string): Promise<TestCertificate> {
    const certPath = join(this.directory, `${name}.crt`);
    const keyPath = join(this.directory, `${name}.key`);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyPath];
    await this.#openssl('req', '-x509', ...key, '-subj', `/CN=${name}`, '-days', '30', '-out', certPath);
    return { certPath, keyPath };
  }

  async #openssl(...words: readonly string[]): Promise<void> {
    await run('openssl', [...words]);
  }
}

const CONFIG = (directory: string, name: string, altNames: string, isCa: boolean): string => `
[req]
distinguished_name = dn
[dn]
[ca]
default_ca = this
[this]
database = ${join(directory, `${name.replaceAll('*', '_')}.index`)}
new_certs_dir = ${directory}
default_md = sha256
rand_serial = yes
policy = any
unique_subject = no
x509_extensions = extensions
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
[extensions]
basicConstraints = CA:${isCa ? 'TRUE' : 'FALSE'}
${altNames === '' ? '' : `subjectAltName = ${altNames}`}
`;
