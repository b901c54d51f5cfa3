// How files are watched, the same for addresses and for dtabs.

/** In milliseconds; see `DirectoryWatching` and `FileReading`. */
export const FILE_TIMING = {
  emptyGraceMs: 500,
  settleMs: 20,
  rescanMs: 10_000,
  pollMs: 1000,
  lingerMs: 10_000,
} as const;
