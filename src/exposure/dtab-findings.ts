// Dtab findings: the rules of a router and what is published at a listener in, rules that nobody outside gets to out, and rules
// by which everybody does.

import type { State } from '../base/activity.js';
import { type Dentry, type PrefixElement, showDentry, WILDCARD } from '../base/dtab.js';
import { hostMatches, parseHostPattern } from '../base/host-pattern.js';
import { type Path, textFromBytes } from '../base/path.js';
import type { DelegateTree } from '../naming/delegate-tree.js';
import type { ExposedListener } from './exposure.js';

/** Rules for names below the listener's prefix, each with what stands behind the prefix. */
export function rulesBelow({
  dtab,
  dstPrefix,
}: ExposedListener): readonly (readonly [Dentry, readonly PrefixElement[]])[] {
  return dtab.dentries
    .filter(({ prefix }) => prefix.length > dstPrefix.size && matchesStart(prefix, dstPrefix))
    .map((dentry) => [dentry, dentry.prefix.slice(dstPrefix.size)] as const);
}

/** Elements of such rules that are hosts, to try where a wildcard is published. */
export function hostsOfRules(listener: ExposedListener): readonly string[] {
  return [...new Set(rulesBelow(listener).flatMap(([, rest]) => hostsOf(rest)))];
}

/** `names`: all that requests of published hosts get. A rule that speaks of a published host counts as used, whatever else it wants. */
export function deadRules(
  listener: ExposedListener,
  hosts: readonly string[],
  names: readonly Path[],
): readonly string[] {
  return rulesBelow(listener)
    .filter(([{ prefix }, rest]) => {
      if (names.some((name) => matchesStart(prefix, name) && prefix.length <= name.size)) return false;
      return !hostsOf(rest).some((one) => hosts.some((host) => hostMatches(host, one)));
    })
    .map(([dentry]) => showDentry(dentry));
}

/**
 * What is to be said of the rules that take a name that no host has yet.
 *
 * @param name of a host that nobody publishes, and its delegation
 */
export function warningsOf(listener: ExposedListener, name: Path, delegation: State<DelegateTree>): readonly string[] {
  if (delegation.state !== 'ok') return [];
  const internal = listener.internalPrefix.show();
  const shown = name.show();
  return firstSteps(delegation.value).map((step) => {
    const rule = step.dentry ? showDentry(step.dentry) : '';
    const inside = stepsOf(step).find(({ path }) => path.startsWith(`${internal}/`));
    return inside
      ? `${rule} takes every host: whichever is published reaches the inside name of the same words (${shown} becomes ${inside.path})`
      : `${rule} takes every host: whichever is published is looked up at once (${shown} becomes ${step.path})`;
  });
}

/** Those that rules led to from the name itself. */
function firstSteps(tree: DelegateTree): readonly Step[] {
  return below(tree).filter((step): step is Step => step.type !== 'transformation' && step.dentry !== undefined);
}

type Step = Exclude<DelegateTree, { readonly type: 'transformation' }>;

function stepsOf(tree: DelegateTree): readonly DelegateTree[] {
  return [tree, ...below(tree).flatMap(stepsOf)];
}

function below(tree: DelegateTree): readonly DelegateTree[] {
  switch (tree.type) {
    case 'delegate':
      return [tree.delegate];
    case 'alt':
      return tree.alt;
    case 'union':
      return tree.union.map((branch) => branch.tree);
    case 'transformation':
      return [tree.tree];
    case 'leaf':
    case 'neg':
    case 'fail':
    case 'empty':
    case 'exception':
      return [];
    default:
      return tree satisfies never;
  }
}

function hostsOf(elements: readonly PrefixElement[]): readonly string[] {
  return elements.flatMap((element) => {
    const host = element === WILDCARD ? undefined : parseHostPattern(textFromBytes(element));
    return host === undefined ? [] : [host];
  });
}

/** As far as both go. */
function matchesStart(prefix: readonly PrefixElement[], path: Path): boolean {
  return path.elements.every((element, i) => {
    const wanted = prefix[i];
    return wanted === undefined || wanted === WILDCARD || wanted === element;
  });
}
