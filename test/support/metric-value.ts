// Metric value: a scope and the components of a name in, the number that a counter or gauge has there out.

import type { MetricsScope } from '../../src/base/metrics.js';

/** 0 when there is none; for a stat how many values were recorded in the last completed minute. */
export function metricValue(root: MetricsScope, ...components: readonly string[]): number {
  let node: MetricsScope | undefined = root;
  for (const component of components) node = node?.children.get(component);
  const metric = node?.metric;
  switch (metric?.type) {
    case 'counter':
      return metric.counter.value;
    case 'gauge':
      return metric.gauge();
    case 'stat':
      return metric.stat.snapshot?.count ?? 0;
    default:
      return 0;
  }
}
