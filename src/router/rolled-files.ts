// Rolled log files: `access.log` becomes `access-20260131.log`, and the oldest of these are removed.

import { access, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

/** Renames the file `path` after `stamp`. Nothing is overwritten: a name that is taken gets `-1`, `-2`, … */
export async function moveAway(path: string, stamp: string): Promise<void> {
  const { stem, extension } = partsOf(path);
  let to = join(dirname(path), `${stem}-${stamp}${extension}`);
  for (let n = 1; await exists(to); n++) to = join(dirname(path), `${stem}-${stamp}-${n}${extension}`);
  try {
    await rename(path, to);
  } catch (error) {
    // Moved away by someone else already.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Removes all but the newest `keep` of the files that `moveAway` made of `path`. */
export async function removeOldest(path: string, keep: number): Promise<void> {
  const { stem, extension } = partsOf(path);
  const rolled: { readonly name: string; readonly stamp: string; readonly n: number }[] = [];
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(`${stem}-`) || !name.endsWith(extension)) continue;
    // Only names of exactly this form: `access-admin.log` is someone else's.
    const match = /^(\d{8}(?:-\d{2}|-\d{6})?)(?:-(\d+))?$/.exec(
      name.slice(stem.length + 1, name.length - extension.length),
    );
    if (match) rolled.push({ name, stamp: match[1] as string, n: Number(match[2] ?? 0) });
  }
  rolled.sort((a, b) => (a.stamp === b.stamp ? a.n - b.n : a.stamp < b.stamp ? -1 : 1));
  for (const { name } of rolled.slice(0, Math.max(0, rolled.length - keep))) await unlink(join(dirname(path), name));
}

function partsOf(path: string): { readonly stem: string; readonly extension: string } {
  const extension = extname(path);
  return { stem: basename(path, extension), extension };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
