import { randomInt } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import type { Output } from '../generations.js';
import { linkTo, typeOf } from '../media.js';
import { breakOff } from '../transport.js';
import { secondsAsked } from './content-models.js';
import { GoogleError, invalid, showFault } from './errors.js';
import { type Fields, fields, onlyKnown } from './fields.js';
import { inlined, renderedSoon, sendWithResults } from './inline.js';
import {
  INTERACTION_MODELS,
  type InteractionModel,
  type InteractionRequest,
  validateInteraction,
} from './interactions-validate.js';
import { failedStatus, withheldStatus } from './outcomes.js';
import { submitted, unknownModel } from './submit.js';
import { type GoogleGeneration, type GoogleWork, newWorkId } from './work.js';

const BODY_LIMIT_BYTES = 100 * 1024 * 1024;
const REALISTIC_MS = { music: 25_000, video: 40_000 } as const;
const FPS = 24;
const BPM = 96;
/** How often an interaction that is not in the background is looked at until it has ended. */
const LOOK_MS = 20;
const SIDES = { '360p': [640, 360], '720p': [1280, 720], '1080p': [1920, 1080], '4k': [3840, 2160] } as const;

/** What stands before the id of the work. */
const ID_PREFIX = 'v1_';
const nameOf = (id: string): string => `${ID_PREFIX}${id}`;

/** Interactions of the Gemini API: created, run in the background or to their end, asked about, cancelled, deleted. */
export function interactionRoutes(
  context: SandboxContext,
  work: GoogleWork,
  linked: (id: string, index: number) => string,
) {
  const view = (interaction: GoogleGeneration, request: FastifyRequest, reply: FastifyReply) =>
    describe(context, work, interaction, (index) => linkTo(request, linked(interaction.id, index), interaction), reply);

  function found(id: string): GoogleGeneration {
    const interaction = id.startsWith(ID_PREFIX) ? work.gemini.find(id.slice(ID_PREFIX.length)) : null;
    if (interaction?.request.kind !== 'interaction' || work.gemini.stateOf(interaction) === 'missing')
      throw new GoogleError('NOT_FOUND', `Interaction ${id} not found.`);
    return interaction;
  }

  return async function register(app: FastifyInstance): Promise<void> {
    // Google's SDK cancels with no body, and still says that it is JSON.
    app.addContentTypeParser(
      'application/json',
      { parseAs: 'string' },
      async (_request: FastifyRequest, body: string) => {
        if (body === '') return undefined;
        try {
          return JSON.parse(body) as unknown;
        } catch {
          throw invalid('Invalid JSON payload received.');
        }
      },
    );
    app.post('/interactions', { bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) =>
      create(context, work, { request, reply }, view),
    );
    app.get<{ Params: { id: string } }>('/interactions/:id', async (request, reply) => {
      context.recorder.count('gemini', 'polls');
      const interaction = found(request.params.id);
      const { id, prompt, faults } = interaction;
      const fault = context.faults.during('gemini', 'poll', id, prompt, faults);
      if (fault !== null && showFault(reply, fault, null)) return reply;
      return view(interaction, request, reply);
    });
    app.post<{ Params: { id: string } }>('/interactions/:id/cancel', async (request) => {
      context.recorder.count('gemini', 'cancels');
      onlyKnown(fields(request.body ?? {}, ''), [], '');
      const interaction = found(request.params.id);
      const state = work.gemini.stateOf(interaction);
      if (state !== 'running' && state !== 'queued')
        throw new GoogleError(
          'FAILED_PRECONDITION',
          `Interaction ${nameOf(interaction.id)} has ended and can not be cancelled.`,
        );
      await work.gemini.cancel(interaction);
      return { ...headOf(interaction), status: 'cancelled' };
    });
    app.delete<{ Params: { id: string } }>('/interactions/:id', async (request) => {
      await work.gemini.forget(found(request.params.id));
      return {};
    });
  };
}

