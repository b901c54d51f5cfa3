// The rungs of the program as rules: an import may only go down or stay inside its folder. Type imports count.
//
//   base ← service, naming, config/schema ← wire ← leaf folders, each of namers/ ← router ← admin, namerd ← linker ← kinds ← main, cli

/** Everything of ours; npm packages and Node's own modules are never the subject of a rung. */
const OURS = '^(src|namers|config|test|bench|scripts)/';

/** Folders of plugins that a configuration names with `kind:`. */
const KIND_FOLDERS = [
  'identifier',
  'classifier',
  'balancer',
  'accrual',
  'transformer',
  'interpreter',
  'telemeter',
  'announcer',
];
/** Folders of parts that every router has: the linker puts them together by protocol, not by kind. */
const PART_FOLDERS = ['server', 'client', 'retry', 'breaker'];
const LEAF_FOLDERS = [...KIND_FOLDERS, ...PART_FOLDERS];

const LOWER = '^(src/(base|service|naming|wire)|config/schema)/';
/** A leaf folder's contract file is named like the folder: src/balancer/balancer.ts. */
const CONTRACTS = `^src/(${LEAF_FOLDERS.map((folder) => `${folder}/${folder}`).join('|')})[.]ts$`;

/** What a registry of routes compiles them to, and what serves them: Kubernetes is one such registry. */
const ROUTES = '^src/identifier/(route-rule|route-table|path-regex)[.]ts$';

/** How files are followed knows nothing of naming: the command line follows the configuration with it. */
const FILE_WATCHING = '^namers/shared/(watched-directory|file-timing)[.]ts$';

/** Programs and public modules: nothing of ours imports them. */
const ENTRIES = '^(src/main[.]ts|src/plugin[.]ts|config/schema/write-json-schema[.]ts)$';
/** What authors of plugins import: it hands on what registries share, and nothing of ours imports it. */
const PLUGIN_MODULE = '^src/plugin[.]ts$';
const KINDS = '^src/kinds[.]ts$';

/**
 * @param {string} name
 * @param {string} comment
 * @param {string} from files that the rule is about
 * @param {string[]} allowed what of ours they may import (`$1` = first group of `from`)
 * @param {string} [except] files that the rule is not about
 */
function mayImportOnly(name, comment, from, allowed, except) {
  const about = except ? { path: from, pathNot: except } : { path: from };
  return { name, comment, severity: 'error', from: about, to: { path: OURS, pathNot: allowed } };
}

/**
 * @param {string} name
 * @param {string} comment
 * @param {object} from
 * @param {object} to
 */
function forbid(name, comment, from, to) {
  return { name, comment, severity: 'error', from, to };
}

module.exports = {
  forbidden: [
    forbid('no-cycles', 'Two files that need each other are one idea, or lack a third.', {}, { circular: true }),
    forbid('no-unresolved', 'The import leads nowhere.', { pathNot: '^bench/proxy/peers/' }, { couldNotResolve: true }),
    forbid(
      'no-orphans',
      'Nothing imports the file and it imports nothing: wire it in or delete it.',
      { orphan: true, pathNot: [ENTRIES, '[.]test[.]ts$', '^bench/proxy/peers/'] },
      {},
    ),
    forbid(
      'no-dead-code',
      'Product code that main never reaches: wire it in or delete it.',
      { path: ENTRIES },
      { path: '^(src|namers|config)/', pathNot: ENTRIES, reachable: false },
    ),
    forbid(
      'product-runs-alone',
      'What ships does not import tests, benchmarks or scripts.',
      { path: '^(src|namers|config)/' },
      { path: '^(test|bench|scripts)/' },
    ),
    forbid(
      'product-needs-no-dev-package',
      'What ships is installed without devDependencies.',
      { path: '^(src|namers|config)/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm'] },
    ),

    mayImportOnly('base', 'base imports nothing of ours.', '^src/base/', ['^src/base/']),
    mayImportOnly('service', 'service stands on base alone.', '^src/service/', ['^src/(base|service)/']),
    mayImportOnly('wire', 'wire turns bytes into messages and back.', '^src/wire/', ['^src/(base|service|wire)/']),
    mayImportOnly('naming', 'naming stands on base alone; it knows no requests.', '^src/naming/', [
      '^src/(base|naming)/',
    ]),
    mayImportOnly(
      'config-schema',
      'config/schema is given the kinds; it stands on base alone.',
      '^config/schema/',
      ['^src/base/', '^config/schema/'],
      ENTRIES,
    ),
    mayImportOnly(
      'leaf',
      'A leaf folder sees lower rungs, itself, and another leaf only through its contract file.',
      `^src/(${LEAF_FOLDERS.join('|')})/`,
      [LOWER, '^src/$1/', CONTRACTS],
    ),
    mayImportOnly(
      'registry',
      'A registry sees lower rungs, itself, namers/shared, contracts and the table of routes; never another registry.',
      '^namers/([^/]+)/',
      [LOWER, '^namers/(shared|$1)/', CONTRACTS, ROUTES],
    ),
    mayImportOnly('router', 'router sees contracts, never implementations.', '^src/router/', [
      LOWER,
      '^src/router/',
      CONTRACTS,
    ]),
    mayImportOnly(
      'admin-and-namerd',
      'admin and namerd are shown state as plain snapshots; they do not see each other nor the linker.',
      '^src/(admin|namerd)/',
      [LOWER, '^src/$1/', '^src/router/', CONTRACTS],
    ),
    forbid(
      'admin-is-on-top',
      'Nothing under the linker sees admin.',
      { path: OURS, pathNot: ['^src/admin/', '^src/(linker|main)[.]ts$', '^src/cli/', '^test/'] },
      { path: '^src/admin/' },
    ),
    forbid(
      'only-kinds-knows-implementations',
      'src/kinds.ts is the only importer of plugin implementations and of namers/.',
      {
        path: '^(src|namers|config)/',
        pathNot: [KINDS, PLUGIN_MODULE, `^src/(${KIND_FOLDERS.join('|')})/`, '^namers/'],
      },
      { path: [`^src/(${KIND_FOLDERS.join('|')})/`, '^namers/'], pathNot: [CONTRACTS, FILE_WATCHING] },
    ),
    forbid(
      'linker-is-given-the-kinds',
      'Only the programs choose the list of kinds; third-party plugins come in beside it.',
      { path: '^(src|namers|config)/', pathNot: [ENTRIES, '^src/cli/'] },
      { path: KINDS },
    ),
    forbid(
      'programs-are-not-libraries',
      'main and cli are the top rung: nothing under them sees them.',
      { path: OURS, pathNot: ['^src/main[.]ts$', '^src/cli/', '^test/'] },
      { path: ['^src/main[.]ts$', '^src/cli/'] },
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^bench/(node_modules|results)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
