// Health: the checks of one instance in, its worst status out.

export const HEALTH_STATUSES = ['passing', 'warning', 'critical', 'maintenance'] as const;

/** Each worse than the one before. */
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

/** `checks` is Consul's list of the node's and the service's checks; without any an instance is passing. */
export function worstStatus(checks: unknown): HealthStatus {
  const ranks = (Array.isArray(checks) ? checks : []).map((check) => HEALTH_STATUSES.indexOf(statusOf(check)));
  return HEALTH_STATUSES[Math.max(0, ...ranks)] ?? 'critical';
}

/** Maintenance is a critical check with an id that Consul itself gives. An unknown status is no promise of anything. */
function statusOf(check: unknown): HealthStatus {
  const { CheckID: id, Status: status } = (check ?? {}) as { readonly CheckID?: unknown; readonly Status?: unknown };
  if (id === '_node_maintenance' || (typeof id === 'string' && id.startsWith('_service_maintenance:'))) {
    return 'maintenance';
  }
  return HEALTH_STATUSES.find((known) => known === status) ?? 'critical';
}
