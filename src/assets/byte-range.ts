/** An inclusive part of a file; null is the whole, `unsatisfiable` is 416. */
export type ByteRange = { start: number; end: number } | null | 'unsatisfiable';

/** One range as RFC 9110 says; what is not understood, and several ranges at once, get the whole. */
export function parseRange(header: string | undefined, totalBytes: number): ByteRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  if (match === null) return null;
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return null;
    const length = Math.min(Number(last), totalBytes);
    return length === 0 ? 'unsatisfiable' : { start: totalBytes - length, end: totalBytes - 1 };
  }
  const start = Number(first);
  const end = last === '' ? totalBytes - 1 : Math.min(Number(last), totalBytes - 1);
  if (last !== '' && Number(last) < start) return null;
  return start >= totalBytes ? 'unsatisfiable' : { start, end };
}
