// The few shapes that admin answers have.

import type { AdminResponse } from './handler.js';

/** An answer whose body is known whole. */
export type WholeResponse = AdminResponse & { readonly body: string };

export function textResponse(status: number, body: string): WholeResponse {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

/** `value` as JSON. Linkerd's spelling of the type: some of its pages add the charset. */
export function jsonResponse(value: unknown, contentType = 'application/json'): WholeResponse {
  return { status: 200, contentType, body: JSON.stringify(value) };
}

export function htmlResponse(body: string): WholeResponse {
  return { status: 200, contentType: 'text/html; charset=utf-8', body };
}

export function emptyResponse(status: number): WholeResponse {
  return { status, contentType: undefined, body: '' };
}
