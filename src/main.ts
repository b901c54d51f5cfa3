#!/usr/bin/env node
// linkgate: the command line.

import { run } from './cli/run.js';

process.exitCode = await run(process.argv[2] ?? '-');
