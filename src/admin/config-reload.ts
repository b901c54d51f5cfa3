// /config: GET tells which configuration is in force and how the last reload went; POST has it read again, or takes the one that
// is posted.

import type { AdminHandler, AdminResponse, AdminSource, ReloadOutcome } from './handler.js';
import { jsonResponse } from './responses.js';

export function configReloadHandlers({ reloader }: AdminSource): readonly AdminHandler[] {
  if (!reloader) return [];
  const path = '/config';
  return [
    {
      path,
      category: 'control',
      methods: ['GET', 'POST'],
      description:
        'GET: the configuration in force and how the last reload went. POST: reads the file again, or takes the body (YAML or JSON) in its place until the next reload; 422 and the errors when it is refused.',
      handle: async ({ method, body }): Promise<AdminResponse> => {
        if (method === 'GET') {
          const { source, loadedAt, reloads, refused, last } = reloader.status;
          const loaded = new Date(loadedAt).toISOString();
          return jsonResponse({ source, loaded, reloads, refused, ...(last && { last: outcomeJson(last) }) });
        }
        const outcome = await reloader.reload(body.trim() === '' ? undefined : body);
        const response = jsonResponse(outcomeJson(outcome));
        return outcome.ok ? response : { ...response, status: 422 };
      },
    },
  ];
}

/** `errors` as `linkgate check --json` has them. */
function outcomeJson({ ok, changed, errors }: ReloadOutcome): object {
  return ok ? { reloaded: true, changed } : { reloaded: false, errors };
}
