import { request as httpRequest, type IncomingMessage } from 'node:http';
import { ERROR_TYPES, type ErrorType } from '../../src/common/error-types.js';
import type { Answer, Kiln } from '../support/kiln.js';

export interface ErrorBody {
  error: { message: string; type: string; code: string; param: string | null };
}

export const as = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` });

export const CLIP = { model: 'veo-3.1', input: { prompt: 'a lighthouse at dusk', duration_seconds: 4 } };

/** The envelope, whole: its type's status, a message that holds every one of `says`, and the field it is about. */
export function expectError(
  answer: Answer<unknown>,
  type: ErrorType,
  { code, param = null, says = [] }: { code?: string; param?: string | null; says?: string[] } = {},
): void {
  const { status } = ERROR_TYPES[type];
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: { error: { message: expect.any(String), type, code: code ?? String(status), param } },
  });
  for (const part of says) expect((answer.body as ErrorBody).error.message).toContain(part);
}

/** A request as the bytes given, whatever they are. */
export async function raw(
  kiln: Kiln,
  method: string,
  path: string,
  body: string | Buffer | undefined,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(kiln.url + path, {
    method,
    redirect: 'manual',
    headers: { ...as(kiln.secret), ...headers },
    body,
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text },
  };
}

export const JSON_TYPE = { 'content-type': 'application/json' };

/** Starts a request and gives it back unfinished: its answer, and a way to hang up. */
export function open(
  kiln: Kiln,
  method: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string> } = {},
): { answer: Promise<IncomingMessage>; hangUp: () => void } {
  const request = httpRequest(kiln.url + path, {
    method,
    headers: { ...as(kiln.secret), ...JSON_TYPE, ...options.headers },
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => request.on('response', resolve).on('error', reject));
  answer.catch(() => undefined);
  request.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  return { answer, hangUp: () => request.destroy() };
}

/** Looks until `read` gives something; for effects that nobody announces. */
export async function eventually<T>(read: () => Promise<T | null | undefined | false>, seconds = 10): Promise<T> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const value = await read();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > until) throw new Error(`not seen within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
