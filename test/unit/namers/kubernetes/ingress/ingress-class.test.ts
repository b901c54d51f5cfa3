import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClassWords, compile, ingress, ingressClass } from '../../../../support/ingress-scene.js';

const routes = ['shop.example.com/'];
const FOREIGN: ClassWords = { controller: 'k8s.io/ingress-nginx' };

describe('class of an Ingress', () => {
  const accepted = (one: ReturnType<typeof ingress>, words: Parameters<typeof compile>[1] = {}): boolean =>
    compile([one], words).verdict('web').accepted;
  const ofClass = (ingressClassName: string) => ingress('web', { routes, spec: { ingressClassName } });
  const annotated = (value: string, spec = {}) =>
    ingress('web', { routes, spec, annotations: { 'kubernetes.io/ingress.class': value } });

  it('is ours when spec.ingressClassName names a class of our controller', () => {
    assert.equal(accepted(ofClass('a'), { classes: [ingressClass('a')] }), true);
    assert.equal(accepted(ofClass('a'), { classes: [ingressClass('a', FOREIGN)] }), false);
    assert.equal(accepted(ofClass('a'), { classes: [ingressClass('b')] }), false);
  });

  it('is only the one that ingressClass names, when it does', () => {
    const classes = [ingressClass('a'), ingressClass('b'), ingressClass('n', FOREIGN)];
    assert.equal(accepted(ofClass('a'), { classes, ingressClass: 'a' }), true);
    assert.equal(accepted(ofClass('b'), { classes, ingressClass: 'a' }), false);
    assert.equal(accepted(ofClass('n'), { classes, ingressClass: 'n' }), false);
  });

  it('is ours by the annotation of 1.x, case and empty text included', () => {
    for (const [value, isOurs] of [
      ['linkerd', true],
      ['Linkerd', false],
      ['', false],
      ['nginx', false],
    ] as const) {
      assert.equal(accepted(annotated(value)), isOurs, value);
    }
    assert.equal(accepted(annotated('edge'), { ingressClassAnnotation: 'edge' }), true);
    assert.equal(accepted(annotated('linkerd'), { ingressClassAnnotation: 'edge' }), false);
  });

  it('is that of the field when there is an annotation too', () => {
    const classes = [ingressClass('a'), ingressClass('n', FOREIGN)];
    assert.equal(accepted(annotated('linkerd', { ingressClassName: 'n' }), { classes }), false);
    assert.equal(accepted(annotated('nginx', { ingressClassName: 'a' }), { classes }), true);
  });

  it('is the default one when it names none', () => {
    const none = ingress('web', { routes });
    assert.equal(accepted(none, { classes: [ingressClass('a', { isDefault: true })] }), true);
    assert.equal(
      accepted(none, { classes: [ingressClass('n', { ...FOREIGN, isDefault: true }), ingressClass('a')] }),
      false,
    );
    assert.equal(accepted(none, { classes: [ingressClass('a', { isDefault: true })], ingressClass: 'b' }), false);
  });

  it('is not needed, as in 1.x, as long as no class of our controller is there', () => {
    const none = ingress('web', { routes });
    assert.equal(accepted(none), true);
    assert.equal(accepted(none, { classes: [ingressClass('n', { ...FOREIGN, isDefault: true })] }), true);
    assert.equal(accepted(none, { classes: [ingressClass('a')] }), false);
  });

  it('says why an Ingress is not ours', () => {
    const why = (one: ReturnType<typeof ingress>, words: Parameters<typeof compile>[1] = {}) => {
      const verdict = compile([one], words).verdict('web');
      return verdict.accepted ? undefined : `${verdict.why.reason}: ${verdict.why.message}`;
    };
    assert.equal(why(ofClass('a')), 'ClassNotFound: spec.ingressClassName "a": there is no such IngressClass');
    assert.equal(
      why(ofClass('n'), { classes: [ingressClass('n', FOREIGN)] }),
      'ClassNotOurs: spec.ingressClassName "n" is not a class of linkgate.io/ingress-controller',
    );
    assert.equal(
      why(ofClass('b'), { classes: [ingressClass('b')], ingressClass: 'a' }),
      'ClassNotOurs: spec.ingressClassName "b" is not class a of linkgate.io/ingress-controller',
    );
    assert.equal(
      why(annotated('nginx')),
      'ClassNotOurs: annotation kubernetes.io/ingress.class is "nginx", ours is "linkerd"',
    );
    assert.match(
      why(ingress('web', { routes }), { classes: [ingressClass('a')] }) ?? '',
      /^NoClass: it names no class/,
    );
  });

  it('takes its routes away when it is deleted', () => {
    const seen = compile([ofClass('a')], { classes: [ingressClass('b')] });
    assert.deepEqual(seen.rules, []);
    assert.deepEqual(seen.compiled.routes.ownedHosts, []);
    assert.deepEqual([...seen.compiled.referencedSecrets], []);
  });
});

describe('exposure of a class', () => {
  const seen = (exposure: string | undefined, own?: string) =>
    compile(
      [
        ingress('web', {
          routes,
          spec: { ingressClassName: 'a' },
          ...(own !== undefined && { annotations: { exposure: own } }),
        }),
      ],
      { classes: [ingressClass('a', exposure === undefined ? {} : { exposure })] },
    );
  const exposureOf = (compiled: ReturnType<typeof seen>) => compiled.compiled.routes.rules[0]?.exposure;

  it('is that of Ingresses that say nothing; internal when it says nothing either', () => {
    assert.equal(exposureOf(seen(undefined)), 'internal');
    assert.equal(exposureOf(seen('external')), 'external');
    assert.equal(exposureOf(seen('external', 'internal')), 'internal');
    assert.equal(exposureOf(seen('internal', 'external')), 'external');
  });

  it('is internal when it is misspelt, and each Ingress of the class says so', () => {
    const misspelt = seen('exteral');
    assert.equal(exposureOf(misspelt), 'internal');
    assert.deepEqual(misspelt.messages('web'), [
      'IngressClass a: annotation linkgate.io/exposure "exteral" is neither internal nor external; Ingresses that do not say it themselves are internal',
    ]);
  });
});
