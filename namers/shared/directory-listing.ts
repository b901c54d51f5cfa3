// Directory listings: the path of a directory in, the files and directories in it by name out.

import { readdirSync, type Stats, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { codeOf } from './watched-file.js';

/** Files and directories by name, a binary string as a path element is. Links are what they lead to. */
export type Listing = ReadonlyMap<string, 'file' | 'directory'>;

const EMPTY_LISTING: Listing = new Map();

/** Device and inode of the directory at `path`; undefined when there is none. Rejects when that cannot be told. */
export async function identify(path: Buffer): Promise<string | undefined> {
  try {
    const stats = await stat(path, { bigint: true });
    return stats.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** No names when there is no directory at `path`; rejects when it cannot be read. */
export async function list(path: Buffer): Promise<Listing> {
  try {
    const kinds = (await readdir(path, LIST_OPTIONS)).map(async (entry) => {
      const kind = entry.isSymbolicLink() ? await linkKind(childPath(path, entry.name)) : kindOf(entry);
      return [entry.name.toString('latin1'), kind] as const;
    });
    return listingFrom(await Promise.all(kinds));
  } catch (error) {
    if (isMissing(error)) return EMPTY_LISTING;
    throw error;
  }
}

/** As `list`, at once; a directory that cannot be read has no names either. */
export function listSync(path: Buffer): Listing {
  try {
    const entries = readdirSync(path, LIST_OPTIONS);
    return listingFrom(
      entries.map((entry) => {
        const kind = entry.isSymbolicLink() ? linkKindSync(childPath(path, entry.name)) : kindOf(entry);
        return [entry.name.toString('latin1'), kind];
      }),
    );
  } catch {
    return EMPTY_LISTING;
  }
}

const LIST_OPTIONS = { encoding: 'buffer', withFileTypes: true } as const;

type Kind = 'file' | 'directory' | undefined;

function kindOf(entry: Pick<Stats, 'isFile' | 'isDirectory'>): Kind {
  return entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : undefined;
}

/** A link that leads nowhere is as good as none; on other failures the listing is not to be believed. */
async function linkKind(path: Buffer): Promise<Kind> {
  try {
    return kindOf(await stat(path));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

function linkKindSync(path: Buffer): Kind {
  try {
    return kindOf(statSync(path));
  } catch {
    return undefined;
  }
}

function listingFrom(entries: readonly (readonly [string, Kind])[]): Listing {
  const listing = new Map<string, 'file' | 'directory'>();
  for (const [name, kind] of entries) if (kind !== undefined) listing.set(name, kind);
  return listing;
}

/** The path of `name` in `directory`, both in the bytes of the file system. */
export function childPath(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, SLASH, name]);
}

const SLASH = Buffer.from('/');

export function sameListing(a: Listing, b: Listing): boolean {
  if (a.size !== b.size) return false;
  for (const [name, kind] of a) if (b.get(name) !== kind) return false;
  return true;
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
}
