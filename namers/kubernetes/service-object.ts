// Service object: a v1 Service of the API in, what is needed of it to turn a port and a name into addresses out.

import { checkHost, checkPort } from '../shared/members.js';
import { labelIn, labelsOf } from './endpoint-object.js';
import { type JsonObject, listIn, objectIn, textIn } from './json.js';

export interface ServiceObject {
  /** Value of the label that the namer selects by. */
  readonly label: string | undefined;
  /** TCP alone. */
  readonly ports: readonly ServicePort[];
  /** Of an ExternalName service: the DNS name that stands for it, without a final dot. */
  readonly externalName?: string;
  /** It has no address of its own: whoever asks is told of its endpoints. */
  readonly isHeadless: boolean;
  /** Host names and addresses of the load balancers in front of it. */
  readonly ingress: readonly string[];
}

export interface ServicePort {
  /** Lower-cased; empty when it has none. */
  readonly name: string;
  /** 1-65535. */
  readonly port: number;
  /** What it leads to in a pod: a number, or the name of a port of the pod. */
  readonly target: number | string;
}

/** Throws what makes the whole of it useless. */
export function projectService(labelSelector: string | undefined) {
  return (object: JsonObject): ServiceObject => {
    const spec = objectIn(object.spec, 'spec');
    return {
      label: labelIn(labelsOf(object), labelSelector),
      ports: listIn(spec.ports, 'ports').flatMap((entry) => servicePort(objectIn(entry, 'a port'))),
      ...(spec.type === 'ExternalName' && { externalName: checkExternalName(spec.externalName) }),
      isHeadless: spec.clusterIP === 'None',
      ingress: ingressOf(object),
    };
  };
}

function servicePort({ name, port, targetPort, protocol = 'TCP' }: JsonObject): readonly ServicePort[] {
  if (protocol !== 'TCP') return [];
  const number = checkPort(port);
  return [
    { name: (textIn(name, 'name of a port') ?? '').toLowerCase(), port: number, target: targetOf(targetPort, number) },
  ];
}

/** Absent, or 0 as Go's encoder has it: the port itself. */
function targetOf(target: unknown, port: number): number | string {
  if (target === undefined || target === null || target === 0 || target === '') return port;
  return typeof target === 'string' && !/^\d+$/.test(target) ? target.toLowerCase() : checkPort(target);
}

/**
 * A name in DNS. `localhost` and IP addresses are refused: whoever may write services must not reach what listens on the
 * gateway's own loopback, as its admin interface does.
 */
function checkExternalName(value: unknown): string {
  const name = checkHost(value).replace(/\.$/, '').toLowerCase();
  if (/^[\d.]+$|:|^(.*\.)?localhost$/.test(name)) throw new Error(`externalName "${name}" is no name in DNS`);
  return name;
}

function ingressOf(object: JsonObject): readonly string[] {
  const balancer = objectIn(objectIn(object.status, 'status').loadBalancer, 'loadBalancer');
  return listIn(balancer.ingress, 'ingress').flatMap((entry) => {
    const { hostname, ip } = objectIn(entry, 'ingress');
    const host = textIn(hostname, 'hostname') ?? textIn(ip, 'ip');
    return host === undefined ? [] : [checkHost(host)];
  });
}
