// A delegation in, its tree drawn in text out: a line for each node, the rule that led to it behind an arrow.
//
//   ✓ /svc/web  (the first that exists)
//   ├─✓ /srv/web-v2                    ← /svc/web => /srv/web-v2
//   │ └─✓ /#/io.l5d.fs/web-v2          ← /srv => /#/io.l5d.fs
//   │     127.0.0.1:18082
//   └── /srv/web                       ← /svc => /srv
//     └── /#/io.l5d.fs/web  (no such name)

import type { State } from '../base/activity.js';
import { type Bound, showAddress } from '../base/addr.js';
import { type Dentry, showPrefix } from '../base/dtab.js';
import { type NameTree, NEG, showNameTree } from '../base/name-tree.js';
import type { DelegateTree } from '../naming/delegate-tree.js';
import { describeTraffic, takenNodes } from './traffic.js';

/**
 * `binding` is the bound tree of the same name: what it holds is marked, and told in the last line. Reads the addresses
 * of the leaves, which therefore must be observed.
 */
export function drawDelegation(tree: DelegateTree, binding: State<NameTree<Bound>>, colours: boolean): string {
  const taken = takenNodes(tree, binding.state === 'ok' ? binding.value : NEG);
  const lines = drawNode({ tree, dentry: undefined, first: '', rest: '', label: '' }, taken);
  const { flows, text } = describeTraffic(binding);
  const paint = colours ? COLOURED : PLAIN;
  const drawn = showLines(lines, paint);
  return `${drawn}\n${flows ? paint.good(`✓ ${text}`) : paint.bad(`✗ ${text}`)}\n`;
}

interface Line {
  /** The branches of the tree drawn before the text. */
  readonly branches: string;
  /** `✓ ` for a node that traffic passes, `─ ` or blanks for another one, empty for what is said below a node. */
  readonly mark: string;
  readonly text: string;
  /** What is to be said of it, in brackets. */
  readonly note: string;
  readonly dentry: Dentry | undefined;
}

interface Place {
  readonly tree: DelegateTree;
  /** The rule that led to the node above. */
  readonly dentry: Dentry | undefined;
  /** Before the node's own line. */
  readonly first: string;
  /** Before the lines below it. */
  readonly rest: string;
  /** The weight, with a blank behind it. */
  readonly label: string;
}

function drawNode(place: Place, taken: ReadonlySet<DelegateTree>): readonly Line[] {
  const { tree } = place;
  const dentry = tree.type === 'transformation' ? undefined : tree.dentry;
  const line: Line = {
    branches: place.first,
    mark: taken.has(tree) ? '✓ ' : place.first === '' ? '  ' : '─ ',
    text: `${place.label}${tree.path}`,
    note: noteOf(tree),
    // Said once: all that comes of one rule has it.
    dentry: dentry === place.dentry ? undefined : dentry,
  };
  const detail = (text: string): Line => ({
    branches: `${place.rest}  `,
    mark: '',
    text,
    note: '',
    dentry: undefined,
  });
  const children = childrenOf(tree);
  return [
    line,
    ...(tree.type === 'leaf' ? detailsOf(tree.bound, tree.path).map(detail) : []),
    ...children.flatMap((child, i) => {
      const last = i === children.length - 1;
      return drawNode(
        {
          ...child,
          dentry,
          first: `${place.rest}${last ? '└─' : '├─'}`,
          rest: `${place.rest}${last ? '  ' : '│ '}`,
        },
        taken,
      );
    }),
  ];
}

function noteOf(tree: DelegateTree): string {
  switch (tree.type) {
    case 'alt':
      return 'the first that exists';
    case 'union':
      return 'split by weight';
    case 'neg':
      if (tree.message !== undefined) return `not known: ${tree.message}`;
      return tree.path === '~' ? 'no such name, by rule' : 'no such name';
    case 'fail':
      return 'fails on purpose: nothing after it is tried';
    case 'empty':
      return 'exists without endpoints: nothing after it is tried';
    case 'exception':
      return `error: ${tree.message}`;
    case 'transformation':
      return `transformed by ${tree.name}`;
    case 'delegate':
    case 'leaf':
      return '';
    default:
      return tree satisfies never;
  }
}

function childrenOf(tree: DelegateTree): readonly Pick<Place, 'tree' | 'label'>[] {
  switch (tree.type) {
    case 'alt':
      return tree.alt.map((child) => ({ tree: child, label: '' }));
    case 'union':
      return tree.union.map(({ weight, tree: child }) => ({ tree: child, label: `${weight} * ` }));
    case 'delegate':
      return [{ tree: tree.delegate, label: '' }];
    case 'transformation':
      return [{ tree: tree.tree, label: '' }];
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

/** --json has them all. */
const MAX_ADDRESSES = 20;

function detailsOf({ id, residual, addr, synthetic }: Bound, path: string): readonly string[] {
  const bound = residual.isEmpty && id.show() === path ? [] : [`bound to ${id.show()}, residual ${residual.show()}`];
  if (synthetic) return [...bound, `no endpoint is asked: the gateway answers ${synthetic.status}`];
  const now = addr.value;
  switch (now.state) {
    case 'bound': {
      const shown = now.addresses.slice(0, MAX_ADDRESSES).map((address) => {
        return address.weight === 1 ? showAddress(address) : `${showAddress(address)} * ${address.weight}`;
      });
      const more = now.addresses.length - shown.length;
      return [...bound, ...(shown.length === 0 ? ['no endpoints'] : shown), ...(more > 0 ? [`and ${more} more`] : [])];
    }
    case 'neg':
      return [...bound, 'no such host or service: no endpoints'];
    case 'failed':
      return [...bound, `no endpoints: ${now.error.message}`];
    case 'pending':
      return [...bound, 'endpoints not known yet'];
    default:
      return now satisfies never;
  }
}

interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
}

const PLAIN: Paint = { good: (text) => text, bad: (text) => text, dim: (text) => text };
const COLOURED: Paint = {
  good: (text) => `\x1b[32m${text}\x1b[39m`,
  bad: (text) => `\x1b[31m${text}\x1b[39m`,
  dim: (text) => `\x1b[2m${text}\x1b[22m`,
};

/** Columns up to which arrows stand below one another. */
const MAX_ALIGNED = 64;

function showLines(lines: readonly Line[], paint: Paint): string {
  const widths = lines.filter(({ dentry }) => dentry).map((line) => plainText(line).length);
  const column = Math.max(0, ...widths.filter((width) => width <= MAX_ALIGNED));
  return lines.map((line) => `${showLine(line, column, paint)}\n`).join('');
}

function showLine(line: Line, column: number, paint: Paint): string {
  const { branches, mark, text, note, dentry } = line;
  const markPainted = mark.startsWith('✓') ? paint.good(mark) : mark;
  const shown = `${branches}${markPainted}${text}${note === '' ? '' : paint.dim(noteText(note))}`;
  if (!dentry) return shown;
  const gap = ' '.repeat(Math.max(0, column - plainText(line).length));
  return `${shown}${gap}  ${paint.dim(`← ${showPrefix(dentry.prefix)} => ${showNameTree(dentry.dst)}`)}`;
}

function plainText({ branches, mark, text, note }: Line): string {
  return `${branches}${mark}${text}${note === '' ? '' : noteText(note)}`;
}

function noteText(note: string): string {
  return `  (${note})`;
}
