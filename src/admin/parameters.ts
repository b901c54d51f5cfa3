// Parameters of a request that changes something: of the query, and of a form or a JSON object in the body.

import type { AdminRequest } from './handler.js';

/** The query comes first. What is no text in JSON is left out, and so is a body of another type. */
export function allParameters({ query, headers, body }: AdminRequest): URLSearchParams {
  const type = headers['content-type']?.toLowerCase() ?? '';
  if (type.startsWith('application/x-www-form-urlencoded')) {
    return new URLSearchParams([...query, ...new URLSearchParams(body)]);
  }
  if (type.startsWith('application/json')) return new URLSearchParams([...query, ...textsOf(parsed(body))]);
  return query;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function textsOf(value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
}
