// Tables and medians: numbers in, aligned text out.

/** Columns as wide as their widest cell; the first to the left, the others to the right. */
export function showTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, header.map(() => ''), ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line, i) =>
      i === 1
        ? widths.map((width) => '-'.repeat(width)).join('  ')
        : widths
            .map((width, column) =>
              column === 0 ? (line[column] ?? '').padEnd(width) : (line[column] ?? '').padStart(width),
            )
            .join('  '),
    )
    .join('\n');
}

/** NaN when there is none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** `-` for what could not be measured. */
export function show(value: number | undefined, digits: number): string {
  return value === undefined || !Number.isFinite(value) ? '-' : value.toFixed(digits);
}
