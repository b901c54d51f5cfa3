// DelegateTree: every alternative of the way from a path to its bound names, and its JSON form, for people.

import { ok, PENDING, type State } from '../base/activity.js';
import type { Addr, Bound } from '../base/addr.js';
import { type Dentry, showPrefix } from '../base/dtab.js';
import { showNameTree } from '../base/name-tree.js';

/**
 * One node, its fields in the order in which they are printed. `path` is what was looked up, as shown, or `~` and `!`
 * for those literals; `dentry` is the rule that led here, undefined where none did.
 */
export type DelegateTree =
  /** One path became another. */
  | (DelegateNode<'delegate'> & { readonly delegate: DelegateTree })
  | (DelegateNode<'alt'> & { readonly alt: readonly DelegateTree[] })
  | (DelegateNode<'union'> & { readonly union: readonly WeightedDelegate[] })
  | (DelegateNode<'leaf'> & { readonly bound: Bound })
  /** `message` tells why, where that is a registry that has never answered. */
  | (DelegateNode<'neg'> & { readonly message?: string })
  | DelegateNode<'fail'>
  | DelegateNode<'empty'>
  /** A namer failed. */
  | (DelegateNode<'exception'> & { readonly message: string })
  /** An interpreter's transformer `name` made `tree` of `bound`. */
  | {
      readonly type: 'transformation';
      readonly path: string;
      readonly name: string;
      readonly bound: Bound;
      readonly tree: DelegateTree;
    };

export interface DelegateNode<Type extends string> {
  readonly type: Type;
  readonly path: string;
  readonly dentry: Dentry | undefined;
}

export interface WeightedDelegate {
  readonly weight: number;
  readonly tree: DelegateTree;
}

/** For how long an answer for people waits for the addresses of its leaves. Linkerd's; not configurable. */
export const DELEGATION_TIMEOUT_MS = 2000;

/**
 * The /delegator.json document of `tree`, fields in Linkerd's order, absent ones left out. Reads the addresses of each
 * leaf and is pending until all are known, so it runs inside `computed`: `mapActivity(delegation, delegateTreeJson)`.
 */
export function delegateTreeJson(tree: DelegateTree): State<DelegateTreeJson> {
  const addrs = addrsOf(tree);
  return addrs.some((addr) => addr.state === 'pending') ? PENDING : ok(treeJson(tree));
}

export type DelegateTreeJson = { readonly type: DelegateTree['type'] } & Readonly<Record<string, unknown>>;

/** `{"type":"bound","addrs":[{"ip","port","meta"}],"meta":{}}`, or neg, pending, failed with its `cause`. */
export function addrJson(addr: Addr): Readonly<Record<string, unknown>> {
  switch (addr.state) {
    case 'bound':
      return {
        type: 'bound',
        addrs: addr.addresses.map(({ host, port, weight, meta }) => ({
          ip: host,
          port,
          // Finagle keeps a weight among the metadata, under this key.
          meta: weight === 1 ? meta : { ...meta, endpoint_addr_weight: weight },
        })),
        meta: addr.meta,
      };
    case 'failed':
      return { type: 'failed', cause: addr.error.message };
    case 'neg':
    case 'pending':
      return { type: addr.state };
    default:
      return addr satisfies never;
  }
}

function addrsOf(tree: DelegateTree): readonly Addr[] {
  switch (tree.type) {
    case 'delegate':
      return addrsOf(tree.delegate);
    case 'alt':
      return tree.alt.flatMap(addrsOf);
    case 'union':
      return tree.union.flatMap((branch) => addrsOf(branch.tree));
    case 'leaf':
      return [tree.bound.addr.value];
    case 'transformation':
      return [tree.bound.addr.value, ...addrsOf(tree.tree)];
    case 'neg':
    case 'fail':
    case 'empty':
    case 'exception':
      return [];
    default:
      return tree satisfies never;
  }
}

function treeJson(tree: DelegateTree): DelegateTreeJson {
  if (tree.type === 'transformation') {
    const { type, path, name, bound } = tree;
    return { type, path, name, bound: boundJson(bound), tree: treeJson(tree.tree) };
  }
  const { type, path, dentry } = tree;
  const node = dentry ? { type, path, dentry: dentryJson(dentry) } : { type, path };
  switch (tree.type) {
    case 'delegate':
      return { ...node, delegate: treeJson(tree.delegate) };
    case 'alt':
      return { ...node, alt: tree.alt.map(treeJson) };
    case 'union':
      return { ...node, union: tree.union.map(({ weight, tree: child }) => ({ weight, tree: treeJson(child) })) };
    case 'leaf':
      return { ...node, bound: boundJson(tree.bound) };
    case 'exception':
      return { ...node, message: tree.message };
    case 'neg':
      return tree.message === undefined ? node : { ...node, message: tree.message };
    case 'fail':
    case 'empty':
      return node;
    default:
      return tree satisfies never;
  }
}

function dentryJson({ prefix, dst }: Dentry): Readonly<Record<string, unknown>> {
  return { prefix: showPrefix(prefix), dst: showNameTree(dst) };
}

function boundJson({ id, residual, addr }: Bound): Readonly<Record<string, unknown>> {
  return { addr: addrJson(addr.value), id: id.show(), path: residual.show() };
}
