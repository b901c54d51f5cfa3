// Endpoints watch: the endpoints of every service of a namespace, from the best of the API's collections that can be had.

import type { Logger } from '../../src/base/log.js';
import { BestCollection, type CollectionSource } from './best-collection.js';
import { CollectionWatch, type CollectionWatchOptions } from './collection-watch.js';
import { type EndpointObject, endpointSlices, endpointsSubsets } from './endpoint-object.js';

export interface EndpointsWatchOptions
  extends Omit<CollectionWatchOptions<EndpointObject>, 'path' | 'project' | 'name'> {
  readonly namespace: string;
  readonly labelSelector: string | undefined;
  readonly log: Logger;
}

/**
 * Slices where the server has them (v1 from 1.21 on, v1beta1 from 1.17 to 1.24), Endpoints where it does not, or where only
 * those may be read.
 */
export function watchEndpoints(options: EndpointsWatchOptions): BestCollection<EndpointObject> {
  const { namespace, labelSelector, log } = options;
  const slices = endpointSlices(labelSelector);
  const source = (api: string, resource: string, project: typeof slices): CollectionSource<EndpointObject> => ({
    name: `${api.replace(/^apis?\//, '')} ${resource}`,
    watch: new CollectionWatch({ ...options, path: `/${api}/namespaces/${namespace}/${resource}`, project }),
  });
  return new BestCollection({
    what: `endpoints of namespace ${namespace}`,
    log,
    sources: [
      source('apis/discovery.k8s.io/v1', 'endpointslices', slices),
      source('apis/discovery.k8s.io/v1beta1', 'endpointslices', slices),
      source('api/v1', 'endpoints', endpointsSubsets(labelSelector)),
    ],
  });
}
