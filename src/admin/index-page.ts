// The front page: what the linker shows of itself and the list of pages go in, HTML for people and a text list come out.

import type { Clock } from '../base/clock.js';
import type { AdminHandler, AdminRouter, AdminSource, Readiness } from './handler.js';
import { htmlResponse, textResponse } from './responses.js';

/** `pages` answers every page that is served, these included. */
export function indexHandlers(
  source: AdminSource,
  clock: Clock,
  pages: () => readonly AdminHandler[],
): readonly AdminHandler[] {
  const html = {
    category: 'ui',
    methods: ['GET'],
    description: 'This page.',
    handle: () => htmlResponse(indexHtml(source, clock, pages())),
  } as const;
  const text = {
    category: 'diagnostics',
    methods: ['GET'],
    description: 'The paths of all pages, one a line.',
    handle: () =>
      textResponse(
        200,
        pages()
          .map(({ path }) => `${path}\n`)
          .sort()
          .join(''),
      ),
  } as const;
  return [
    { path: '/', ...html },
    { path: '/admin/index.html', ...html },
    { path: '/admin', ...text },
    { path: '/admin/index.txt', ...text },
  ];
}

function indexHtml(source: AdminSource, clock: Clock, pages: readonly AdminHandler[]): string {
  const { name, version, revision, startedAt } = source.build;
  const build = `${version}${revision === undefined ? '' : ` (${revision.slice(0, 10)})`}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(name)} admin</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(name)} <small>${escapeHtml(build)}</small></h1>
<p>${readinessHtml(source.readiness)} <span class="quiet">&middot; up for ${showDuration(clock.epochMs() - startedAt)}</span></p>
</header>
<main>
<section>
<h2>Routers</h2>
${routersHtml(source.routers)}
</section>
<section>
<h2>Pages</h2>
<table class="pages">
<tbody>
${pages.map(pageHtml).join('\n')}
</tbody>
</table>
</section>
</main>
</body>
</html>
`;
}

function readinessHtml({ ready, reasons }: Readiness): string {
  if (ready) return '<a class="state ready" href="/admin/ready">ready</a>';
  return `<a class="state" href="/admin/ready">not ready</a> ${escapeHtml(reasons.join('; '))}`;
}

function routersHtml(routers: readonly AdminRouter[]): string {
  if (routers.length === 0) return '<p class="quiet">None yet.</p>';
  return `<table>
<thead><tr><th>Label</th><th>Protocol</th><th>Servers</th><th>Dtab</th></tr></thead>
<tbody>
${routers.map(routerHtml).join('\n')}
</tbody>
</table>`;
}

function routerHtml({ label, protocol, servers, dtab }: AdminRouter): string {
  const dentries = dtab.split(';').filter((dentry) => dentry.trim() !== '');
  const rules = dentries.map((dentry) => `<code>${escapeHtml(showDentry(dentry))}</code>`).join('<br>');
  return `<tr><td>${escapeHtml(label)}</td><td>${escapeHtml(protocol)}</td><td>${servers
    .map((server) => `<code>${escapeHtml(server)}</code>`)
    .join('<br>')}</td><td>${rules || '<span class="quiet">empty</span>'}</td></tr>`;
}

/** With the spaces round the arrow that Linkerd leaves out when it shows a dtab. */
function showDentry(dentry: string): string {
  return dentry.trim().replace(/\s*=>\s*/, ' => ');
}

/** Pages that a click must not trigger are shown without a link. */
function pageHtml({ path, description, exampleQuery, getChangesState }: AdminHandler): string {
  const shown = `<code>${escapeHtml(path)}</code>`;
  const link = getChangesState ? shown : `<a href="${escapeHtml(path + (exampleQuery ?? ''))}">${shown}</a>`;
  return `<tr><td>${link}</td><td>${escapeHtml(description)}</td></tr>`;
}

/** `3 d 4 h`, `4 h 12 min`, `12 min`, `40 s`. */
function showDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Labels, dtabs and reasons hold what other people wrote. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ESCAPES[character] ?? character);
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2733; --quiet: #66727f; --line: #dfe4ea; --paper: #fff; --ground: #f5f7f9;
  --link: #0b63ce; --good: #137a3f; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ee; --quiet: #93a0ad; --line: #2c3640; --paper: #171e26;
  --ground: #10151b; --link: #74b0ff; --good: #5fce8f; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 3rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: 0 1.5rem; }
h1 { margin: 0; font-size: 1.6rem; }
h1 small { font-size: 0.95rem; font-weight: 400; color: var(--quiet); }
h2 { margin: 0 0 0.5rem; font-size: 1.05rem; }
header p { margin: 0.25rem 0; }
section { margin-top: 1.25rem; padding: 1rem 1.25rem; background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
  overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-size: 0.85rem; font-weight: 600; color: var(--quiet); }
th, td { padding: 0.35rem 1.5rem 0.35rem 0; vertical-align: top; }
tr + tr td, thead + tbody td { border-top: 1px solid var(--line); }
td:last-child { padding-right: 0; overflow-wrap: anywhere; }
.pages td:first-child { width: 1%; white-space: nowrap; }
@media (max-width: 40rem) { .pages td, .pages td:first-child { display: block; width: auto; padding-right: 0; white-space: normal; }
  .pages tr td + td { padding-top: 0; border-top: 0; } }
code { font: 0.9em ui-monospace, "DejaVu Sans Mono", monospace; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
.quiet { color: var(--quiet); }
.state { padding: 0.1rem 0.6rem; border: 1px solid; border-radius: 1rem; font-weight: 600; color: var(--bad); }
.state.ready { color: var(--good); }
`;
