/** SQLSTATE that the function `kiln_refuse` raises; a class of our own (PostgreSQL leaves those from I to Z to others). */
const REFUSED = 'KR001';
const MAX_DEPTH = 8;

/** What a statement said as it undid itself by `kiln_refuse(detail)`; null for every other error. */
export function refusalDetail(error: unknown): string | null {
  let at = error;
  for (let depth = 0; at !== null && typeof at === 'object' && depth < MAX_DEPTH; depth += 1) {
    const { code, detail, cause, meta } = at as Record<string, unknown>;
    if (code === REFUSED && typeof detail === 'string') return detail;
    // Inside its transactions the Prisma client wraps what the driver threw.
    at = (meta as Record<string, unknown> | undefined)?.['driverAdapterError'] ?? cause;
  }
  return null;
}
