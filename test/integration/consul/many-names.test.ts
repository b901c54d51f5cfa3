// io.l5d.consul before a real agent that takes 200 connections of one address: more names than that are watched.

import assert from 'node:assert/strict';
import { after, before, beforeEach, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type Consul, startConsul } from '../registries/consul.js';
import { type CutProxy, startCutProxy } from '../registries/cut-proxy.js';
import { registrySuite } from '../registries/registry-suite.js';
import type { RestAnswer } from '../registries/rest.js';
import { type FollowedName, NamerScene } from './namer-scene.js';

expectNoOpenHandles();

const NAMES = 260;
/** Consul's `limits.http_max_conns_per_client`. */
const LIMIT = 200;

registrySuite('consul', () => {
  let consul: Consul;
  let proxy: CutProxy;
  before(async () => {
    consul = await startConsul();
    proxy = await startCutProxy(consul);
    await registerAll(1);
  });
  after(async () => {
    await proxy.close();
    await consul.stop();
  });
  let port = 1;
  beforeEach(() => {
    port += 1;
  });

  /** Again and again: these calls may be those that are one connection too many. */
  async function put(path: string, body: unknown): Promise<void> {
    const deadline = performance.now() + 5000;
    for (;;) {
      const answer = await consul.api('PUT', path, body).catch((error: unknown) => error);
      if ((answer as Partial<RestAnswer>).status === 200) return;
      if (performance.now() > deadline) throw answer;
      await pause(10);
    }
  }

  /** In few calls: a transaction takes 64 operations. */
  async function registerAll(port: number): Promise<void> {
    await put('/v1/catalog/register', { Node: 'n', Address: '127.0.0.1' });
    for (let from = 0; from < NAMES; from += 64) {
      const operations = Array.from({ length: Math.min(64, NAMES - from) }, (_, i) => {
        const name = `s${from + i}`;
        return {
          Service: { Verb: 'set', Node: 'n', Service: { ID: name, Service: name, Address: '10.0.0.1', Port: port } },
        };
      });
      await put('/v1/txn', operations);
    }
  }

  function followAll(scene: NamerScene, from = 0, to = NAMES): FollowedName[] {
    return Array.from({ length: to - from }, (_, i) => scene.follow(`/dc1/s${from + i}`));
  }

  function allHave(names: readonly FollowedName[], port: number): Promise<void> {
    return eventually(() => names.every(({ now }) => now.endsWith(`:${port}`)), { timeoutMs: 10_000 });
  }

  it('follows 260 names by less connections than Consul takes, without an error', async (t) => {
    await registerAll(port);
    const scene = new NamerScene(t, proxy);
    const names = followAll(scene);
    await allHave(names, port);
    await registerAll(1000 + port);
    await allHave(names, 1000 + port);
    assert.equal(scene.count('errors'), 0);
    assert.equal(scene.namer.state().blockingQueries, 112);
    assert.ok(proxy.connections <= 160 && proxy.connections < LIMIT, `${proxy.connections} connections`);
  });

  it('follows 260 names of two gateways that together want more connections than there are', async (t) => {
    await registerAll(port);
    const [one, two] = [new NamerScene(t, proxy), new NamerScene(t, proxy)];
    const names = [...followAll(one, 0, 130), ...followAll(two, 130)];
    await allHave(names, port);
    await registerAll(1000 + port);
    await allHave(names, 1000 + port);
  });

  it('leaves room for names that exist where made-up ones are asked for', async (t) => {
    await registerAll(port);
    const scene = new NamerScene(t, proxy);
    const absent = Array.from({ length: 100 }, (_, i) => scene.follow(`/dc1/absent-${i}`));
    await eventually(() => absent.every(({ now }) => now === 'neg'), { timeoutMs: 10_000 });
    assert.equal(scene.namer.state().blockingQueries, 56);
    const names = followAll(scene, 0, 64);
    await allHave(names, port);
    await eventually(() => scene.namer.state().blockingQueries === 112);
  });

  it('follows all of them again after a crash of the agent', async (t) => {
    await registerAll(port);
    const names = followAll(new NamerScene(t, consul));
    await allHave(names, port);
    await consul.kill();
    assert.ok(names.every(({ now }) => now.endsWith(`:${port}`)));
    await consul.start();
    await registerAll(1000 + port);
    await allHave(names, 1000 + port);
  });
});
