/** One US dollar in micro-USD, the only unit of money here. */
export const MICRO_USD = 1_000_000;

/** `$1.25` for 1_250_000; for people only. */
export const formatUsd = (microUsd: number | bigint): string =>
  `$${(Number(microUsd) / MICRO_USD).toFixed(4).replace(/0{1,2}$/, '')}`;
