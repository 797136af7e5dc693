import { Readable } from 'node:stream';
import { Agent } from 'undici';
import { type Egress, EgressError, type EgressOptions, type EgressResponse } from './egress.js';
import { Exchange, type ExchangeRequest, type ExchangeResponse } from './exchange.js';
import { toEgressError } from './failure.js';
import { blocked, checkForeignUrl, type ForeignRules, hostPort, parseCallable } from './foreign-url.js';
import { formBody } from './form-body.js';
import { guardedConnector, type Resolve, resolvePublic, systemResolve } from './guarded-connect.js';
import { literalAddress } from './address.js';

export interface EgressConfig {
  /** URLs whose origins are trusted as configured; asked at each call, so that a reloaded catalog counts. */
  configuredOrigins: () => Iterable<string>;
  /** Exact `host:port` exceptions to the rules for foreign URLs (`KILN_EGRESS_ALLOW`). */
  allow: readonly string[];
  /** Plain http to public addresses. Default false. */
  allowHttp?: boolean;
  /** Asked at each look-up. Default: the system's resolver. */
  resolve?: Resolve;
  /** Default 256. */
  maxConnectionsPerOrigin?: number;
  /** Default 10_000. */
  connectTimeoutMs?: number;
}

const DEFAULTS = { timeoutMs: 15_000, idleTimeoutMs: 30_000, maxBytes: 10 * 1024 * 1024, foreignRedirects: 5 };
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** A body up to here is read out to keep its connection; a longer rest costs more than a new connection. */
const DISCARD_BYTES = 256 * 1024;

/** What may follow a redirect to another origin. Everything else might be a credential: providers invent header names. */
const PORTABLE_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'user-agent',
]);

type Trust = 'configured' | 'foreign';

async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function discard(body: Readable): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length;
      if (bytes > DISCARD_BYTES) break;
    }
  } catch {
    // The rest of a body that nobody wants may fail.
  }
}

const toResponse = ({ status, headers, body }: ExchangeResponse, url: URL): EgressResponse => ({
  status,
  headers,
  url: url.href,
  body,
  text: () => readText(body),
  json: async () => JSON.parse(await readText(body)) as unknown,
  discard: () => discard(body),
});

/** Method, headers and body as they go on the wire. */
function wireRequest(url: URL, options: EgressOptions): ExchangeRequest {
  const headers: Record<string, string> = { 'user-agent': 'kiln' };
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = value;
  // Compressed bytes would defeat the size cap, and nothing here decompresses.
  headers['accept-encoding'] = 'identity';
  let body: ExchangeRequest['body'] = null;
  if (options.body instanceof FormData) {
    const form = formBody(options.body);
    headers['content-type'] = form.contentType;
    headers['content-length'] = String(form.bytes);
    body = form.stream;
  } else if (options.body !== undefined) body = options.body;
  return {
    url,
    method: options.method ?? (body === null ? 'GET' : 'POST'),
    headers,
    body,
    idleTimeoutMs: options.idleTimeoutMs ?? DEFAULTS.idleTimeoutMs,
    maxBytes: options.maxBytes ?? DEFAULTS.maxBytes,
  };
}

/** The request that a redirect asks for, as browsers do it: 303 (and 301, 302 of a POST) become GET. */
function redirected(request: ExchangeRequest, status: number, location: string): ExchangeRequest {
  const url = parseCallable(URL.parse(location, request.url.href)?.href ?? location);
  const becomesGet = (status === 303 && request.method !== 'HEAD') || (status < 303 && request.method === 'POST');
  if (!becomesGet && request.body instanceof Readable) {
    throw new EgressError('redirect', `${request.url.origin}: a streamed body can't follow a redirect`, true);
  }
  const kept = Object.entries(request.headers).filter(
    ([name]) =>
      (url.origin === request.url.origin || PORTABLE_HEADERS.has(name)) && !(becomesGet && name.startsWith('content-')),
  );
  return {
    ...request,
    url,
    headers: Object.fromEntries(kept),
    method: becomesGet ? 'GET' : request.method,
    body: becomesGet ? null : request.body,
  };
}

