// An exposure report in, its text for people out: each listener with its hosts, each host with its names, each name with what it
// leads to.
//
//   0.0.0.0:443 of edge: 1 host, names begin with /ext
//
//   shop.example.com   (Consul 127.0.0.1:8500 service shop)
//     /ext/shop.example.com
//       ✓ /#/io.l5d.consul/dc1/shop   2 addresses, 1 denied
//       · /#/io.l5d.fs/shop           1 address, only when those above are gone

import type { ExposureReport, HostReport, ListenerReport, NameReport, TargetReport } from '../exposure/exposure.js';

export function drawExposure({ listeners }: ExposureReport): string {
  if (listeners.length === 0) return 'Nothing can be reached from outside: no listener has exposure: external.\n';
  return listeners.map(drawListener).join('\n');
}

function drawListener(report: ListenerReport): string {
  const { router, listener, dstPrefix, hosts, denyAddresses } = report;
  const lost = hosts.filter(({ names }) => names.every(({ outcome }) => outcome === 'nothing')).length;
  const lines = [
    `${listener} of ${router}: ${count(hosts.length, 'host')}${lost === 0 ? '' : `, ${lost} of them 404`}, names begin with ${dstPrefix}`,
    `never reached: ${denyAddresses.join(', ') || 'no address is denied'}`,
    ...hosts.flatMap((host) => ['', ...drawHost(host)]),
    ...section('Rules that no published host gets to', report.deadRules),
    ...section('Warnings', report.warnings),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function drawHost({ host, publishedBy, names }: HostReport): readonly string[] {
  return [
    `${host}   (${publishedBy.join(', ')})`,
    ...(names.length === 0 ? ['  no name: 404'] : names.flatMap(drawName)),
  ];
}

function drawName(report: NameReport): readonly string[] {
  const { path, by, name, targets } = report;
  const request = [...(path === '*' ? [] : [path]), ...(by === null ? [] : [`(${by})`])].join(' ');
  const outcome = outcomeOf(report);
  const line = [request, name ?? 'no name'].filter((part) => part !== '').join('  → ');
  const width = Math.max(0, ...targets.map(({ id }) => id.length));
  return [
    `  ${line}${outcome === '' ? '' : `: ${outcome}`}`,
    ...targets.map((target) => `    ${target.inUse ? '✓' : '·'} ${target.id.padEnd(width)}   ${drawTarget(target)}`),
  ];
}

/** Empty where the targets say it. */
function outcomeOf({ outcome, note }: NameReport): string {
  const why = note === null ? '' : ` (${note})`;
  switch (outcome) {
    case 'reached':
      return '';
    case 'nothing':
      return `nothing, 404${why}`;
    case 'failed':
      return `502${why}`;
    case 'unknown':
      return `not known${why}`;
    default:
      return outcome satisfies never;
  }
}

function drawTarget({ inUse, addresses, denied, status, error }: TargetReport): string {
  const reached = status === null ? count(addresses, 'address', 'addresses') : `answers ${status} itself`;
  const parts = [
    error ?? reached,
    ...(denied > 0 ? [`${denied} denied`] : []),
    ...(inUse ? [] : ['only when those in use are gone']),
  ];
  return parts.join(', ');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
