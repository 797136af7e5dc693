import { type Body, wordFor } from '../openai/body.js';
import { invalidType, invalidValue, missingParameter, OpenAIError } from '../openai/errors.js';
import type { EmbeddingHost, EmbeddingModel } from './hosts.js';
import { textOf, tokensOf } from './tokens.js';

export interface EmbeddingItem {
  text: string;
  tokens: number;
}

export interface EmbeddingRequest {
  model: string;
  how: EmbeddingModel;
  items: EmbeddingItem[];
  dimensions: number;
  asBase64: boolean;
}

/** Refused as too long for the model. */
export function tooLong(maxTokens: number, tokens: number): OpenAIError {
  return new OpenAIError(
    400,
    `This model's maximum context length is ${maxTokens} tokens, however you requested ${tokens} tokens (${tokens} in your prompt; 0 for the completion). Please reduce your prompt; or completion length.`,
  );
}

/** Checks a request as the host does. `strip` takes the markers of faults out of a text. */
export function readEmbeddings(host: EmbeddingHost, body: Body, strip: (text: string) => string): EmbeddingRequest {
  if (host.fields !== null) body.onlyKnown(host.fields);
  const model = body.text('model');
  if (model === undefined) throw missingParameter('model');
  const bare = model.replace(/^models\//, '');
  const how = Object.hasOwn(host.models, bare) ? host.models[bare] : undefined;
  if (how === undefined)
    throw new OpenAIError(404, `The model '${model}' does not exist or you do not have access to it.`, {
      code: 'model_not_found',
      param: 'model',
    });
  const asBase64 = body.choice('encoding_format', ['float', 'base64']) === 'base64';
  body.text('user');
  const items = itemsOf(body.given('input'), host).map((item) => ({ ...item, text: strip(item.text) }));
  checkLengths(items, how, host);
  return { model, how, items, dimensions: dimensionsOf(body, how, host), asBase64 };
}

function itemsOf(input: unknown, host: EmbeddingHost): EmbeddingItem[] {
  if (input === undefined) throw missingParameter('input');
  if (typeof input === 'string') return [textItem(input, 'input')];
  if (!Array.isArray(input)) throw invalidType('input', 'a string or an array', wordFor(input));
  if (input.length === 0) throw invalidValue('input', "Invalid 'input': empty array. Expected at least 1 item.");
  if (typeof input[0] === 'number') return [tokenItem(input, 'input', host)];
  if (input.length > host.maxItems)
    throw new OpenAIError(
      400,
      `Invalid 'input': array too long. Expected an array with maximum length ${host.maxItems}, but got an array with length ${input.length} instead.`,
      { code: 'array_above_max_length', param: 'input' },
    );
  const isOfTokens = Array.isArray(input[0]);
  return input.map((item: unknown, index) =>
    isOfTokens ? tokenItem(item, `input[${index}]`, host) : textItem(item, `input[${index}]`),
  );
}

function textItem(item: unknown, name: string): EmbeddingItem {
  if (typeof item !== 'string') throw invalidType(name, 'a string', wordFor(item));
  if (item === '') throw invalidValue(name, `Invalid '${name}': input cannot be an empty string.`);
  return { text: item, tokens: tokensOf(item) };
}

function tokenItem(item: unknown, name: string, { takesTokenIds }: EmbeddingHost): EmbeddingItem {
  if (!takesTokenIds) throw invalidType(name, 'a string', wordFor(item));
  if (!Array.isArray(item)) throw invalidType(name, 'an array of integers', wordFor(item));
  if (item.length === 0) throw invalidValue(name, `Invalid '${name}': empty array. Expected at least 1 item.`);
  const ids = item.map((id: unknown) => {
    if (typeof id !== 'number' || !Number.isInteger(id)) throw invalidType(name, 'an array of integers', wordFor(id));
    return id;
  });
  const text = textOf(ids);
  if (text === null) throw invalidValue(name, `Invalid '${name}': it holds an id that is no token.`);
  return { text, tokens: ids.length };
}

function checkLengths(items: EmbeddingItem[], { maxTokens }: EmbeddingModel, host: EmbeddingHost): void {
  const long = items.find(({ tokens }) => tokens > maxTokens);
  if (long !== undefined) throw tooLong(maxTokens, long.tokens);
  const total = items.reduce((sum, { tokens }) => sum + tokens, 0);
  if (host.maxRequestTokens !== null && total > host.maxRequestTokens)
    throw new OpenAIError(400, `Requested ${total} tokens, max ${host.maxRequestTokens} tokens per request`, {
      type: 'max_tokens_per_request',
      code: 'max_tokens_per_request',
    });
}

function dimensionsOf(body: Body, how: EmbeddingModel, { beyond }: EmbeddingHost): number {
  const asked = body.integer('dimensions', 1, Number.MAX_SAFE_INTEGER);
  if (asked === undefined) return how.dimensions;
  if (!how.isResizable) throw new OpenAIError(400, 'This model does not support specifying dimensions.');
  if (asked > how.dimensions && beyond === 'refused')
    throw invalidValue(
      'dimensions',
      `Invalid value for 'dimensions' = ${asked}. Must be less than or equal to ${how.dimensions}.`,
    );
  return asked;
}
