// Node path: elements of a name in, the path of the ZooKeeper node that they mean out.

import { bytesFromText, textFromBytes } from '../../src/base/path.js';

/**
 * `/chroot/a/b` for elements `a`, `b`. Undefined where there can be no such node: elements that are no UTF-8, hold a slash, or are
 * a path that no server takes (`PathUtils.validatePath`). Such a name must never reach another node than the one it spells.
 */
export function nodePath(chroot: string, elements: readonly string[]): string | undefined {
  const names = elements.map(textFromBytes);
  const isPossible = names.every((name, i) => bytesFromText(name) === elements[i] && isNodeName(name));
  return isPossible ? [chroot, ...names].join('/') || '/' : undefined;
}

/** A path of the configuration, such as a chroot: `/a/b`, without a slash at its end. `/` alone is the root. */
export function isNodePath(path: string): boolean {
  return path === '/' || (path.startsWith('/') && path.slice(1).split('/').every(isNodeName));
}

function isNodeName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !REFUSED_CHARACTERS.test(name);
}

/** Of UTF-16, as Java counts: control characters, surrogates (so no emoji), private use, specials; and the slash. */
const REFUSED_CHARACTERS = /[\u0000-\u001f/\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;
