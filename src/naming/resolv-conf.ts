// resolv.conf: the text of /etc/resolv.conf in, its name servers and search list out, and the names to ask for in order.

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

export interface ResolvConf {
  /** IP addresses, in order. Never empty: without any line there is one on this host. */
  readonly servers: readonly string[];
  /** What is put behind relative names, in order. */
  readonly search: readonly string[];
  /** A relative name with at least so many dots is asked for as it stands first. Default 1. */
  readonly ndots: number;
}

/** A file that cannot be read is the same as an empty one, as the system's own resolver has it. */
export async function readResolvConf(file: string): Promise<ResolvConf> {
  return parseResolvConf(await readFile(file, 'utf8').catch(() => ''));
}

/** Of several `search` and `domain` lines the last one counts; what is not understood is skipped (resolv.conf(5)). */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .split(/\s+/)
      .filter((word) => word !== '');
    if (keyword === 'nameserver') servers.push(...values.slice(0, 1).filter((value) => isIP(value) !== 0));
    else if (keyword === 'search') search = values;
    else if (keyword === 'domain') search = values.slice(0, 1);
    else if (keyword === 'options') {
      const option = values.find((value) => /^ndots:\d{1,2}$/.test(value));
      if (option !== undefined) ndots = Number(option.slice('ndots:'.length));
    }
  }
  return {
    servers: servers.length > 0 ? servers : ['127.0.0.1'],
    search: search.map((suffix) => suffix.replace(/\.$/, '')).filter((suffix) => suffix !== ''),
    ndots,
  };
}

/** The absolute names, without their last dot, to ask for one after the other until there is one. */
export function absoluteNames(name: string, { search, ndots }: ResolvConf): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const searched = search.map((suffix) => `${name}.${suffix}`);
  return name.split('.').length - 1 >= ndots ? [name, ...searched] : [...searched, name];
}