export function createEgress(config: EgressConfig): Egress {
  const rules: ForeignRules = {
    allow: new Set(config.allow.map((entry) => entry.toLowerCase())),
    allowHttp: config.allowHttp ?? false,
  };
  const resolve: Resolve = (hostname) => (config.resolve ?? systemResolve)(hostname);
  const connectTimeoutMs = config.connectTimeoutMs ?? 10_000;
  const connections = config.maxConnectionsPerOrigin ?? 256;
  // Agents of their own: neither environment proxies nor a global dispatcher set elsewhere reach them.
  const agents: Record<Trust, Agent> = {
    configured: new Agent({
      connections,
      connect: { timeout: connectTimeoutMs, autoSelectFamily: true },
      pipelining: 1,
    }),
    foreign: new Agent({ connections, connect: guardedConnector(rules, resolve, connectTimeoutMs), pipelining: 1 }),
  };

  function isConfigured(origin: string): boolean {
    for (const text of config.configuredOrigins()) if (text === origin) return true;
    for (const text of config.configuredOrigins()) if (URL.parse(text)?.origin === origin) return true;
    return false;
  }

  function check(url: URL, trust: Trust): void {
    if (trust === 'foreign') checkForeignUrl(url, rules);
    else if (!isConfigured(url.origin)) throw blocked(`${url.origin} is not a configured origin`);
  }

  async function send(text: string, startTrust: Trust, options: EgressOptions): Promise<EgressResponse> {
    const maxRedirects = options.maxRedirects ?? (startTrust === 'foreign' ? DEFAULTS.foreignRedirects : 0);
    let trust = startTrust;
    let sent = false;
    let current: Exchange | null = null;
    let stopped: EgressError | null = null;
    const stop = (reason: 'timeout' | 'aborted', message: string, cause?: unknown): void => {
      stopped = new EgressError(reason, message, sent, { cause });
      current?.fail(stopped);
    };
    const timeoutMs = options.timeoutMs ?? DEFAULTS.timeoutMs;
    const timer = setTimeout(() => stop('timeout', `no answer within ${timeoutMs} ms`), timeoutMs);
    const onAbort = (): void => stop('aborted', 'the caller gave up', options.signal?.reason);
    const release = (): void => options.signal?.removeEventListener('abort', onAbort);
    try {
      const url = parseCallable(text);
      check(url, trust);
      if (options.signal?.aborted)
        throw new EgressError('aborted', 'the caller gave up', false, { cause: options.signal.reason });
      options.signal?.addEventListener('abort', onAbort, { once: true });
      let request = wireRequest(url, options);
      for (let followed = 0; ; followed += 1) {
        const exchange = new Exchange(request);
        current = exchange;
        const answer = await exchange.start(agents[trust]).finally(() => {
          sent ||= exchange.sent;
        });
        const location = REDIRECTS.has(answer.status) ? answer.headers.get('location') : null;
        if (location === null || maxRedirects === 0) {
          answer.body.once('close', release);
          return toResponse(answer, request.url);
        }
        await discard(answer.body);
        if (stopped !== null) throw stopped;
        if (followed >= maxRedirects)
          throw new EgressError('redirect', `${url.origin}: more than ${maxRedirects} redirects`, true);
        const next = redirected(request, answer.status, location);
        // Another origin was chosen by the peer, not by configuration, and an inner one must not be reached through it.
        if (next.url.origin !== request.url.origin) trust = 'foreign';
        check(next.url, trust);
        request = next;
      }
    } catch (error) {
      release();
      if (options.body instanceof Readable) options.body.destroy();
      throw toEgressError(error, sent, URL.parse(text)?.origin ?? 'request');
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    configured: (url, options = {}) => send(url, 'configured', options),
    foreign: (url, options = {}) => send(url, 'foreign', options),
    async assertForeign(text) {
      const url = parseCallable(text);
      checkForeignUrl(url, rules);
      if (rules.allow.has(hostPort(url)) || literalAddress(url.hostname) !== null) return;
      await resolvePublic(url.hostname, resolve).catch((error: unknown) => {
        throw toEgressError(error, false, url.origin);
      });
    },
    async close() {
      await Promise.all([agents.configured.destroy(), agents.foreign.destroy()]);
    },
  };
}
