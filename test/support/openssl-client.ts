// OpensslClient: `openssl s_client` with a test's arguments in, what it prints and how it ends out.

import { spawn } from 'node:child_process';

export interface OpensslRun {
  /** stdout, then stderr. */
  readonly text: string;
  readonly code: number | null;
}

/**
 * Connects to `port`. `input` is written when `Verify return code` has been printed: the handshake is over then.
 * Ends when openssl does, at the latest after `limitMs`.
 */
export function opensslClient(
  port: number,
  words: readonly string[],
  { input, limitMs = 8000 }: { readonly input?: string; readonly limitMs?: number } = {},
): Promise<OpensslRun> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...words]);
  let text = '';
  let isSent = false;
  const read = (bytes: Buffer): void => {
    text += bytes.toString('latin1');
    if (isSent || !/Verify return code/.test(text)) return;
    isSent = true;
    if (input === undefined) child.stdin.end();
    else child.stdin.write(input);
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  // It may have closed its input before ours is written.
  child.stdin.on('error', () => {});
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ text, code });
    });
  });
}
