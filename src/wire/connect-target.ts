// The target of CONNECT (RFC 9110 §9.3.6): text in; whether it is `host:port`, and which Host may stand beside it, out.

import { GatewayError } from '../base/errors.js';
import { quote } from './field-lines.js';

/** `reg-name`, IPv4 or `[IPv6]`, as in a Host header, and a port. No user information. */
const TARGET = /^([A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\]):([1-9][0-9]{0,4})$/;
const MAX_PORT = 65_535;

/** Answers the host, without the port. Throws `bad-request`. */
export function hostOfConnect(target: string): string {
  const match = TARGET.exec(target);
  if (!match || Number(match[2]) > MAX_PORT)
    throw new GatewayError(
      'bad-request',
      `CONNECT to ${quote(target)}, want host:port with a port of 1 to ${MAX_PORT}`,
    );
  return match[1] as string;
}
