// Credentials: environment variables in, how to prove to Marathon who asks out. No message here quotes a secret.

import { createPrivateKey, type KeyObject, sign } from 'node:crypto';

export type MarathonCredentials =
  /** Ready for `Authorization: Basic …`. */
  | { readonly type: 'basic'; readonly value: string }
  /** A service account of DC/OS, which logs in for a token. */
  | ServiceAccount;

export interface ServiceAccount {
  readonly type: 'service-account';
  readonly uid: string;
  readonly privateKey: KeyObject;
  /** Path of the login at the server that Marathon is asked at. */
  readonly loginPath: string;
  /** True: the credential means the login to be encrypted. */
  readonly wantsTls: boolean;
}

export const SERVICE_ACCOUNT_VARIABLE = 'DCOS_SERVICE_ACCOUNT_CREDENTIAL';
export const BASIC_VARIABLE = 'MARATHON_HTTP_AUTH_CREDENTIAL';

/** Undefined without either variable; the service account counts where both are set. Throws what is wrong with it. */
export function credentialsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): MarathonCredentials | undefined {
  const { [SERVICE_ACCOUNT_VARIABLE]: account, [BASIC_VARIABLE]: basic } = environment;
  if (account !== undefined) return parseServiceAccount(account);
  if (basic === undefined) return undefined;
  const value = basic.trim();
  if (!/^[\x21-\x7e]+$/.test(value)) throw new Error(`${BASIC_VARIABLE} is not one word of printable ASCII`);
  return { type: 'basic', value };
}

function parseServiceAccount(text: string): ServiceAccount {
  const account = parseObject(text);
  const field = (name: string): string => {
    const value = account[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new Error(`${SERVICE_ACCOUNT_VARIABLE} has no ${name}, want a text`);
  };
  if (field('scheme') !== 'RS256') throw new Error(`${SERVICE_ACCOUNT_VARIABLE}: the only scheme is "RS256"`);
  return {
    type: 'service-account',
    uid: field('uid'),
    privateKey: parsePrivateKey(field('private_key')),
    ...parseLoginEndpoint(field('login_endpoint')),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
  }
  if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  throw new Error(`${SERVICE_ACCOUNT_VARIABLE} is not a JSON object`);
}

function parsePrivateKey(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // What OpenSSL says of it helps nobody.
  }
  if (key?.asymmetricKeyType === 'rsa') return key;
  throw new Error(`${SERVICE_ACCOUNT_VARIABLE}: private_key is not an RSA private key in PEM`);
}

function parseLoginEndpoint(endpoint: string): Pick<ServiceAccount, 'loginPath' | 'wantsTls'> {
  try {
    const { protocol, pathname, search } = new URL(endpoint, 'http://marathon');
    if (protocol === 'http:' || protocol === 'https:') {
      return { loginPath: `${pathname}${search}`, wantsTls: protocol === 'https:' };
    }
  } catch {
    // Told below.
  }
  throw new Error(`${SERVICE_ACCOUNT_VARIABLE}: login_endpoint is not an http or https URL`);
}

/** The body of a login: the account and, as proof, a JSON Web Token of its uid, signed with its key (RFC 7515, RS256). */
export function loginBody({ uid, privateKey }: ServiceAccount): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const unsigned = `${part({ typ: 'JWT', alg: 'RS256' })}.${part({ uid })}`;
  const signature = sign('RSA-SHA256', Buffer.from(unsigned), privateKey).toString('base64url');
  return JSON.stringify({ uid, token: `${unsigned}.${signature}` });
}
