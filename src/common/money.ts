/** One US dollar in micro-USD, the only unit of money here. */
export const MICRO_USD = 1_000_000;

/** `25`, `0.5`, `0.000001` dollars as micro-USD, without a rounding in between; null for any other text. */
export function parseUsd(text: string): number | null {
  const [, dollars, fraction = ''] = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  return dollars === undefined ? null : Number(dollars) * MICRO_USD + Number(fraction.padEnd(6, '0'));
}

/** `$1.25` for 1_250_000; for people only. */
export const formatUsd = (microUsd: number | bigint): string =>
  `$${(Number(microUsd) / MICRO_USD).toFixed(4).replace(/0{1,2}$/, '')}`;
