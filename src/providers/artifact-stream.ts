import { EgressError, type EgressOptions, type EgressResponse } from '../egress/egress.js';
import { ProviderError, type ArtifactStream, type ProviderContext } from './contract.js';
import { fromStatus, fromTransport } from './http-errors.js';

/** Longest artifact read from a provider; the engine's own cap may be lower. */
export const ARTIFACT_MAX_BYTES = 8 * 1024 ** 3;

/** An artifact's address, and the headers that only its own origin may see. */
export interface ArtifactAddress {
  url: string;
  /** `endpoint`: the provider's own API. `foreign`: anywhere a provider's answer points to; no credential goes there. */
  trust: 'endpoint' | 'foreign';
  headers?: Record<string, string>;
}

/** Where a URL from a provider's answer leads: credentials go only to the endpoint's origin. */
export function addressOf(url: string, ctx: ProviderContext, credentials: Record<string, string>): ArtifactAddress {
  let target: URL;
  try {
    target = new URL(url, `${ctx.endpoint}/`);
  } catch {
    throw new ProviderError('internal', 'unknown', 'the provider named a result by something that is no URL');
  }
  return target.origin === new URL(ctx.endpoint).origin
    ? { url: target.href, trust: 'endpoint', headers: credentials }
    : { url: target.href, trust: 'foreign' };
}

function rangeOf(header: string | null): { start: number; total: number | null } | null {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header ?? '');
  if (!match) return null;
  return { start: Number(match[1]), total: match[2] === '*' ? null : Number(match[2]) };
}

async function get(ctx: ProviderContext, address: ArtifactAddress, range: string | null): Promise<EgressResponse> {
  const options: EgressOptions = {
    // Lengths and ranges must be those of the file itself.
    headers: { ...address.headers, 'accept-encoding': 'identity', ...(range === null ? {} : { range }) },
    maxBytes: ARTIFACT_MAX_BYTES,
    maxRedirects: 5,
    signal: ctx.signal,
  };
  try {
    return await (address.trust === 'endpoint'
      ? ctx.fetch(address.url, options)
      : ctx.fetchForeign(address.url, options));
  } catch (error) {
    // Asking again would not move the link.
    if (error instanceof EgressError && error.reason === 'blocked')
      throw new ProviderError('internal', 'unknown', `the result's link was not followed: ${error.message}`, {
        cause: error,
      });
    throw fromTransport(error, 'reads');
  }
}

/**
 * Opens an artifact from `offset`, where the source honours Range, else from its start. Throws ProviderError `not_found`
 * where the link has expired or the file is gone.
 */
export async function openAt(ctx: ProviderContext, address: ArtifactAddress, offset: number): Promise<ArtifactStream> {
  let response = await get(ctx, address, offset > 0 ? `bytes=${offset}-` : null);
  if (response.status === 416) {
    await response.discard();
    response = await get(ctx, address, null);
  }
  const contentType = response.headers.get('content-type');
  if (response.status === 206) {
    const range = rangeOf(response.headers.get('content-range'));
    if (range !== null) return { body: response.body, contentType, totalBytes: range.total, offset: range.start };
  }
  if (response.status === 200) {
    const length = response.headers.get('content-length');
    return { body: response.body, contentType, totalBytes: length === null ? null : Number(length), offset: 0 };
  }
  const text = await response.text().catch(() => '');
  const answer = { status: response.status, headers: response.headers, text };
  const expired = [404, 410].includes(response.status) || (response.status === 403 && address.trust === 'foreign');
  if (expired)
    throw new ProviderError('not_found', 'unknown', `the result is gone (HTTP ${response.status})`, {
      upstreamStatus: response.status,
    });
  throw fromStatus(answer, 'reads', ctx.now(), `the result could not be read (HTTP ${response.status})`);
}
