// Pages about names: bound names, watch state of each namer and of each source of routes, addresses of each client.

import type { Addr } from '../base/addr.js';
import { showAddress } from '../base/addr.js';
import type { AdminHandler, AdminNamer, AdminRouter, AdminSource } from './handler.js';
import { jsonResponse } from './responses.js';

export function namingHandlers(source: AdminSource): readonly AdminHandler[] {
  return [
    {
      path: '/bound-names.json',
      category: 'diagnostics',
      methods: ['GET'],
      description: 'Bound names known to namers that can list them.',
      handle: () => jsonResponse(boundNames(source.namers)),
    },
    {
      path: '/client_state.json',
      category: 'diagnostics',
      methods: ['GET'],
      description: 'State and addresses of each client, by bound name.',
      handle: () => jsonResponse(clientStates(source), 'application/json;charset=UTF-8'),
    },
    // Of two with one prefix the later has the page, as it has the names.
    ...[...source.namers].reverse().flatMap(namerStateHandler),
    ...source.routers.flatMap(interpreterStateHandler),
    ...source.routers.flatMap(identifierStateHandler),
  ];
}

/** `[]` when there is none, where Linkerd answers `[""]`. */
function boundNames(namers: readonly AdminNamer[]): readonly string[] {
  return [...new Set(namers.flatMap((namer) => namer.boundNames?.() ?? []).map((id) => id.show()))];
}

function clientStates(source: AdminSource): object {
  const clients = source.routers.flatMap((router) => router.clients());
  return Object.fromEntries(clients.map(({ id, addr }) => [id.show(), clientState(addr)]));
}

function clientState(addr: Addr): { readonly state: string; readonly addresses: readonly string[] } {
  switch (addr.state) {
    case 'bound':
      return { state: 'bound', addresses: addr.addresses.map(showAddress) };
    case 'neg':
      return { state: 'Neg', addresses: [] };
    case 'pending':
      return { state: 'Pending', addresses: [] };
    case 'failed':
      return { state: `Failed: ${addr.error.message}`, addresses: [] };
    default:
      return addr satisfies never;
  }
}

/** A page for a namer that tells its state. */
function namerStateHandler(namer: AdminNamer): readonly AdminHandler[] {
  const prefix = namer.prefix.drop(1).show();
  const what = `What the namer ${namer.prefix.show()} watches, and how that goes.`;
  return stateHandler(`/namer_state${prefix}.json`, what, namer);
}

/** The kind in lower case, as Linkerd has it in `io.l5d.k8s.configmap.json`. */
function interpreterStateHandler({ label, interpreter, interpreterKind }: AdminRouter): readonly AdminHandler[] {
  const path = `/${label}/interpreter_state/${interpreterKind.toLowerCase()}.json`;
  return stateHandler(path, `What the interpreter of the router ${label} watches, and how that goes.`, interpreter);
}

/** A list: of each of its identifiers that has routes from a registry. */
function identifierStateHandler(router: AdminRouter): readonly AdminHandler[] {
  if (router.identifierStates().length === 0) return [];
  const { label } = router;
  const what = `Where the router ${label} has its routes from, and how that goes.`;
  return stateHandler(`/identifier_state/${label}.json`, what, { state: () => router.identifierStates() });
}

function stateHandler(path: string, description: string, of: { state?(): unknown }): readonly AdminHandler[] {
  if (!of.state) return [];
  return [
    {
      path: path.replace(/[#%\\?\s]/g, encodeURIComponent),
      category: 'diagnostics',
      methods: ['GET'],
      description,
      handle: () => jsonResponse(of.state?.()),
    },
  ];
}
