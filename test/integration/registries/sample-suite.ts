// A program: a test file for registry-suite.test.ts to run, with or without what it needs, forgetful when SAMPLE=forgetful.

import { it } from 'node:test';
import { makeDataFolder, Program } from './program.js';
import { registrySuite } from './registry-suite.js';

registrySuite('consul', () => {
  it('is run', async () => {
    const folder = makeDataFolder('sample');
    const program = new Program({ name: 'sleeper', command: 'sleep', args: ['60'], folder, ready: async () => true });
    await program.start();
    if (process.env.SAMPLE !== 'forgetful') await program.stop();
  });
});
