// NameTreeService: a bound tree made ready for requests. Leaves hold their client stack; each request picks one leaf.

import type { Bound, Freshness } from '../base/addr.js';
import type { NameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';
import { Headers } from '../service/headers.js';
import { RouteHeaders } from '../service/route-headers.js';
import { type ClientCache, metricName } from './client-cache.js';
import type { ClientStack } from './client-stack.js';
import type { RequestMetrics } from './request-metrics.js';

/** Where a request can go. */
export interface BoundLeaf {
  readonly state: 'bound';
  readonly client: ClientStack;
  /** `l5d-dst-service`, `l5d-dst-client` and, unless empty, `l5d-dst-residual`. */
  readonly route: RouteHeaders;
  /** `client/<id>/service/<path>`. */
  readonly metrics: RequestMetrics;
  /** The gateway answers itself, with this status. */
  readonly syntheticStatus: number | undefined;
  /** How old what is known of it is, for `l5d-explain`. */
  readonly freshness: (() => Freshness) | undefined;
}

export type ServiceTree =
  | { readonly type: 'leaf'; readonly leaf: BoundLeaf }
  | { readonly type: 'union'; readonly branches: readonly ServiceTree[]; readonly upTo: readonly number[] }
  /** Neg, Fail and Empty are one and the same to a request; `reasons` are registries that have never answered. */
  | { readonly type: 'nothing'; readonly reasons: readonly Error[] };

const NOTHING: ServiceTree = { type: 'nothing', reasons: [] };

export interface NameTreeServiceOptions {
  /** The logical name. */
  readonly service: Path;
  readonly clients: ClientCache;
}

/** Acquires the clients of `tree`; give them back with `releaseServiceTree`. */
export function makeServiceTree(tree: NameTree<Bound>, options: NameTreeServiceOptions): ServiceTree {
  switch (tree.type) {
    case 'leaf':
      return { type: 'leaf', leaf: makeLeaf(tree.value, options) };
    case 'union': {
      const branches = tree.branches.map((branch) => makeServiceTree(branch.tree, options));
      const weights = tree.branches.map((branch) => branch.weight);
      // All zero: no branch is preferred, so each is as good as the others.
      const usable = weights.some((weight) => weight > 0) ? weights : weights.map(() => 1);
      let sum = 0;
      return { type: 'union', branches, upTo: usable.map((weight) => (sum += weight)) };
    }
    case 'neg':
      return tree.reasons ? { type: 'nothing', reasons: tree.reasons } : NOTHING;
    // A bound tree has no alternatives: they were decided when it was bound.
    case 'alt':
    case 'fail':
    case 'empty':
      return NOTHING;
    default:
      return tree satisfies never;
  }
}

export function releaseServiceTree(tree: ServiceTree, options: NameTreeServiceOptions): void {
  if (tree.type === 'leaf') {
    tree.leaf.client.services.release(metricName(options.service));
    options.clients.release(tree.leaf.client);
  } else if (tree.type === 'union') {
    for (const branch of tree.branches) releaseServiceTree(branch, options);
  }
}

/** A leaf, each branch of a union with the chance of its weight; there is no second pick. Undefined: bound to nothing. */
export function pickLeaf(tree: ServiceTree, random: Random): BoundLeaf | undefined {
  let here = tree;
  while (here.type === 'union') {
    const { upTo, branches } = here;
    const at = random() * (upTo[upTo.length - 1] as number);
    let i = 0;
    while (i < upTo.length - 1 && at >= (upTo[i] as number)) i += 1;
    here = branches[i] as ServiceTree;
  }
  return here.type === 'leaf' ? here.leaf : undefined;
}

function makeLeaf(bound: Bound, { service, clients }: NameTreeServiceOptions): BoundLeaf {
  const client = clients.acquire(bound);
  const headers = Headers.from([
    ['l5d-dst-service', service.show()],
    ['l5d-dst-client', bound.id.show()],
  ]);
  if (!bound.residual.isEmpty) headers.add('l5d-dst-residual', bound.residual.show());
  return {
    state: 'bound',
    client,
    route: new RouteHeaders(headers),
    metrics: client.services.acquire(metricName(service)),
    syntheticStatus: bound.synthetic?.status,
    freshness: bound.freshness,
  };
}
