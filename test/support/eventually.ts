// eventually: waits for a condition with a limit, so that no test sleeps for a fixed time.

/**
 * Resolves as soon as `condition` answers true, asked every 5 ms; throwing counts as false. Rejects after `timeoutMs`
 * (default 5000) with what `condition` threw last, or with an error that quotes it.
 */
export async function eventually(
  condition: () => boolean,
  { timeoutMs = 5000 }: { readonly timeoutMs?: number } = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown = new Error(`not so after ${timeoutMs} ms: ${condition}`);
    try {
      if (condition()) return;
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= deadline) throw failure;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
