// Scopes of the metrics tree go in one by one, Prometheus name and labels of the place reached come out.
//
//   rt/http/client/#/io.l5d.fs/web/service/svc/web/requests
//   → rt:client:service:requests{rt="http", client="#/io.l5d.fs/web", service="svc/web"}

/** What kind of scope the walk has reached, as far as it decides what the next component means. */
type Place =
  | 'root'
  | 'ages'
  | 'routers'
  | 'router'
  | 'services'
  | 'clients'
  | 'client'
  | 'servers'
  | 'exceptions'
  | 'elsewhere';

export interface MetricPlace {
  readonly place: Place;
  /** Valid as a metric name anywhere but at the root. */
  readonly name: string;
  /** What is written between the braces, without the exception; may be empty. */
  readonly labels: string;
  /** Exception classes passed, joined with `:`; empty outside of `failures` and `exn`. */
  readonly exception: string;
}

const ORDINARY: ReadonlyMap<string, Place> = new Map([
  ['failures', 'exceptions'],
  ['exn', 'exceptions'],
]);
const BELOW_ROOT: ReadonlyMap<string, Place> = new Map([
  ['rt', 'routers'],
  ['namer_state_age_seconds', 'ages'],
]);
const BELOW_CLIENT: ReadonlyMap<string, Place> = new Map([...ORDINARY, ['service', 'services']]);
const BELOW_ROUTER: ReadonlyMap<string, Place> = new Map([
  ...BELOW_CLIENT,
  ['client', 'clients'],
  ['server', 'servers'],
]);

/** The root of the tree. `prefix` is put before the first component, without a separator. */
export function rootPlace(prefix: string): MetricPlace {
  return { place: 'root', name: escapeName(prefix), labels: '', exception: '' };
}

/** The place of the scope `component` below `at`. */
export function placeBelow(at: MetricPlace, component: string): MetricPlace {
  switch (at.place) {
    case 'root':
      return { ...at, place: BELOW_ROOT.get(component) ?? 'elsewhere', name: firstName(at.name, component) };
    case 'router':
      return named(at, component, BELOW_ROUTER);
    case 'client':
      return named(at, component, BELOW_CLIENT);
    case 'elsewhere':
      return named(at, component, ORDINARY);
    case 'routers':
      return labelled(at, 'rt', component, 'router');
    case 'ages':
      return labelled(at, 'namer', component, 'elsewhere');
    case 'services':
      return labelled(at, 'service', component, 'elsewhere');
    case 'servers':
      return labelled(at, 'server', component, 'elsewhere');
    case 'clients':
      return labelled(at, 'client', component, 'client');
    case 'exceptions':
      return { ...at, exception: at.exception === '' ? component : `${at.exception}:${component}` };
    default:
      return at.place satisfies never;
  }
}

/** Everything between the braces of a sample at `at`; may be empty. */
export function showLabels(at: MetricPlace): string {
  return at.exception === '' ? at.labels : withLabel(at.labels, 'exception', at.exception);
}

/** `labels` and one more: with comma and space, as Linkerd writes it. */
export function withLabel(labels: string, key: string, value: string): string {
  return `${labels === '' ? '' : `${labels}, `}${key}="${escapeLabelValue(value)}"`;
}

function named(at: MetricPlace, component: string, below: ReadonlyMap<string, Place>): MetricPlace {
  const shown = component === 'exn' ? 'exceptions' : escapeName(component);
  return { place: below.get(component) ?? 'elsewhere', name: `${at.name}:${shown}`, labels: at.labels, exception: '' };
}

function labelled(at: MetricPlace, key: string, value: string, place: Place): MetricPlace {
  return { place, name: at.name, labels: withLabel(at.labels, key, value), exception: '' };
}

function firstName(prefix: string, component: string): string {
  const name = prefix + escapeName(component);
  // A name may hold digits but not begin with one.
  return /^[a-zA-Z_:]/.test(name) ? name : `_${name}`;
}

function escapeName(text: string): string {
  return text.replace(/[^a-zA-Z0-9:]/g, '_');
}

/** By the format's rules. Linkerd replaces each of the three characters by two backslashes, which loses what it was. */
function escapeLabelValue(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
