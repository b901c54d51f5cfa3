// H2Settings: what the configuration says of HTTP/2 connections, to callers or to upstreams.

/** In bytes, as the keys of that name in an h2 router; undefined: the default of who makes the connections. */
export interface H2Settings {
  readonly headerTableBytes: number | undefined;
  readonly initialStreamWindowBytes: number | undefined;
  readonly maxFrameBytes: number | undefined;
  readonly maxHeaderListBytes: number | undefined;
}
