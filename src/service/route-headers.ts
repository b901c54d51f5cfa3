// RouteHeaders: the header lines that every request to one name carries, made once for all of them.

import { ownText } from '../base/own-text.js';
import type { Headers } from './headers.js';

export class RouteHeaders {
  readonly headers: Headers;
  /** The same as HTTP/1.1 text: complete lines, each ended by CRLF. */
  readonly http1: string;

  /** `headers` must be valid already and are not changed afterwards. */
  constructor(headers: Headers) {
    this.headers = headers;
    let text = '';
    for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
    // One flat text and not a rope to be flattened again for each request.
    this.http1 = ownText(text);
  }
}
