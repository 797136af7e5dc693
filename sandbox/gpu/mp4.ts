/** Length of an MP4 by its movie header (ISO/IEC 14496-12, `mvhd`), or null where there is none. */
export function mp4Seconds(bytes: Buffer): number | null {
  if (bytes.toString('latin1', 4, 8) !== 'ftyp') return null;
  const at = bytes.indexOf('mvhd', 0, 'latin1');
  if (at < 0 || at + 36 > bytes.length) return null;
  const isLong = bytes.readUInt8(at + 4) === 1;
  const timescale = bytes.readUInt32BE(at + (isLong ? 24 : 16));
  const duration = isLong ? Number(bytes.readBigUInt64BE(at + 28)) : bytes.readUInt32BE(at + 20);
  return timescale > 0 && duration > 0 ? duration / timescale : null;
}
