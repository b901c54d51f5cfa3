// The categories of plugin kinds.

export const CATEGORIES = [
  'namer',
  'interpreter',
  'transformer',
  'identifier',
  'balancer',
  'accrual',
  'classifier',
  'telemeter',
  'announcer',
  'requestAuthorizer',
] as const;
export type Category = (typeof CATEGORIES)[number];
