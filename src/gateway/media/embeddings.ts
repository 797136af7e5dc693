import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { NO_BOUND } from '../../billing/usage-price.js';
import { NO_USAGE, type Usage } from '../../billing/usage.js';
import { invalidRequest } from '../../common/errors.js';
import type { JsonObject, JsonValue } from '../../common/json.js';
import { requestError } from '../../common/request-errors.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { ProviderError } from '../../providers/contract.js';
import { GatewayRequests } from '../router/requests.js';
import type { SyncWork } from '../router/work.js';
import { wholeJson } from '../text/open-text.js';
import { countTokens } from '../text/tokens.js';

/** OpenAI's limits (API reference, "Create embeddings"). */
const MAX_ITEMS = 2048;

const token = z.int().min(0);
const body = z.looseObject({
  input: z.union(
    [
      z.string().min(1),
      z.array(z.string().min(1)).min(1).max(MAX_ITEMS),
      z.array(token).min(1),
      z.array(z.array(token).min(1)).min(1).max(MAX_ITEMS),
    ],
    `must be text, an array of at most ${MAX_ITEMS} texts, an array of token ids, or an array of such arrays, none of them empty`,
  ),
  dimensions: z.int().min(1).max(100_000).optional(),
  encoding_format: z.enum(['float', 'base64']).optional(),
  user: z.string().optional(),
});

const answerShape = z.looseObject({
  data: z.array(z.looseObject({ index: z.int().min(0), embedding: z.union([z.string(), z.array(z.number())]) })),
  usage: z.looseObject({ prompt_tokens: z.int().min(0).nullish(), total_tokens: z.int().min(0).nullish() }).nullish(),
});
type EmbeddingAnswer = z.output<typeof answerShape>;

const FLOAT_BYTES = 4;
const BYTES_PER_TOKEN_AT_WORST = 2.5;
/** A text this much longer than the context, in characters, is not even counted. */
const CHARS_PER_TOKEN_AT_MOST = 12;

function toFloats(text: string): number[] {
  const bytes = Buffer.from(text, 'base64');
  return Array.from({ length: Math.floor(bytes.length / FLOAT_BYTES) }, (_, at) => bytes.readFloatLE(at * FLOAT_BYTES));
}

function toBase64(values: readonly number[]): string {
  const bytes = Buffer.alloc(values.length * FLOAT_BYTES);
  values.forEach((value, at) => bytes.writeFloatLE(value, at * FLOAT_BYTES));
  return bytes.toString('base64');
}

/** In the form the client asked for, whichever the server knows. */
function encoded(embedding: string | number[], format: 'float' | 'base64'): JsonValue {
  if (format === 'base64') return typeof embedding === 'string' ? embedding : toBase64(embedding);
  return typeof embedding === 'string' ? toFloats(embedding) : embedding;
}

type Input = z.output<typeof body>['input'];
const itemsOf = (input: Input): (string | number[])[] => {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as (string | number[])[]);
};

const tokensAtMost = (item: string | number[]): number =>
  typeof item === 'string' ? Math.ceil(Buffer.byteLength(item) / BYTES_PER_TOKEN_AT_WORST) + 1 : item.length;

/** No token is shorter than a byte; more than fits is refused, or cut. One more begins each text. */
const heldFor = (item: string | number[], contextTokens: number): number =>
  Math.min(typeof item === 'string' ? Buffer.byteLength(item) + 1 : item.length, contextTokens);

async function assertFits(items: readonly (string | number[])[], contextTokens: number): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (tokensAtMost(item) <= contextTokens) continue;
    const tokens =
      typeof item !== 'string'
        ? item.length
        : item.length > contextTokens * CHARS_PER_TOKEN_AT_MOST
          ? Math.ceil(item.length / 4)
          : await countTokens(item);
    if (tokens <= contextTokens) continue;
    const field = items.length === 1 ? 'input' : `input[${index}]`;
    throw invalidRequest(
      `This model's maximum context length is ${contextTokens} tokens; '${field}' has about ${tokens}.`,
      field,
      'context_length_exceeded',
    );
  }
}

/** POST /v1/embeddings. */
@Injectable()
export class Embeddings {
  constructor(private readonly requests: GatewayRequests) {}

  async answer(call: { body: unknown; request: FastifyRequest; reply: FastifyReply; key: AuthKey }): Promise<void> {
    const found = this.requests.start(call, 'embeddings', 'embedding');
    const parsed = body.safeParse(found.body);
    const [issue] = parsed.error?.issues ?? [];
    if (!parsed.success) throw requestError(body, issue ?? { message: 'is not valid' }, found.body);
    const items = itemsOf(parsed.data.input);
    if (found.model.contextTokens !== null) await assertFits(items, found.model.contextTokens);
    const format = parsed.data.encoding_format ?? 'float';
    const { model: _alias, ...fields } = found.body;
    const work: SyncWork = {
      ...found,
      key: call.key,
      streamed: false,
      bound: () => ({
        ...NO_BOUND,
        inputTokens: items.reduce((sum, item) => sum + heldFor(item, found.model.contextTokens ?? Infinity), 0),
      }),
      lacking: () => [],
      call: () => ({ kind: 'embeddings', stream: false, body: fields }),
    };
    await this.requests.run(work, {
      open: async (response) => whole(await wholeJson(response), items.length),
      finish: async (opened, bill) => {
        const charged = await bill(await usageOf(opened.answer, items), { status: 'ok', httpStatus: 200 });
        this.requests.headers(call.reply, opened, charged);
        const answer = {
          ...opened.answer,
          object: 'list',
          data: opened.answer.data.map((one) => ({ ...one, embedding: encoded(one.embedding, format) })),
          model: found.alias,
        };
        await call.reply.type('application/json; charset=utf-8').send(JSON.stringify(answer));
      },
    });
  }
}

function whole(answer: JsonObject, count: number): EmbeddingAnswer {
  const read = answerShape.safeParse(answer);
  if (!read.success || read.data.data.length !== count)
    throw new ProviderError('internal', 'rejected', `the answer does not hold ${count} embeddings`);
  return read.data;
}

async function usageOf({ usage }: EmbeddingAnswer, items: readonly (string | number[])[]): Promise<Usage> {
  const said = usage?.prompt_tokens ?? usage?.total_tokens;
  if (said !== undefined && said !== null) return { ...NO_USAGE, inputTokens: said };
  let inputTokens = 0;
  for (const item of items) inputTokens += typeof item === 'string' ? await countTokens(item) : item.length;
  return { ...NO_USAGE, inputTokens };
}
