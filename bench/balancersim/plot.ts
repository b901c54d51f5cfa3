// Plot: the outcomes of one scenario come in, an SVG picture goes out: a row for each balancer, from its p50 to its p99.

import type { Outcome } from './simulate.js';

export interface Row {
  readonly balancer: string;
  readonly outcome: Outcome;
}

const WIDTH = 720;
const LEFT = 104;
const RIGHT = 540;
const TOP = 76;
const ROW = 34;
/** The axis, from 1 ms to 100 s, logarithmic. */
const DECADES = [1, 10, 100, 1000, 10_000, 100_000];

/** The picture has a ground of its own: it is readable whatever page it is on, and follows the reader's mode. */
const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .ground { fill: #ffffff; stroke: #d1d9e0 } .grid { stroke: #d1d9e0 } .muted { fill: #59636e; font-size: 12px }
  .title { font-weight: 600; font-size: 14px } .span { stroke: #8c959f; stroke-width: 2 }
  .p50 { fill: #0969da } .p99 { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .ground { fill: #0d1117; stroke: #3d444d } .grid { stroke: #30363d } .muted { fill: #9198a1 }
    .span { stroke: #656c76 } .p50 { fill: #4493f8 } .p99 { fill: #f0883e }
  }`;

export function drawPlot(title: string, rows: readonly Row[]): string {
  const bottom = TOP + rows.length * ROW;
  const height = bottom + 36;
  const axis = DECADES.map(
    (ms) =>
      `<line class="grid" x1="${x(ms)}" y1="${TOP - 8}" x2="${x(ms)}" y2="${bottom}"/>` +
      text(x(ms), bottom + 20, ms < 1000 ? `${ms} ms` : `${ms / 1000} s`, 'muted', 'middle'),
  );
  const body = rows.flatMap((row, i) => drawRow(row, TOP + i * ROW + ROW / 2));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${title}: p50 and p99 latency of each balancer</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>`,
    text(16, 28, title, 'title'),
    `<circle class="p50" cx="20" cy="46" r="5"/>`,
    text(30, 50, 'p50', 'muted'),
    `<circle class="p99" cx="72" cy="46" r="5"/>`,
    text(82, 50, 'p99', 'muted'),
    text(WIDTH - 88, 50, 'odd ones get', 'muted', 'end'),
    text(WIDTH - 16, 50, 'errors', 'muted', 'end'),
    ...axis,
    ...body,
    '</svg>\n',
  ].join('\n');
}

function drawRow({ balancer, outcome }: Row, y: number): readonly string[] {
  const { p50, p99, toOdd, failed } = outcome;
  return [
    text(16, y + 4, balancer),
    `<line class="span" x1="${x(p50)}" y1="${y}" x2="${x(p99)}" y2="${y}"/>`,
    `<circle class="p50" cx="${x(p50)}" cy="${y}" r="5"/>`,
    `<circle class="p99" cx="${x(p99)}" cy="${y}" r="5"/>`,
    text(x(p50) - 10, y + 4, showMs(p50), 'muted', 'end'),
    text(x(p99) + 10, y + 4, showMs(p99), 'muted'),
    text(WIDTH - 88, y + 4, showShare(toOdd), 'muted', 'end'),
    text(WIDTH - 16, y + 4, showShare(failed), 'muted', 'end'),
  ];
}

export function showMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

export function showShare(share: number): string {
  const percent = share * 100;
  if (percent === 0 || percent >= 1) return `${percent.toFixed(1)} %`;
  return `${percent.toFixed(percent < 0.01 ? 3 : 2)} %`;
}

/** Rounded, so that the files do not change in digits that nobody sees. */
function x(ms: number): number {
  const decades = Math.log10(DECADES.at(-1) as number);
  const at = Math.min(Math.max(Math.log10(ms) / decades, 0), 1);
  return Math.round((LEFT + at * (RIGHT - LEFT)) * 10) / 10;
}

function text(at: number, y: number, content: string, className = '', anchor = 'start'): string {
  return `<text x="${at}" y="${y}" class="${className}" text-anchor="${anchor}">${content}</text>`;
}
