// Closable: everything with a life has close(); its maker closes it.

export interface Closable {
  /** Releases every handle. Safe to call in any state and more than once. Never rejects. */
  close(): Promise<void> | void;
}
