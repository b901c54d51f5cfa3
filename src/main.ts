#!/usr/bin/env node
// linkgate: the command line.

import { runProgram } from './cli/program.js';
import { makeProcessTerminal } from './cli/terminal.js';

process.exitCode = await runProgram(process.argv.slice(2), makeProcessTerminal());
