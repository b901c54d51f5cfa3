// /logging.json: shows the level of every logger, and sets one.

import { LOG_LEVELS, type LogLevel, logLevels, setLogLevel } from '../base/log.js';
import type { AdminHandler, AdminRequest } from './handler.js';
import { allParameters } from './parameters.js';
import { emptyResponse, jsonResponse } from './responses.js';

export const loggingHandler: AdminHandler = {
  path: '/logging.json',
  category: 'control',
  methods: ['GET', 'POST'],
  description: 'Log level of each logger; curl -d logger=root -d level=DEBUG sets one.',
  handle: (request) => (request.method === 'POST' ? setLevel(request) : jsonResponse(logLevels())),
};

function setLevel(request: AdminRequest): ReturnType<typeof emptyResponse> {
  const parameters = allParameters(request);
  const logger = parameters.get('logger');
  const level = parameters.get('level');
  if (logger === null || level === null) return emptyResponse(400);
  const known = levelNamed(level);
  // Linkerd answers 200 to names that it does not know, and scripts that set levels everywhere count on it.
  if (known !== undefined) setLogLevel(logger, known);
  return emptyResponse(200);
}

function levelNamed(text: string): LogLevel | undefined {
  const name = text.toUpperCase();
  // Twitter's logging has one level more, between FATAL and ERROR; nothing here logs at it.
  return name === 'CRITICAL' ? 'FATAL' : LOG_LEVELS.find((level) => level === name);
}
