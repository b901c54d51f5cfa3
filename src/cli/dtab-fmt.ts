// `linkgate dtab fmt`: a delegation table in, the same table in its one-line form out, or a line for each dentry, or JSON.

import { type Dtab, showDtab, showPrefix } from '../base/dtab.js';
import { parseDtab } from '../base/name-grammar.js';
import { type NameTree, showNameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import type { Command } from './command.js';
import { parseGiven, readText } from './read-text.js';

export const dtabFmtCommand: Command = {
  name: 'dtab fmt',
  summary: 'print a delegation table in its one-line form',
  operand: '<dtab>',
  operandHelp: 'the table itself; @file for that file; - for stdin',
  options: {
    pretty: { help: 'one dentry a line, aligned' },
    json: { help: '[{"prefix", "dst"}], as namerd has it; with --pretty indented' },
  },
  details: `Every form means the same table and can be read back. Comments are dropped. Weights
have two decimals, as everywhere in Linkerd; where that changes one, stderr says so.
`,
  examples: [
    "linkgate dtab fmt '/srv => /#/io.l5d.fs ; /svc => /srv ;'",
    "linkgate dtab fmt --pretty '/srv => /#/io.l5d.fs ; /svc/web => 3*/srv/web-v1 & 1*/srv/web-v2'",
    "echo '/svc => /srv' | linkgate dtab fmt --json -",
  ],
  run: async ({ operand, has }, terminal) => {
    const given = await readText(operand, terminal);
    const dtab = parseGiven('dtab', given, parseDtab);
    for (const message of roundedWeights(dtab))
      terminal.err(`linkgate: ${message}
`);
    if (has('json')) terminal.out(`${JSON.stringify(dtabJson(dtab), undefined, has('pretty') ? 2 : undefined)}\n`);
    else terminal.out(has('pretty') ? prettyDtab(dtab) : `${showDtab(dtab)}\n`);
    return 0;
  },
};

function dtabJson(dtab: Dtab): readonly { readonly prefix: string; readonly dst: string }[] {
  return dtab.dentries.map(({ prefix, dst }) => ({ prefix: showPrefix(prefix), dst: showNameTree(dst) }));
}

/** One prefix longer than this must not push all the arrows off the screen. */
const MAX_ALIGNED = 48;

/** `/svc/web => /srv/web-v1 ;`, a line each, the arrows below one another. */
export function prettyDtab(dtab: Dtab): string {
  const rows = dtabJson(dtab);
  const width = Math.min(MAX_ALIGNED, Math.max(0, ...rows.map(({ prefix }) => prefix.length)));
  return rows.map(({ prefix, dst }) => `${prefix.padEnd(width)} => ${dst} ;\n`).join('');
}

/** One sentence for each weight that the shown form rounds. */
function roundedWeights(dtab: Dtab): readonly string[] {
  const shown = parseDtab(showDtab(dtab)).dentries.flatMap(({ dst }) => weightsOf(dst));
  const written = dtab.dentries.flatMap(({ dst }) => weightsOf(dst));
  return written.flatMap((weight, i) => {
    const rounded = shown[i];
    return weight === rounded
      ? []
      : [`weight ${weight} is printed as ${rounded?.toFixed(2)}: weights have two decimals`];
  });
}

/** In the order written. */
function weightsOf(tree: NameTree<Path>): readonly number[] {
  switch (tree.type) {
    case 'alt':
      return tree.trees.flatMap(weightsOf);
    case 'union':
      return tree.branches.flatMap(({ weight, tree: branch }) => [weight, ...weightsOf(branch)]);
    case 'leaf':
    case 'neg':
    case 'fail':
    case 'empty':
      return [];
    default:
      return tree satisfies never;
  }
}
