// What deploy/kubernetes says of the gateway's pods, held against the configuration that they run with.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { CONTROLLER } from '../../../namers/kubernetes/ingress/ingress-class.js';
import { type AdminSecurityConfig, makeAdminSecurity } from '../../../src/admin/security.js';

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly [Container];
}

interface Config {
  readonly admin: { readonly port: number; readonly shutdownGraceMs: number; readonly security: AdminSecurityConfig };
  readonly routers: readonly [{ readonly servers: readonly Listener[] }];
}

interface Listener {
  readonly label: string;
  readonly port: number;
  readonly exposure?: string;
}

interface Service {
  readonly spec: { readonly ports: readonly { readonly targetPort: string }[] };
}

interface IngressClass {
  readonly spec: { readonly controller: string };
}

const read = (file: string): string => readFileSync(join('deploy/kubernetes/base', file), 'utf8');
const documents = (file: string): unknown[] => parseAllDocuments(read(file)).map((document) => document.toJS());

const config = parse(read('linkerd.yaml')) as Config;
const [{ servers }] = config.routers;
const services = documents('services.yaml') as Service[];
const targets = services.map(({ spec }) => spec.ports.map(({ targetPort }) => targetPort));
const pod: Pod = parse(read('deployment.yaml')).spec.template.spec;
const [container] = pod.containers;

describe('deploy/kubernetes', () => {
  it('opens the ports that the configuration listens on, by the names of its servers', () => {
    assert.deepEqual(
      container.ports.map(({ name, containerPort }) => [name, containerPort]),
      [...servers.map(({ label, port }) => [label, port]), ['admin', config.admin.port]],
    );
    assert.deepEqual(targets, [['http', 'https'], ['internal']]);
  });

  it('leads callers from outside to external listeners alone', () => {
    const [outside = []] = targets;
    for (const { label, exposure } of servers) {
      assert.equal(exposure ?? 'internal', outside.includes(label) ? 'external' : 'internal', label);
    }
  });

  it('gives pods the time of preStop and of a drain, and until a gateway ends itself', () => {
    const [, seconds] = container.lifecycle.preStop.exec.command;
    // 5 s: STUCK_AFTER_MS of src/cli/run.ts.
    const needed = Number(seconds) + config.admin.shutdownGraceMs / 1000 + 5;
    assert.ok(pod.terminationGracePeriodSeconds >= needed, `${needed}`);
  });

  it('probes pages that admin serves, and serves metrics beside them and nothing else', () => {
    const security = makeAdminSecurity(config.admin.security);
    const probed = [container.livenessProbe, container.readinessProbe].map(({ httpGet }) => httpGet);
    for (const { path, port } of [...probed, { path: '/admin/metrics/prometheus', port: 'admin' }]) {
      assert.ok(security.serves(path, 'diagnostics'), path);
      assert.equal(port, 'admin');
    }
    assert.ok(!security.serves('/config.json', 'ui'));
    assert.ok(!security.serves('/admin/metrics.json', 'diagnostics'));
    assert.ok(!security.serves('/admin/shutdown', 'control'));
  });

  it('mounts the configuration where it is run from, and has classes of the controller that the gateway is', () => {
    assert.deepEqual(container.args, ['run', join(container.volumeMounts[0]?.mountPath ?? '', 'linkerd.yaml')]);
    for (const { spec } of documents('ingress-classes.yaml') as IngressClass[]) {
      assert.equal(spec.controller, CONTROLLER);
    }
  });
});
