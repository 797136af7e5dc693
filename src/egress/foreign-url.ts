import { isPublicAddress, literalAddress } from './address.js';
import { EgressError } from './egress.js';

export interface ForeignRules {
  /** Exact `host:port` pairs that may be reached whatever their scheme, port and address. */
  allow: ReadonlySet<string>;
  /** Whether plain http is allowed to public addresses. */
  allowHttp: boolean;
}

export const blocked = (message: string): EgressError => new EgressError('blocked', message, false);

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'https:': '443', 'http:': '80' };

export const hostPort = (url: URL): string => `${url.hostname}:${url.port || (DEFAULT_PORTS[url.protocol] ?? '')}`;

/** Parses a URL that Kiln may call: http or https, without credentials in it. */
export function parseCallable(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw blocked('the URL is malformed');
  if (!(url.protocol in DEFAULT_PORTS)) throw blocked(`scheme ${url.protocol} is not allowed, only https`);
  if (url.username !== '' || url.password !== '') throw blocked('a URL must not contain a user name or password');
  if (url.hostname === '') throw blocked('the URL has no host');
  return url;
}

/**
 * What can be refused of a foreign URL without a look-up: scheme, port and literal addresses. URL parsing has already
 * turned decimal, octal, hexadecimal and short forms of an IPv4 address into its dotted form.
 */
export function checkForeignUrl(url: URL, rules: ForeignRules): void {
  if (rules.allow.has(hostPort(url))) return;
  if (url.protocol === 'http:' && !rules.allowHttp) throw blocked('only https URLs are allowed');
  if (url.port !== '' && url.port !== '443' && url.port !== '80') {
    throw blocked(`port ${url.port} is not allowed, only 443 and 80`);
  }
  const literal = literalAddress(url.hostname);
  if (literal !== null && !isPublicAddress(literal)) throw notPublic(url.hostname);
}

export const notPublic = (host: string): EgressError => blocked(`${host} is not a public address`);
/** Says nothing about the address found: that would map an inner network for the asker. */
export const resolvesInside = (host: string): EgressError =>
  blocked(`${host} resolves to an address that is not public`);
