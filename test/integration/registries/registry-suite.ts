// registrySuite: tests against real registries, skipped with a reason where one is not installed.

import { after, describe, test } from 'node:test';
import { type RegistryName, whyMissing } from './installed.js';
import { ownNetworkProblem } from './own-network.js';
import { stopLeftovers } from './program.js';

/**
 * Defines the tests of `body` where every named registry is installed. Where one is not, there is one test that is skipped
 * with the reason, or fails with it when LINKGATE_REQUIRE_REGISTRIES=1. Fixtures are started in hooks and tests of `body`,
 * never beside it; one that still runs after the last test is a failure.
 */
export function registrySuite(needed: RegistryName | readonly RegistryName[], body: () => void): void {
  const names = [needed].flat();
  const reason = whyNot(names);
  const title = `with a real ${names.join(', ')}`;
  if (reason === undefined) {
    describe(title, () => {
      body();
      after(expectNothingRuns);
    });
  } else if (process.env.LINKGATE_REQUIRE_REGISTRIES === '1') {
    test(title, () => {
      throw new Error(`${reason} (LINKGATE_REQUIRE_REGISTRIES=1 forbids to skip)`);
    });
  } else {
    test(title, { skip: reason }, () => {});
  }
}

function whyNot(names: readonly RegistryName[]): string | undefined {
  for (const name of names) {
    const reason = whyMissing(name) ?? (name === 'kubernetes' ? ownNetworkProblem() : undefined);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

async function expectNothingRuns(): Promise<void> {
  const left = await stopLeftovers();
  if (left.length > 0) throw new Error(`still running after the last test: ${left.join(', ')}`);
}
