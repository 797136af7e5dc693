import { createHash, randomInt, randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import type { TaskFaults } from '../faults.js';
import type { Output } from '../generations.js';
import { render, typeOf } from '../media.js';
import { breakOff } from '../transport.js';
import {
  CONTENT_MODELS,
  IMAGE_TOKENS,
  type ImageModel,
  type MusicModel,
  pixelsOf,
  secondsAsked,
} from './content-models.js';
import { type ContentRequest, validateContent } from './content-validate.js';
import { GoogleError } from './errors.js';
import type { Surface } from './fields.js';
import { inlined, sendWithResults } from './inline.js';
import { submitted, unknownModel } from './submit.js';

const REALISTIC_MS = { image: 12_000, music: 25_000 } as const;
const BPM = 96;
/** A model's own note for the next turn; opaque to clients. */
const SIGNATURE = Buffer.from('sandbox: nothing to remember').toString('base64');

/** POST `{model}:generateContent` on either surface: the answer takes as long as the work, and carries the result. */
export async function submitContent(
  context: SandboxContext,
  surface: Surface,
  model: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object | FastifyReply> {
  const rawPrompt = promptOf(request.body);
  return submitted(context, surface, rawPrompt, { request, reply }, async (prompt) => {
    const known = Object.hasOwn(CONTENT_MODELS, model) ? CONTENT_MODELS[model] : undefined;
    if (known === undefined) throw unknownModel(model, 'generateContent');
    const valid = await validateContent(surface, known, request.body, context.studio);
    const faults = context.faults.bind(surface, rawPrompt, prompt.faults);
    const wanted = { ...valid, prompt: prompt.text };
    return {
      taskId: randomUUID(),
      answer: () => answer(context, surface, { model, known, wanted, rawPrompt, faults }, reply),
    };
  });
}

/** Texts of the last turn, as far as there are some. */
function promptOf(body: unknown): string {
  const contents = (body as { contents?: unknown } | null)?.contents;
  const last: unknown = Array.isArray(contents) ? contents.at(-1) : undefined;
  const parts = (last as { parts?: unknown } | undefined)?.parts;
  if (!Array.isArray(parts)) return '';
  return parts
    .map((part: unknown) => (part as { text?: unknown } | null)?.text)
    .filter((text) => typeof text === 'string')
    .join('\n');
}

interface Job {
  model: string;
  known: ImageModel | MusicModel;
  wanted: ContentRequest;
  rawPrompt: string;
  faults: TaskFaults;
}

async function answer(
  context: SandboxContext,
  surface: Surface,
  job: Job,
  reply: FastifyReply,
): Promise<object | FastifyReply> {
  const { model, known, wanted, rawPrompt, faults } = job;
  if ('never' in faults) {
    breakOff(reply, 'hang');
    return reply;
  }
  const delayMs = faults.latency ?? context.clock.scaled(REALISTIC_MS[known.kind]);
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  if ('lost' in faults) {
    breakOff(reply, 'drop');
    return reply;
  }
  if ('oom' in faults) throw new GoogleError('UNAVAILABLE', 'The model is overloaded. Please try again later.');
  if ('fail' in faults) throw new GoogleError('INTERNAL', 'An internal error has occurred.');
  const finished = (parts: object[], finishReason: string, more: object = {}) => ({
    candidates: [{ content: { role: 'model', parts }, finishReason, index: 0, ...more }],
    usageMetadata: usageOf(wanted, known, parts.length > 0),
    modelVersion: model,
    responseId: randomUUID(),
  });
  if ('policy' in faults)
    return known.kind === 'image'
      ? finished([], 'IMAGE_SAFETY', {
          finishMessage: 'Unable to show the generated image. You will not be charged for blocked images.',
        })
      : { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, modelVersion: model };
  if ('empty' in faults)
    return finished([{ text: 'What should it look like?' }], known.kind === 'image' ? 'NO_IMAGE' : 'OTHER');

  const output = outputOf(model, known, wanted);
  const path = await render(context, output);
  // A second try is another call, and the same download.
  const owner = createHash('sha256').update(rawPrompt).digest('base64url');
  const fault = context.faults.during(surface, 'download', owner, rawPrompt, faults);
  const inlineData = { mimeType: typeOf(output), data: await inlined(path, fault) };
  const parts = [
    ...(wanted.withThoughts ? [{ thought: true, inlineData }] : []),
    ...(wanted.withText
      ? [{ text: known.kind === 'image' ? 'Here is your picture.' : `[0.0:] ${wanted.prompt}` }]
      : []),
    { inlineData, ...(known.kind === 'image' && { thoughtSignature: SIGNATURE }) },
  ];
  return sendWithResults(reply, finished(parts, 'STOP'), fault);
}

/** Pictures given are drawn into the new one; words too, as what a model would set. */
export function outputOf(model: string, known: ImageModel | MusicModel, wanted: ContentRequest): Output {
  const seed = wanted.seed === null ? randomInt(2 ** 32) : wanted.seed >>> 0;
  if (known.kind === 'music') {
    const seconds = known.seconds ?? secondsAsked(wanted.prompt);
    const format = wanted.musicType === 'audio/wav' ? 'wav' : 'mp3';
    return { kind: 'piece', piece: { seconds, bpm: BPM, seed, format } };
  }
  return {
    kind: 'picture',
    format: wanted.format,
    picture: {
      kind: 'drawn',
      ...pixelsOf(wanted.ratio, wanted.size),
      title: `sandbox · ${model}`,
      prompt: wanted.prompt,
      seed,
      over: wanted.pictures,
    },
  };
}

function usageOf(wanted: ContentRequest, known: ImageModel | MusicModel, made: boolean): object {
  const promptTokenCount = Math.ceil(wanted.prompt.length / 4) + wanted.pictures.length * IMAGE_TOKENS['1K'];
  const tokenCount = made && known.kind === 'image' ? IMAGE_TOKENS[wanted.size] : 0;
  return {
    promptTokenCount,
    candidatesTokenCount: tokenCount,
    ...(tokenCount > 0 && { candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount }] }),
    totalTokenCount: promptTokenCount + tokenCount,
  };
}
