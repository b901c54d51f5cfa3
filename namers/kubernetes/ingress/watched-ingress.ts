// Watched ingress: an Ingress of the API in; what routes are made of, and apart from it the status that it has, out.

import { createHash } from 'node:crypto';
import { type JsonObject, listIn, objectIn } from '../json.js';
import { type IngressObject, projectIngress } from './ingress-object.js';

/** The name under which the API server keeps who wrote what: by it a leader knows what the one before it has written. */
export const FIELD_MANAGER = 'linkgate-ingress';

export interface WatchedIngress {
  /** The same object for as long as nothing but the status changes: our own writes compile nothing anew. */
  readonly object: IngressObject;
  /** Of what `object` was made of. */
  readonly hash: string;
  /** `status.loadBalancer.ingress`, as it is. */
  readonly status: readonly unknown[];
  /** We wrote that status, or had. */
  readonly isStatusOurs: boolean;
  readonly version: string;
}

export function watchedIngress(object: JsonObject, before?: WatchedIngress): WatchedIngress {
  const metadata = objectIn(object.metadata, 'metadata');
  const { uid, creationTimestamp, annotations } = metadata;
  const hash = createHash('sha1')
    .update(JSON.stringify([uid, creationTimestamp, annotations, object.spec]))
    .digest('base64');
  const balancer = objectIn(objectIn(object.status, 'status').loadBalancer, 'loadBalancer');
  return {
    object: before?.hash === hash ? before.object : projectIngress(object),
    hash,
    status: listIn(balancer.ingress, 'ingress'),
    isStatusOurs: listIn(metadata.managedFields, 'managedFields').some(
      (entry) => objectIn(entry, 'an entry').manager === FIELD_MANAGER,
    ),
    version: String(metadata.resourceVersion),
  };
}
