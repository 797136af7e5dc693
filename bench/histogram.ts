/** Cumulative counts of one Prometheus histogram by upper bound, the last bound being Infinity. */
export type Buckets = ReadonlyMap<number, number>;

/** Reads the samples of `name` whose labels hold all of `labels` out of Prometheus text, summed over the rest. */
export function readHistogram(text: string, name: string, labels: Record<string, string> = {}): Buckets {
  const buckets = new Map<number, number>();
  for (const [, inner = '', value] of text.matchAll(new RegExp(`^${name}_bucket\\{([^}]*)\\} (\\S+)$`, 'gm'))) {
    const bound = /le="([^"]+)"/.exec(inner)?.[1];
    const wanted = Object.entries(labels).every(([label, is]) => inner.includes(`${label}="${is}"`));
    if (bound === undefined || !wanted) continue;
    const at = bound === '+Inf' ? Infinity : Number(bound);
    buckets.set(at, (buckets.get(at) ?? 0) + Number(value));
  }
  return buckets;
}

/** What was observed between two readings. */
export const since = (before: Buckets, after: Buckets): Buckets =>
  new Map([...after].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]));

export const total = (buckets: Buckets): number => buckets.get(Infinity) ?? 0;

/** The upper bound of the bucket in which the share `p` is reached: at worst too high, never too low. */
export function quantileBound(buckets: Buckets, p: number): number {
  const wanted = total(buckets) * p;
  const bounds = [...buckets].toSorted(([a], [b]) => a - b);
  return bounds.find(([, count]) => count >= wanted)?.[0] ?? Number.NaN;
}
