// A program: so many backends (first argument) whose answers take so many ms (second), and whose parent says how they behave.

import { nowMs } from '../proxy/metronome.js';
import { type Attempts, Backend, type Behaviour } from './backend.js';

export type BackendMessage =
  | { readonly type: 'behave' /** One for each. */; readonly behaviours: readonly Behaviour[] }
  | { readonly type: 'report' };

export type BackendAnswer =
  | { readonly type: 'listening'; readonly ports: readonly number[] }
  | { readonly type: 'behaving'; readonly sinceMs: number }
  | { readonly type: 'report' /** Of each. */; readonly attempts: readonly Attempts[] };

const [count = 0, slowMs = 0] = process.argv.slice(2).map(Number);
const backends = Array.from({ length: count }, (_, index) => new Backend({ index, slowMs }));

process.on('message', async (message: BackendMessage) => answer(await obey(message)));
process.on('disconnect', () => process.exit());
answer({ type: 'listening', ports: await Promise.all(backends.map((backend) => backend.listen())) });

async function obey(message: BackendMessage): Promise<BackendAnswer> {
  if (message.type === 'report') return { type: 'report', attempts: backends.map(({ attempts }) => attempts) };
  const { behaviours } = message;
  await Promise.all(backends.map((backend, i) => backend.behave(behaviours[i] ?? 'answers')));
  return { type: 'behaving', sinceMs: nowMs() };
}

function answer(message: BackendAnswer): void {
  process.send?.(message);
}
