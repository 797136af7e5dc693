/** One line of the table. */
export interface Finding {
  bench: string;
  /** What was measured, and on what: `throughput, Redis`. */
  what: string;
  measured: string;
  /** What the measured value stands beside: its name and value in the same run. */
  baseline: string;
  /** Measured against the baseline; null where there is none. */
  ratio: number | null;
  aim: string;
  /** Null: shown for the record, nothing is asked of it. */
  met: boolean | null;
}

const COLUMNS = ['bench', 'what', 'measured', 'baseline', 'ratio', 'aim', 'verdict'] as const;

/** A Markdown table whose columns line up. */
export function table(findings: readonly Finding[]): string {
  const rows = [COLUMNS as readonly string[], ...findings.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)].join('\n');
}

function cells({ bench, what, measured, baseline, ratio, aim, met }: Finding): string[] {
  const verdict = met === null ? '' : met ? 'met' : 'MISSED';
  return [bench, what, measured, baseline, ratio === null ? '' : ratio.toFixed(2), aim, verdict];
}
