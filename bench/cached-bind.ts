// Cached bind: bytes that naming and binding a request costs when the name was asked for before.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { signal } from '@preact/signals-core';
import { addrBound, makeAddress } from '../src/base/addr.js';
import { EMPTY_DTAB } from '../src/base/dtab.js';
import { leaf } from '../src/base/name-tree.js';
import { EMPTY_PATH, Path, pathFromText } from '../src/base/path.js';
import { headerTokenIdentifier } from '../src/identifier/header-token.js';
import { Bindings } from '../src/router/bindings.js';
import { FakeClients } from '../test/support/fake-clients.js';
import { FakeInterpreter } from '../test/support/fake-interpreter.js';
import { makeNaming } from '../test/support/identify.js';
import { requestHead } from '../test/support/requests.js';
import { serviceSettings } from '../test/support/service-settings.js';

const WARM_UP = 200_000;
/** Few enough that even one small object each stays in the young generation, uncollected, to be seen. */
const BINDS = 10_000;

/** Identifier, binding cache and the choice of a leaf: all that stands between a request's head and its endpoints. */
export function cachedBindBytes(): number {
  const clients = new FakeClients();
  const interpreter = new FakeInterpreter();
  const id = pathFromText('#', 'bench', 'web');
  const addr = signal(addrBound([makeAddress('127.0.0.1', 80)]));
  interpreter.binds('/svc/web', leaf({ id, residual: EMPTY_PATH, addr }));
  const bindings = new Bindings({
    interpreter,
    serviceSettings: () => serviceSettings(),
    makeClient: clients.make,
    maxPaths: 1000,
    maxClients: 1000,
    idleTtlMs: 600_000,
    clock: clients.clock,
    random: clients.random,
    metrics: clients.metrics,
    realms: [],
  });
  const identify = makeNaming(headerTokenIdentifier, { header: 'Host' });
  const request = requestHead([['Host', 'web']]);
  let bound = 0;
  const bind = (): void => {
    const name = identify(request);
    if (name instanceof Path && bindings.of(undefined, undefined).get(name, EMPTY_DTAB, 0).resolve().state === 'bound')
      bound += 1;
  };

  for (let i = 0; i < WARM_UP; i++) bind();
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < BINDS; i++) bind();
  const after = process.memoryUsage().heapUsed;
  bindings.close();
  return bound === WARM_UP + BINDS ? (after - before) / BINDS : Number.NaN;
}