type View = (
  interaction: GoogleGeneration,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<object | FastifyReply>;

async function create(
  context: SandboxContext,
  work: GoogleWork,
  exchange: { request: FastifyRequest; reply: FastifyReply },
  view: View,
): Promise<object | FastifyReply> {
  const { request, reply } = exchange;
  const body = fields(request.body, '');
  const rawPrompt = promptOf(body);
  return submitted(context, 'gemini', rawPrompt, exchange, async (prompt) => {
    const { model } = body;
    if (typeof model !== 'string') throw invalid('`model` is required and must be a string.');
    const known = Object.hasOwn(INTERACTION_MODELS, model) ? INTERACTION_MODELS[model] : undefined;
    if (known === undefined) throw unknownModel(model, 'interactions');
    const valid = await validateInteraction(known, body, context.studio);
    const interaction = await work.gemini.accept({
      id: newWorkId(),
      prompt: rawPrompt,
      faults: context.faults.bind('gemini', rawPrompt, prompt.faults),
      request: { kind: 'interaction', model, delivery: valid.delivery },
      outputs: [outputOf(model, known, { ...valid, prompt: prompt.text })],
      realisticMs: REALISTIC_MS[known.kind],
    });
    return {
      taskId: nameOf(interaction.id),
      answer: async () => {
        if (valid.background) return { ...headOf(interaction), status: 'in_progress', steps: [] };
        if (interaction.readyAtMs === null) {
          breakOff(reply, 'hang');
          return reply;
        }
        while (context.clock.now() < interaction.readyAtMs)
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        return view(interaction, request, reply);
      },
    };
  });
}

/** Texts of the input, as far as there are some. */
function promptOf(body: Fields): string {
  const { input } = body;
  if (typeof input === 'string') return input;
  if (!Array.isArray(input)) return '';
  const last = input.at(-1) as { content?: unknown } | null | undefined;
  const contents: unknown[] = Array.isArray(last?.content) ? last.content : input;
  return contents
    .map((content) => (content as { text?: unknown } | null)?.text)
    .filter((text) => typeof text === 'string')
    .join('\n');
}

function outputOf(model: string, known: InteractionModel, wanted: InteractionRequest): Output {
  const seed = wanted.seed === null ? randomInt(2 ** 32) : wanted.seed >>> 0;
  if (known.kind === 'music')
    return {
      kind: 'piece',
      piece: { seconds: known.seconds ?? secondsAsked(wanted.prompt), bpm: BPM, seed, format: wanted.audio },
    };
  const [long, short] = SIDES[wanted.video.resolution];
  const [width, height] = wanted.video.ratio === '16:9' ? [long, short] : [short, long];
  return {
    kind: 'clip',
    clip: {
      width,
      height,
      fps: FPS,
      frames: wanted.video.seconds * FPS,
      seed,
      first: {
        kind: 'drawn',
        width,
        height,
        title: `sandbox · ${model}`,
        prompt: wanted.prompt,
        seed,
        over: wanted.pictures,
      },
      last: null,
      sound: true,
    },
  };
}

function headOf(interaction: GoogleGeneration): object {
  const { id, request, createdAtMs } = interaction;
  return {
    id: nameOf(id),
    object: 'interaction',
    ...(request.kind === 'interaction' && { model: request.model }),
    created: new Date(createdAtMs).toISOString(),
    updated: new Date(createdAtMs).toISOString(),
  };
}

async function describe(
  context: SandboxContext,
  work: GoogleWork,
  interaction: GoogleGeneration,
  uriOf: (index: number) => string,
  reply: FastifyReply,
): Promise<object | FastifyReply> {
  const head = headOf(interaction);
  const failed = (error: object) => ({ ...head, status: 'failed', steps: [{ type: 'model_output', error }] });
  switch (work.gemini.stateOf(interaction)) {
    case 'missing':
      throw new GoogleError('NOT_FOUND', `Interaction ${nameOf(interaction.id)} not found.`);
    case 'queued':
      return { ...head, status: 'queued' };
    case 'running':
      return { ...head, status: 'in_progress', steps: [] };
    case 'canceled':
      return { ...head, status: 'cancelled' };
    case 'failed':
      return failed(failedStatus(interaction.faults));
    case 'filtered':
      return failed(withheldStatus());
    case 'empty':
      return { ...head, status: 'completed', steps: [{ type: 'model_output', content: [] }] };
    case 'done':
      return finished(context, interaction, head, uriOf, reply);
  }
}

async function finished(
  context: SandboxContext,
  interaction: GoogleGeneration,
  head: object,
  uriOf: (index: number) => string,
  reply: FastifyReply,
): Promise<object | FastifyReply> {
  const { id, prompt, faults, outputs, request } = interaction;
  const typed = outputs.map((output) => ({
    type: output.kind === 'clip' ? 'video' : 'audio',
    mime_type: typeOf(output) === 'audio/mpeg' ? 'audio/mp3' : typeOf(output),
  }));
  const complete = (contents: object[]) => ({
    ...head,
    status: 'completed',
    steps: [
      { type: 'thought', signature: Buffer.from('sandbox').toString('base64') },
      {
        type: 'model_output',
        content: [...(outputs[0]?.kind === 'piece' ? [{ type: 'text', text: `[0.0:] ${prompt}` }] : []), ...contents],
      },
    ],
    usage: { total_output_tokens: 0 },
  });
  if (request.kind === 'interaction' && request.delivery === 'uri')
    return complete(typed.map((content, index) => ({ ...content, uri: uriOf(index) })));
  const paths = await renderedSoon(context, outputs, reply);
  if (paths === null) return { ...head, status: 'in_progress', steps: [] };
  context.recorder.count('gemini', 'downloads');
  const fault = context.faults.during('gemini', 'download', id, prompt, faults);
  if (fault === 'expired') throw new GoogleError('NOT_FOUND', `Interaction ${nameOf(id)} not found.`);
  const contents = await Promise.all(
    paths.map(async (path, index) => ({ ...typed[index], data: await inlined(path, fault) })),
  );
  return sendWithResults(reply, complete(contents), fault);
}
