// Realm: what is done to the bound names of one listener, or of the routes that say how their endpoints are spoken to. Each
// realm of a router has clients of its own, told apart by what their ids begin with:
//
//   /#/io.l5d.fs/web                                    a name of a router's own listeners
//   /%/linkgate.external/#/io.l5d.fs/web                of a listener of `exposure: external`
//   /%/linkgate.backend/https/#/io.l5d.fs/web           of a route of `backend: https`
//   /%/linkgate.backend/https/%/linkgate.external/#/…   of both

import { ok } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import { leaf } from '../base/name-tree.js';
import { type Path, pathFromText } from '../base/path.js';
import type { BackendProtocol } from '../identifier/identifier.js';
import type { Transformer } from '../naming/transformer.js';

export interface Realm {
  /** Realms of one router with the same words are one, also across configurations; other words, other ids. */
  readonly words: string;
  /** Its ids begin with `/%/linkgate.<name>`. */
  readonly transformer: Transformer;
}

const REALM = /^linkgate\./;
const BACKEND = 'linkgate.backend';

/** Addresses stay as they are. */
export function makeBackendTransformer(backend: BackendProtocol): Transformer {
  const prefix = pathFromText('%', BACKEND, backend);
  return {
    name: BACKEND,
    transform: (bound) => ok(leaf<Bound>({ ...bound, id: prefix.concat(bound.id) })),
    close: () => {},
  };
}

/** Undefined: as the router's configuration says. */
export function backendOf(id: Path): BackendProtocol | undefined {
  const [percent, name, backend] = id.elements;
  return percent === '%' && name === BACKEND ? (backend as BackendProtocol) : undefined;
}

/** The id of the same name in no realm, which is what the prefixes of `client.configs` speak of. */
export function withoutRealm(id: Path): Path {
  let bare = id;
  while (bare.elements[0] === '%' && REALM.test(bare.elements[1] ?? '')) {
    const next = bare.elements.findIndex((element, i) => i > 1 && ID_BEGINNINGS.has(element));
    if (next < 0) return bare;
    bare = bare.drop(next);
  }
  return bare;
}

/** Of ids: a namer's, a transformer's, a system namer's. */
const ID_BEGINNINGS: ReadonlySet<string> = new Set(['#', '%', '$']);
