// Disco file: the text of one file of an `io.l5d.fs` directory in, its host, port and weight lines out.

import { parseIpLiteral } from '../../src/naming/ip-literal.js';

export interface DiscoLine {
  /** IP address or DNS name. */
  readonly host: string;
  /** 1-65535. */
  readonly port: number;
  /** Relative share of traffic; 1 when nothing was written. */
  readonly weight: number;
}

/**
 * Lines of `host port` or `host port * weight`, any white space between; `#` starts a comment, empty lines do not count.
 * Of several lines with the same host and port the last one counts. One bad line makes the whole text bad: throws
 * `malformed address: <line>`.
 */
export function parseDiscoFile(text: string): readonly DiscoLine[] {
  const lines = new Map<string, DiscoLine>();
  for (const line of text.split('\n')) {
    const content = line.replace(/#.*/, '').trim();
    if (content === '') continue;
    const parsed = parseLine(content);
    if (parsed === undefined) throw new Error(`malformed address: ${content}`);
    lines.set(`${parsed.host} ${parsed.port}`, parsed);
  }
  return [...lines.values()];
}

const LINE = /^(\S+)\s+(\d{1,5})(?:\s*\*\s*(\d+\.?\d*|\.\d+))?$/;

function parseLine(line: string): DiscoLine | undefined {
  const [, host, portDigits, weight = '1'] = LINE.exec(line) ?? [];
  const port = Number(portDigits);
  if (host === undefined || !isHost(host) || port < 1 || port > 65535) return undefined;
  return { host, port, weight: Number(weight) };
}

function isHost(host: string): boolean {
  return parseIpLiteral(host) !== undefined || /^[A-Za-z0-9_.-]+$/.test(host);
}
