// Commands in, the texts of --help out.

import type { Command } from './command.js';

const EXIT_CODES = `Exit codes
  0  all is well
  1  the input is wrong, or the gateway could not start
  2  the program was called wrongly
`;

export function programHelp(commands: readonly Command[], program: string): string {
  const usage = commands.map(({ name, operand, summary }) => {
    // The one command whose name may be left out.
    const shown = name === 'run' ? '[run]' : name;
    return [`linkgate ${shown} ${operand}`, summary] as const;
  });
  const options = [
    ['-h, --help', 'this text; behind a command, more about that command'],
    ['--version', 'the version'],
  ] as const;
  return `An edge ingress gateway that runs Linkerd 1.x configuration files.

Usage
${columns(usage)}
Options
${columns(options)}
Examples
${examples(
  program,
  commands.map((command) => command.examples[0] ?? ''),
)}
${EXIT_CODES}`;
}

export function commandHelp(
  { name, summary, operand, operandHelp, options, ...rest }: Command,
  program: string,
): string {
  const rows = Object.entries(options).map(
    ([option, { value, help }]) => [`--${option}${value === undefined ? '' : ` ${value}`}`, help] as const,
  );
  const usage = `${name === 'run' ? '[run]' : name}${rows.length > 0 ? ' [options]' : ''} ${operand}`;
  return `linkgate ${usage}

${summary[0]?.toUpperCase()}${summary.slice(1)}.

${rest.details}
${columns([[operand, operandHelp], ...rows, ['-h, --help', 'this text']])}
Examples
${examples(program, rest.examples)}
${EXIT_CODES}`;
}

function columns(rows: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  const margin = `\n${' '.repeat(width + 5)}`;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}   ${right.replaceAll('\n', margin)}\n`).join('');
}

function examples(program: string, lines: readonly string[]): string {
  return lines.map((line) => `  ${line.replaceAll('linkgate ', `${program} `)}\n`).join('');
}
