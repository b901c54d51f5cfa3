// /delegator.json: a path and a dtab go in, every step of the way to addresses comes out.
//
// It asks the interpreter that binds the router's traffic, so what it shows is what requests get.

import { type Activity, firstSettled, mapActivity } from '../base/activity.js';
import type { Dtab } from '../base/dtab.js';
import { parseDtab, parsePath } from '../base/name-grammar.js';
import type { Path } from '../base/path.js';
import { DELEGATION_TIMEOUT_MS, type DelegateTree, delegateTreeJson } from '../naming/delegate-tree.js';
import type { AdminHandler, AdminRequest, AdminResponse, AdminSource } from './handler.js';
import { emptyResponse, jsonResponse, textResponse } from './responses.js';

interface Question {
  /** Label of a router. */
  readonly namespace: string | undefined;
  /** Replaces the router's dtab. */
  readonly dtab: string;
  readonly path: string;
}

export function delegatorHandler(source: AdminSource): AdminHandler {
  return {
    path: '/delegator.json',
    category: 'ui',
    methods: ['GET', 'POST'],
    description: 'Every step from a name to addresses: ?namespace=<router label>&path=/svc/web&dtab=<dtab>.',
    exampleQuery: '?path=/svc/web',
    handle: (request) => {
      const question = request.method === 'POST' ? questionOfBody(request) : questionOfQuery(request.query);
      return 'status' in question ? question : answer(source, question);
    },
  };
}

/** A missing dtab is an empty one; a missing path is one that cannot be parsed. */
function questionOfQuery(query: URLSearchParams): Question {
  return {
    namespace: query.get('namespace') ?? undefined,
    dtab: query.get('dtab') ?? '',
    path: query.get('path') ?? '',
  };
}

function questionOfBody({ headers, body }: AdminRequest): Question | AdminResponse {
  const mediaType = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') return emptyResponse(415);
  const malformed = textResponse(400, `Malformed delegation request: ${body}`);
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return malformed;
  }
  if (typeof value !== 'object' || value === null) return malformed;
  const { namespace, dtab, path } = value as Readonly<Record<string, unknown>>;
  if (typeof dtab !== 'string' || typeof path !== 'string') return malformed;
  if (namespace === undefined || namespace === null) return { namespace: undefined, dtab, path };
  return typeof namespace === 'string' ? { namespace, dtab, path } : malformed;
}

async function answer(source: AdminSource, { namespace, dtab, path }: Question): Promise<AdminResponse> {
  let parsedDtab: Dtab;
  let parsedPath: Path;
  try {
    parsedDtab = parseDtab(dtab);
  } catch (error) {
    return textResponse(400, `Invalid dtab: ${messageOf(error)}`);
  }
  try {
    parsedPath = parsePath(path);
  } catch (error) {
    return textResponse(400, `Invalid path: ${messageOf(error)}`);
  }
  const interpreter =
    source.routers.find(({ label }) => label === namespace)?.interpreter ?? source.fallbackInterpreter;
  if (!interpreter.delegate) {
    return textResponse(501, `Name Interpreter for ${namespace ?? 'default'} cannot show delegations`);
  }
  return settledAnswer(interpreter.delegate(parsedPath, parsedDtab));
}

/** Waits for the whole tree, each leaf's addresses included. */
async function settledAnswer(delegation: Activity<DelegateTree>): Promise<AdminResponse> {
  const now = await firstSettled(mapActivity(delegation, delegateTreeJson), DELEGATION_TIMEOUT_MS);
  switch (now.state) {
    case 'ok':
      return jsonResponse(now.value);
    case 'failed':
      return textResponse(500, now.error.message);
    case 'pending':
      return textResponse(503, 'Request timed out.');
    default:
      return now satisfies never;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
