// Which way traffic takes: a delegation and the bound tree of the same name in, the nodes on the way and the shares out.

import type { State } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import type { NameTree } from '../base/name-tree.js';
import type { DelegateTree } from '../naming/delegate-tree.js';

/**
 * The nodes that lead to the leaves of `bound`. A delegation shows every alternative and a bound tree only where it ends,
 * and one end may be reached in several ways; so alternatives are left where binding leaves them.
 */
export function takenNodes(tree: DelegateTree, bound: NameTree<Bound>): ReadonlySet<DelegateTree> {
  const walk = new TrafficWalk(leavesOf(bound));
  walk.visit(tree);
  return walk.taken;
}

/** What a node is to the alternatives and the union around it. */
type End = 'neg' | 'fail' | 'other';

class TrafficWalk {
  readonly taken = new Set<DelegateTree>();
  /** Leaves of the bound tree that are not found yet, in its order. */
  readonly #expected: Bound[];

  constructor(expected: readonly Bound[]) {
    this.#expected = [...expected];
  }

  visit(node: DelegateTree): End {
    const before = this.#expected.length;
    const end = this.#visitInside(node);
    if (this.#expected.length < before) this.taken.add(node);
    return end;
  }

  #visitInside(node: DelegateTree): End {
    switch (node.type) {
      case 'leaf': {
        const [next] = this.#expected;
        if (next?.id.equals(node.bound.id) && next.residual.equals(node.bound.residual)) this.#expected.shift();
        return 'other';
      }
      case 'delegate':
        return this.visit(node.delegate);
      case 'transformation':
        return this.visit(node.tree);
      case 'alt':
        for (const child of node.alt) {
          const end = this.visit(child);
          if (end !== 'neg') return end;
        }
        return 'neg';
      case 'union': {
        const ends = node.union.map(({ tree }) => this.visit(tree));
        return ends.includes('other') ? 'other' : 'neg';
      }
      case 'neg':
      case 'fail':
        return node.type;
      case 'empty':
      case 'exception':
        return 'other';
      default:
        return node satisfies never;
    }
  }
}

function leavesOf(tree: NameTree<Bound>): readonly Bound[] {
  return sharesOf(tree).flatMap(({ end }) => (end === 'empty' ? [] : [end]));
}

/** One end of traffic. */
export interface Share {
  /** Of all requests, 0 to 1. */
  readonly part: number;
  /** `empty`: a name without endpoints. */
  readonly end: Bound | 'empty';
}

/** What requests are sent to, in the order of the tree; nothing when it is Neg or Fail. */
export function sharesOf(tree: NameTree<Bound>, part = 1): readonly Share[] {
  switch (tree.type) {
    case 'leaf':
      return [{ part, end: tree.value }];
    case 'empty':
      return [{ part, end: 'empty' }];
    case 'union': {
      const total = tree.branches.reduce((sum, { weight }) => sum + weight, 0);
      const all = tree.branches.length;
      // Weights that are all 0 are equal ones.
      return tree.branches.flatMap(({ weight, tree: branch }) =>
        sharesOf(branch, total > 0 ? (part * weight) / total : part / all),
      );
    }
    case 'alt':
    case 'neg':
    case 'fail':
      return [];
    default:
      return tree satisfies never;
  }
}

/** One line: where requests go now, or why they go nowhere. */
export function describeTraffic(binding: State<NameTree<Bound>>): { readonly flows: boolean; readonly text: string } {
  if (binding.state === 'pending') return { flows: false, text: 'requests wait: the name is not bound yet' };
  if (binding.state === 'failed') return { flows: false, text: `requests are answered 502: ${binding.error.message}` };
  const shares = sharesOf(binding.value);
  if (shares.length === 0) {
    return { flows: false, text: `requests are answered 502: ${WITHOUT_SHARES[binding.value.type] ?? 'no such name'}` };
  }
  const parts = shares.map(({ part, end }) => `${shares.length > 1 ? `${percent(part)} ` : ''}${describeEnd(end)}`);
  return { flows: shares.some(({ end }) => hasEndpoints(end)), text: `requests go to ${parts.join(', ')}` };
}

const WITHOUT_SHARES: Readonly<Record<string, string>> = { fail: 'the name fails on purpose', neg: 'no such name' };

function percent(part: number): string {
  return `${Number((part * 100).toFixed(1))}%`;
}

function hasEndpoints(end: Bound | 'empty'): boolean {
  if (end === 'empty') return false;
  const addr = end.addr.value;
  return end.synthetic !== undefined || (addr.state === 'bound' && addr.addresses.length > 0);
}

function describeEnd(end: Bound | 'empty'): string {
  if (end === 'empty') return 'no endpoint (502)';
  const id = end.id.show();
  if (hasEndpoints(end)) return id;
  return end.addr.value.state === 'pending'
    ? `${id}, whose endpoints are not known yet`
    : `${id}, which has no endpoint (502)`;
}
