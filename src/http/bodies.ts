import type { FastifyContextConfig, FastifyRequest } from 'fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { invalidRequest, KilnError, messageOf } from '../common/errors.js';

/** Levels of objects and lists in a body: far more than any API's shapes and JSON Schemas have. */
const MAX_DEPTH = 500;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `stream`: the handler reads the body itself and judges its type. `raw`: JSON, as the bytes that came. Every other route takes JSON. */
    body?: 'stream' | 'raw';
  }
}

/** For @RouteConfig of handlers that read their body as a stream: multipart or raw media. */
export const STREAMED_BODY: FastifyContextConfig = { body: 'stream' };

/** For @RouteConfig of handlers whose sender signs its JSON: the handler gets the bytes as a Buffer. */
export const RAW_BODY: FastifyContextConfig = { body: 'raw' };

/** JSON bodies; an empty one counts as none, because clients send the content type with every POST. */
export function acceptJson(app: NestFastifyApplication, bodyLimit: number): void {
  const fastify = app.getHttpAdapter().getInstance();
  const parse = fastify.getDefaultJsonParser('error', 'error');
  app.useBodyParser('application/json', { bodyLimit }, (request, body, done) => {
    if ((request as FastifyRequest).routeOptions.config.body === 'raw') return done(null, body);
    const text = body.toString('utf8');
    if (text.trim() === '') return done(null, undefined);
    void parse(request as FastifyRequest, text, (error, value) => {
      if (error) done(invalidRequest(`The body is not valid JSON: ${whyNot(text)}.`));
      else if (isDeeperThan(value, MAX_DEPTH))
        done(invalidRequest(`The body is nested more than ${MAX_DEPTH} levels deep; allowed are ${MAX_DEPTH}.`));
      else done(null, value);
    });
  });
}

/** Looks no further down than the limit: what is deeper would overflow the stack of whatever reads it later. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (limit === 0) return true;
  if (Array.isArray(value)) return value.some((one) => isDeeperThan(one, limit - 1));
  for (const name in value) if (isDeeperThan((value as Record<string, unknown>)[name], limit - 1)) return true;
  return false;
}

/** Where reading stopped; it quotes only what this client sent. */
function whyNot(text: string): string {
  try {
    JSON.parse(text);
    return "'__proto__' and 'constructor.prototype' are no field names";
  } catch (error) {
    return messageOf(error).slice(0, 200);
  }
}

/** Throws 415 for a body of a type that its route does not take. */
export function assertContentType(request: FastifyRequest): void {
  const { headers, routeOptions } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (!hasBody || request.is404 || routeOptions.config.body === 'stream') return;
  const type = headers['content-type'];
  if (/^application\/json\s*(;|$)/i.test(type ?? '')) return;
  throw new KilnError(
    415,
    'unsupported_media_type',
    `Send the body as content-type application/json; got ${type === undefined ? 'none' : `'${type.slice(0, 100)}'`}.`,
    { param: 'Content-Type' },
  );
}
