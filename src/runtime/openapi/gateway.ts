import { z } from 'zod';
import type { ErrorType } from '../../common/error-types.js';
import type { Operation } from './operations.js';

const text = z.string();
const whole = z.int();
const object = z.record(text, z.json());
const list = z.array(object);
const stream = z.boolean().optional().describe('Server-sent events instead of one JSON answer.');
const model = text.describe('A model of GET /v1/models.');

/* Bodies are the providers' own: named here is what most requests hold, and everything else passes. */

const chatBody = z.looseObject({
  model,
  messages: list,
  tools: list.optional(),
  tool_choice: z.union([text, object]).optional(),
  response_format: object.optional(),
  max_completion_tokens: whole.optional(),
  temperature: z.number().optional(),
  reasoning_effort: text.optional(),
  stream,
  stream_options: object.optional(),
});

const responsesBody = z.looseObject({
  model,
  input: z.union([text, list]),
  instructions: text.optional(),
  tools: list.optional(),
  tool_choice: z.union([text, object]).optional(),
  text: object.optional().describe('`format`: a JSON schema; `verbosity`.'),
  reasoning: object.optional(),
  max_output_tokens: whole.optional(),
  store: z.boolean().optional().describe('`false`: items of the answer are not kept for later references.'),
  stream,
});

const countBody = z.looseObject({
  model,
  messages: list,
  system: z.union([text, list]).optional(),
  tools: list.optional(),
});
const messagesBody = countBody.extend({
  max_tokens: whole,
  tool_choice: object.optional(),
  thinking: object.optional(),
  stop_sequences: z.array(text).optional(),
  stream,
});

const embeddingsBody = z.looseObject({
  model,
  input: z
    .union([text, z.array(text), z.array(whole), z.array(z.array(whole))])
    .describe('A text, texts, the token ids of one, or of several.'),
  dimensions: whole.optional(),
  encoding_format: z.enum(['float', 'base64']).optional(),
});

const speechBody = z.looseObject({
  model,
  input: text,
  voice: z.union([text, object]),
  response_format: z.enum(['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']).optional(),
  speed: z.number().min(0.25).max(4).optional(),
  instructions: text.optional(),
  stream_format: z.enum(['audio', 'sse']).optional(),
});

const transcriptionBody = z.looseObject({
  file: z.file(),
  model,
  response_format: z.enum(['json', 'text', 'srt', 'vtt', 'verbose_json', 'diarized_json']).optional(),
  language: text.optional(),
  prompt: text.optional(),
  temperature: z.number().min(0).max(1).optional(),
  stream: z.boolean().optional().describe('Events, where the model streams.'),
});

/** Answers, by the names of the document's components; fields of the providers' own stand beside these. */
export const GATEWAY_SCHEMAS = {
  ChatCompletion: z.looseObject({
    id: text,
    object: z.literal('chat.completion'),
    created: whole,
    model: text,
    choices: z.array(z.looseObject({ index: whole, message: object, finish_reason: text.nullable() })),
    usage: object.optional(),
  }),
  Response: z.looseObject({
    id: text,
    object: z.literal('response'),
    created_at: z.number(),
    status: text,
    model: text,
    output: list,
    usage: object.nullish(),
  }),
  Message: z.looseObject({
    id: text,
    type: z.literal('message'),
    role: z.literal('assistant'),
    model: text,
    content: list,
    stop_reason: text.nullable(),
    usage: object,
  }),
  TokenCount: z.strictObject({ input_tokens: whole }),
  Embeddings: z.looseObject({
    object: z.literal('list'),
    data: z.array(z.looseObject({ index: whole, embedding: z.union([z.array(z.number()), text]) })),
    model: text,
    usage: object.nullish(),
  }),
  Transcript: z.looseObject({ text }),
  AnthropicError: z.strictObject({
    type: z.literal('error'),
    error: z.strictObject({ type: text, message: text }),
    request_id: text,
  }),
};

const errors: ErrorType[] = [
  'content_policy',
  'key_model_access_denied',
  'not_found',
  'payload_too_large',
  'unsupported_media_type',
  'rate_limit_exceeded',
  'budget_exceeded',
  'upstream_error',
  'route_unavailable',
];
const anthropic = {
  errors,
  envelope: 'AnthropicError',
  headers: {
    'anthropic-version': '`2023-06-01` (where left out) or `2026-10-21`.',
    'anthropic-beta': 'Reaches Anthropic as it came.',
  },
} as const;

/** The synchronous gateway; see docs/api. */
export const GATEWAY: Readonly<Record<string, Operation>> = {
  'POST /v1/chat/completions': {
    id: 'createChatCompletion',
    tag: 'Text',
    summary: "OpenAI's chat completions, for every text model.",
    answers: { 200: 'ChatCompletion' },
    errors,
    body: chatBody,
  },
  'POST /v1/responses': {
    id: 'createResponse',
    tag: 'Text',
    summary: "OpenAI's responses, stateless, for every text model.",
    answers: { 200: 'Response' },
    errors,
    body: responsesBody,
  },
  'POST /v1/messages': {
    id: 'createMessage',
    tag: 'Text',
    summary: "Anthropic's messages, for every text model.",
    answers: { 200: 'Message' },
    body: messagesBody,
    ...anthropic,
  },
  'POST /v1/messages/count_tokens': {
    id: 'countTokens',
    tag: 'Text',
    summary: 'How many tokens a message has as input. Costs nothing.',
    answers: { 200: 'TokenCount' },
    body: countBody,
    ...anthropic,
  },
  'POST /v1/embeddings': {
    id: 'createEmbeddings',
    tag: 'Embeddings',
    summary: "Vectors of texts, as OpenAI's endpoint.",
    answers: { 200: 'Embeddings' },
    errors,
    body: embeddingsBody,
  },
  'POST /v1/audio/speech': {
    id: 'createSpeech',
    tag: 'Audio',
    summary: "A text read aloud, as OpenAI's endpoint; sound comes as it is made.",
    answers: { 200: { type: 'audio/mpeg', about: 'The sound, in the form that was asked for.' } },
    errors,
    body: speechBody,
  },
  'POST /v1/audio/transcriptions': {
    id: 'createTranscription',
    tag: 'Audio',
    summary: "What is said in a recording of up to 25 MB, as OpenAI's endpoint.",
    answers: { 200: 'Transcript' },
    errors,
    body: transcriptionBody,
    form: 'only',
  },
};
