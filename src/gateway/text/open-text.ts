import type { Readable } from 'node:stream';
import { ProviderError } from '../../providers/contract.js';
import type { SyncResponse } from '../../providers/sync/contract.js';
import { faultError } from '../../providers/sync/error.js';
import { RAW_MAX_CHARS } from '../../providers/http-errors.js';
import { z } from 'zod';
import type { JsonObject } from '../../common/json.js';
import type { Answer, StreamEvent } from '../dialects/conversation.js';
import type { DialectId } from '../dialects/dialect.js';
import { DIALECTS } from '../dialects/index.js';
import { type Read, readStream } from './read-stream.js';

/** A stream that has begun: what came until then, and what is still to come. */
export interface OpenStream {
  spoken: DialectId;
  begun: Read[];
  rest: AsyncGenerator<Read[], void>;
  body: Readable;
}

/** A whole answer, as it came and as it was read. */
export interface WholeText {
  spoken: DialectId;
  body: JsonObject;
  answer: Answer;
}

const ERROR_BODY = z.looseObject({
  error: z.union([z.string(), z.looseObject({ message: z.string().nullish(), code: z.unknown(), type: z.unknown() })]),
});
/** Frames before the first content: role, ids, pings. More than this is no beginning. */
const MAX_FRAMES_BEFORE = 1000;

const wordOf = (value: unknown): string | null =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null;

/** A 200 whose body is an error. */
function errorIn(body: unknown): ProviderError | null {
  if (body === null || typeof body !== 'object' || !('error' in body)) return null;
  const error = ERROR_BODY.safeParse(body).data?.error;
  if (error === undefined) return null;
  if (typeof error === 'string') return faultError({ message: error, code: null });
  return faultError({
    message: error.message ?? 'an error without words',
    code: wordOf(error.code) ?? wordOf(error.type),
  });
}

async function textOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** A JSON answer. Throws ProviderError for an empty one, one that is an error, and what is no JSON object. */
export async function wholeJson(response: SyncResponse): Promise<JsonObject> {
  const text = await textOf(response.body);
  if (text.trim() === '') throw new ProviderError('unavailable', 'rejected', 'an empty answer');
  const body = parsed(text);
  const error = errorIn(body);
  if (error) throw error;
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw new ProviderError('internal', 'rejected', 'the answer is no JSON object', {
      raw: text.slice(0, RAW_MAX_CHARS),
    });
  return body as JsonObject;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export async function openWhole(response: SyncResponse, spoken: DialectId): Promise<WholeText> {
  const body = await wholeJson(response);
  try {
    return { spoken, body, answer: DIALECTS[spoken].readAnswer(body) };
  } catch (error) {
    throw new ProviderError('internal', 'rejected', 'the answer has another shape', { cause: error });
  }
}

const isContent = ({ type }: StreamEvent): boolean =>
  type === 'text' ||
  type === 'refusal' ||
  type === 'reasoning' ||
  type === 'reasoning_sealed' ||
  type === 'tool_call' ||
  // An answer may be empty: what has ended well has begun.
  type === 'finish';

/** Waits for the first content. An error before it, or an end, is the route's failure. */
export async function openStream(response: SyncResponse, spoken: DialectId): Promise<OpenStream> {
  if (response.contentType?.includes('json')) {
    const text = await textOf(response.body);
    throw errorIn(parsed(text)) ?? new ProviderError('internal', 'rejected', 'the answer was not streamed');
  }
  const rest = readStream(response.body, DIALECTS[spoken]);
  const begun: Read[] = [];
  for (;;) {
    const next = await rest.next();
    if (next.done === true) throw new ProviderError('unavailable', 'rejected', 'the stream ended before it began');
    begun.push(...next.value);
    const first = begun.flatMap(({ events }) => events).find((event) => event.type === 'fault' || isContent(event));
    if (first?.type === 'fault') throw faultError(first.fault);
    if (first) return { spoken, begun, rest, body: response.body };
    if (begun.length > MAX_FRAMES_BEFORE) throw new ProviderError('internal', 'rejected', 'the stream has no content');
  }
}
