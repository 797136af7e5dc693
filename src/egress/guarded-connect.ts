import { lookup } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';
import { isPublicAddress, literalAddress } from './address.js';
import { EgressError } from './egress.js';
import { type ForeignRules, notPublic, resolvesInside } from './foreign-url.js';

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

export const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true, verbatim: true });

/** Addresses of a name that must all be public: one inner address among them refuses the name. */
export async function resolvePublic(hostname: string, resolve: Resolve): Promise<LookupAddress[]> {
  const addresses = await resolve(hostname);
  if (addresses.length === 0) throw new EgressError('dns', `${hostname} has no address`, false);
  if (!addresses.every(({ address }) => isPublicAddress(address))) throw resolvesInside(hostname);
  return addresses;
}

/** The socket's own look-up: what it returns is what is connected to, so there is no second answer to be fooled by. */
const socketLookup =
  (find: (hostname: string) => Promise<LookupAddress[]>): LookupFunction =>
  (hostname, options, callback) => {
    const answer = async (): Promise<LookupAddress[] | [LookupAddress]> => {
      const [first, ...rest] = await find(hostname);
      if (first === undefined) throw new EgressError('dns', `${hostname} has no address`, false);
      return options.all === true ? [first, ...rest] : [first];
    };
    callbackify(answer)((error, addresses) => {
      if (error !== null) callback(error, '');
      else if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
    });
  };

/** A connector that resolves, checks and connects in one step; only exact exceptions skip the check. */
export function guardedConnector(
  rules: ForeignRules,
  resolve: Resolve,
  connectTimeoutMs: number,
): buildConnector.connector {
  const common = { timeout: connectTimeoutMs, autoSelectFamily: true };
  const open = buildConnector({ ...common, lookup: socketLookup(resolve) });
  const guarded = buildConnector({ ...common, lookup: socketLookup((name) => resolvePublic(name, resolve)) });
  return (target, callback) => {
    const port = target.port || (target.protocol === 'https:' ? '443' : '80');
    const literal = literalAddress(target.hostname);
    const host = literal?.includes(':') ? `[${literal}]` : target.hostname;
    if (rules.allow.has(`${host}:${port}`)) return open(target, callback);
    // A socket looks up names only, so that literal addresses are judged here.
    if (literal !== null && !isPublicAddress(literal)) return callback(notPublic(host), null);
    guarded(target, (error, socket) => {
      if (error !== null) return callback(error, null);
      if (socket.remoteAddress !== undefined && isPublicAddress(socket.remoteAddress)) return callback(null, socket);
      socket.destroy();
      callback(resolvesInside(host), null);
    });
  };
}
