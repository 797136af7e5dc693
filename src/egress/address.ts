import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Public by number, but answered by the host itself: Azure's metadata and DHCP server. */
const METADATA_ADDRESSES: ReadonlySet<string> = new Set(['168.63.129.16']);

/** The only block IANA gives out for global use; whatever lies outside it (IPv4-compatible `::7f00:1`, say) is refused. */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an address may be reached for a URL that came from outside. Everything but plain global unicast is refused:
 * private, loopback, link-local, carrier NAT, unique-local, multicast, reserved, documentation, and the IPv6 forms that
 * carry an IPv4 address in them (mapped, NAT64, 6to4, Teredo), since their real target depends on the network.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  if (parsed instanceof ipaddr.IPv6) return parsed.match(GLOBAL_UNICAST_V6);
  return !METADATA_ADDRESSES.has(parsed.toString());
}

/** The address in a URL's hostname (`[::1]` loses its brackets), or null when it is a name. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? null : bare;
}
