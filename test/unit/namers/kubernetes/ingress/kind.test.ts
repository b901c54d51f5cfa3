import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ingressIdentifier } from '../../../../../namers/kubernetes/index.js';
import { GatewayError } from '../../../../../src/base/errors.js';
import { pathFromText } from '../../../../../src/base/path.js';
import type { IdentifierContext, RouteSource } from '../../../../../src/identifier/identifier.js';
import { identifierContext, ORIGIN } from '../../../../support/identify.js';
import { makeKind } from '../../../../support/make-kind.js';
import { requestHead } from '../../../../support/requests.js';

const { config } = ingressIdentifier;

/** What the source that `keys` stand for says of the leader: null where none is wanted. Nothing is started. */
function leaderOf(keys: object): unknown {
  let source: RouteSource | undefined;
  const context: IdentifierContext = identifierContext({
    source: (make) => {
      const made = make();
      source = made;
      return made;
    },
  });
  makeKind(ingressIdentifier, keys, context);
  assert.ok(source?.state);
  return (source.state() as { readonly leader: unknown }).leader;
}

describe('io.l5d.ingress', () => {
  it('has the defaults of Linkerd 1.x, and writes nothing', () => {
    assert.deepEqual(config.parse({}), {
      inCluster: false,
      ingressClassAnnotation: 'linkerd',
      ignoreDefaultBackends: false,
      pathRegex: false,
      hostOwnership: 'first',
      lease: { name: 'linkgate-ingress' },
    });
    assert.equal(leaderOf({}), null);
  });

  it('writes where it is told what to publish, and events alone where it is told so', () => {
    assert.equal(leaderOf({ publishAddresses: ['192.0.2.1', '2001:db8::1', 'edge.example.com'] }), false);
    assert.equal(leaderOf({ publishService: 'linkgate/edge' }), false);
    assert.equal(leaderOf({ events: true }), false);
    assert.equal(leaderOf({ publishService: 'linkgate/edge', events: false }), false);
  });

  for (const [keys, problem] of [
    [{ namespace: 'Shop' }, /^namespace: /],
    [{ ingressClass: 'a/b' }, /^ingressClass: /],
    [{ ingressClassAnnotation: '' }, /ingressClassAnnotation: /],
    [{ hostOwnership: 'last' }, /hostOwnership: /],
    [{ pathRegex: 'yes' }, /pathRegex: /],
    [{ publishService: 'edge' }, /^publishService: /],
    [{ publishService: 'a/b/c' }, /publishService: /],
    [{ publishAddresses: [] }, /publishAddresses: /],
    [{ publishAddresses: ['http://edge'] }, /^publishAddresses,0: /],
    [{ publishAddresses: ['192.0.2.1'], publishService: 'a/b' }, /publishAddresses: .*both say what the status is/],
    [{ lease: { namespace: 'A' } }, /^lease,namespace: /],
    [{ lease: { name: '' } }, /lease,name: /],
    [{ lease: { holder: 'x' } }, /lease: .*holder/],
    [{ inCluster: true, host: 'localhost' }, /inCluster: inCluster and host are two ways/],
    [{ colour: 'red' }, /colour/],
  ] as const) {
    it(`refuses ${JSON.stringify(keys)}`, () => {
      const issues = config.safeParse(keys).error?.issues ?? [];
      assert.match(issues.map(({ path, message }) => `${path}: ${message}`).join('; '), problem);
    });
  }

  it('keeps its Lease in the namespace of its pod, and refuses one that is none', (t) => {
    t.after(() => {
      delete process.env.POD_NAMESPACE;
    });
    process.env.POD_NAMESPACE = 'Not A Namespace';
    assert.throws(() => leaderOf({ events: true }), /POD_NAMESPACE is "Not A Namespace", want the name of a namespace/);
    assert.equal(leaderOf({}), null);
    assert.equal(leaderOf({ events: true, lease: { namespace: 'linkgate' } }), false);
  });

  it('answers routes-pending before it was started, for every prefix that shares its source', () => {
    let made = 0;
    let shared: unknown;
    const source: IdentifierContext['source'] = (make) => {
      if (shared === undefined) made += 1;
      shared ??= make();
      return shared as ReturnType<typeof make>;
    };
    for (const [prefix, exposure] of [
      ['svc', 'internal'],
      ['ext', 'external'],
    ] as const) {
      const context = identifierContext({ dstPrefix: pathFromText(prefix), exposure, source });
      const identify = makeKind(ingressIdentifier, { port: 1 }, context);
      assert.throws(
        () => identify(requestHead([['host', 'shop.example.com']]), ORIGIN),
        (error: unknown) =>
          error instanceof GatewayError &&
          error.code === 'routes-pending' &&
          /Kubernetes localhost:1: ingresses are not known yet/.test(error.message),
      );
    }
    assert.equal(made, 1);
  });
});
