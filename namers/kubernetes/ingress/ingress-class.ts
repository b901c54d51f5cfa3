// Ingress class: the IngressClasses of a cluster in; whether an Ingress is ours, and how exposed its class makes it, out.

import type { Exposure } from '../../../src/naming/publication.js';
import { show } from '../../shared/members.js';
import { type JsonObject, objectIn } from '../json.js';
import { ANNOTATION_PREFIX, type IngressObject } from './ingress-object.js';

/** `spec.controller` of the classes that are ours. */
export const CONTROLLER = 'linkgate.io/ingress-controller';
const DEFAULT_ANNOTATION = 'ingressclass.kubernetes.io/is-default-class';
const EXPOSURE_ANNOTATION = `${ANNOTATION_PREFIX}exposure`;

export interface IngressClassObject {
  readonly name: string;
  /** Its controller is `CONTROLLER`. */
  readonly isOurs: boolean;
  readonly isDefault: boolean;
  /** Annotation `linkgate.io/exposure` as it was written. */
  readonly exposure: string | undefined;
}

export interface ClassOptions {
  /** Only the IngressClass of this name; undefined: all of our controller. */
  readonly ingressClass: string | undefined;
  /** Value of the annotation `kubernetes.io/ingress.class` that is ours: `linkerd` in 1.x. */
  readonly ingressClassAnnotation: string;
}

export interface NotAccepted {
  readonly accepted: false;
  readonly reason: 'ClassNotFound' | 'ClassNotOurs' | 'NoClass';
  readonly message: string;
}

export interface Accepted {
  readonly accepted: true;
  /** What its class says of Ingresses that say nothing themselves. */
  readonly exposure: Exposure;
  /** What is wrong with the class. */
  readonly problem: string | undefined;
}

/** Throws when it has no name. */
export function projectIngressClass(object: JsonObject): IngressClassObject {
  const metadata = objectIn(object.metadata, 'metadata');
  const annotations = objectIn(metadata.annotations, 'annotations');
  const exposure = annotations[EXPOSURE_ANNOTATION];
  if (typeof metadata.name !== 'string') throw new Error(`metadata.name ${show(metadata.name)} is no name`);
  return {
    name: metadata.name,
    isOurs: objectIn(object.spec, 'spec').controller === CONTROLLER,
    isDefault: annotations[DEFAULT_ANNOTATION] === 'true',
    exposure: typeof exposure === 'string' ? exposure.slice(0, 100) : undefined,
  };
}

/** `spec.ingressClassName`, else the annotation, else the default class, else the rule of 1.x: no class is ours. */
export function classJudge(classes: readonly IngressClassObject[], options: ClassOptions) {
  const ours = new Map<string, Accepted>();
  for (const one of classes) {
    const isOurs = one.isOurs && (options.ingressClass === undefined || one.name === options.ingressClass);
    if (isOurs) ours.set(one.name, acceptedBy(one));
  }
  const known = new Set(classes.map(({ name }) => name));
  const defaultClass = classes.find(({ name, isDefault }) => isDefault && ours.has(name));
  return ({ className, classAnnotation }: IngressObject): Accepted | NotAccepted => {
    if (className !== undefined) return ours.get(className) ?? notOurs(className, known.has(className), options);
    if (classAnnotation !== undefined) {
      return classAnnotation === options.ingressClassAnnotation
        ? WITHOUT_CLASS
        : otherAnnotation(classAnnotation, options);
    }
    if (defaultClass !== undefined) return ours.get(defaultClass.name) ?? WITHOUT_CLASS;
    return classes.some(({ isOurs }) => isOurs) ? NO_CLASS : WITHOUT_CLASS;
  };
}

const WITHOUT_CLASS: Accepted = { accepted: true, exposure: 'internal', problem: undefined };

const NO_CLASS: NotAccepted = {
  accepted: false,
  reason: 'NoClass',
  message: `it names no class, and no IngressClass of ${CONTROLLER} is the default; set spec.ingressClassName`,
};

function acceptedBy({ name, exposure = 'internal' }: IngressClassObject): Accepted {
  if (exposure === 'internal' || exposure === 'external') return { accepted: true, exposure, problem: undefined };
  const is = `IngressClass ${name}: annotation ${EXPOSURE_ANNOTATION} ${show(exposure)} is neither internal nor external`;
  return {
    accepted: true,
    exposure: 'internal',
    problem: `${is}; Ingresses that do not say it themselves are internal`,
  };
}

function notOurs(className: string, isKnown: boolean, { ingressClass }: ClassOptions): NotAccepted {
  const at = `spec.ingressClassName ${show(className)}`;
  if (!isKnown) return { accepted: false, reason: 'ClassNotFound', message: `${at}: there is no such IngressClass` };
  const wanted = ingressClass === undefined ? `a class of ${CONTROLLER}` : `class ${ingressClass} of ${CONTROLLER}`;
  return { accepted: false, reason: 'ClassNotOurs', message: `${at} is not ${wanted}` };
}

function otherAnnotation(value: string, { ingressClassAnnotation }: ClassOptions): NotAccepted {
  const message = `annotation kubernetes.io/ingress.class is ${show(value)}, ours is ${show(ingressClassAnnotation)}`;
  return { accepted: false, reason: 'ClassNotOurs', message };
}
