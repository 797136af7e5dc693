import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Range = [address: ipaddr.IPv4 | ipaddr.IPv6, prefix: number];

const BITS = { 4: 32, 6: 128 } as const;
/** Of `::ffff:0:0/96`, which holds IPv4 as IPv6 sockets show it. */
const MAPPED_BITS = 96;

/** Null where it is neither an address nor a range. Strict: `10.1`, `010.0.0.1` and zones are no addresses here. */
function parseRange(text: string): Range | null {
  const [, address = '', length] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address) as 0 | 4 | 6;
  if (version === 0) return null;
  const prefix = length === undefined ? BITS[version] : Number(length);
  if (prefix > BITS[version]) return null;
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() && prefix >= MAPPED_BITS)
    return [parsed.toIPv4Address(), prefix - MAPPED_BITS];
  return [parsed, prefix];
}

/** An IPv4 or IPv6 address, or a range in CIDR notation. */
export const isAddressRange = (text: string): boolean => parseRange(text) !== null;

/** By the list itself: a key keeps its array for as long as it is known. */
const parsed = new WeakMap<readonly string[], Range[]>();

function parseRanges(texts: readonly string[]): Range[] {
  const known = parsed.get(texts);
  if (known) return known;
  const ranges = texts.map(parseRange).filter((range) => range !== null);
  parsed.set(texts, ranges);
  return ranges;
}

/** Whether the address is in one of the ranges; every address is where there are none. */
export function isAddressAllowed(ranges: readonly string[], address: string): boolean {
  if (ranges.length === 0) return true;
  // A link-local address comes with the interface it was seen on.
  const [bare = ''] = address.split('%');
  if (isIP(bare) === 0) return false;
  const seen = ipaddr.process(bare);
  return parseRanges(ranges).some(([range, prefix]) => range.kind() === seen.kind() && seen.match(range, prefix));
}
