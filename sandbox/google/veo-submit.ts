import { randomInt } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import type { Output } from '../generations.js';
import type { Picture } from '../render/recipes.js';
import type { Surface } from './fields.js';
import { submitted, unknownModel } from './submit.js';
import { validateVeo, type VeoRequest } from './veo-validate.js';
import { type GoogleWork, newWorkId } from './work.js';

export const VEO_MODELS = [
  'veo-3.1-generate-001',
  'veo-3.1-fast-generate-001',
  'veo-3.1-generate-preview',
  'veo-3.1-fast-generate-preview',
] as const;

const FPS = 24;
const REALISTIC_MS = { full: 30_000, fast: 15_000 };
const LONG_SIDE = { '720p': 1280, '1080p': 1920, '4k': 3840 } as const;
const SHORT_SIDE = { '720p': 720, '1080p': 1080, '4k': 2160 } as const;

/** POST `{model}:predictLongRunning` on either surface; `modelPath` is the operation name's first part. */
export async function submitVeo(
  context: SandboxContext,
  work: GoogleWork,
  surface: Surface,
  modelPath: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object | FastifyReply> {
  const rawPrompt = promptOf(request.body);
  return submitted(context, surface, rawPrompt, { request, reply }, async (prompt) => {
    const model = modelPath.split('/').at(-1) ?? '';
    if (!VEO_MODELS.some((known) => known === model)) throw unknownModel(model, 'predictLongRunning');
    const valid = await validateVeo(surface, request.body, context.studio);
    const id = newWorkId();
    const name = `${modelPath}/operations/${id}`;
    await work[surface].accept({
      id,
      prompt: rawPrompt,
      faults: context.faults.bind(surface, rawPrompt, prompt.faults),
      request: { kind: 'operation', name },
      outputs: clipsOf({ ...valid, prompt: prompt.text }, model),
      realisticMs: model.includes('-fast-') ? REALISTIC_MS.fast : REALISTIC_MS.full,
    });
    return { taskId: name, answer: async () => ({ name }) };
  });
}

function promptOf(body: unknown): string {
  const prompt = (body as { instances?: { prompt?: unknown }[] } | null)?.instances?.[0]?.prompt;
  return typeof prompt === 'string' ? prompt : '';
}

/** One per sample. */
function clipsOf(request: VeoRequest, model: string): Output[] {
  const [long, short] = [LONG_SIDE[request.resolution], SHORT_SIDE[request.resolution]];
  const [width, height] = request.aspectRatio === '16:9' ? [long, short] : [short, long];
  const baseSeed = request.seed ?? randomInt(2 ** 32);
  return Array.from({ length: request.sampleCount }, (_, index): Output => {
    const seed = (baseSeed + index) >>> 0;
    const frame = (over: Picture[]): Picture => ({
      kind: 'drawn',
      width,
      height,
      title: `sandbox · ${model}`,
      prompt: request.prompt,
      seed,
      over,
    });
    return {
      kind: 'clip',
      clip: {
        width,
        height,
        fps: FPS,
        frames: request.durationSeconds * FPS,
        seed,
        first: frame(request.image === null ? request.references : [request.image]),
        last: request.lastFrame === null ? null : frame([request.lastFrame]),
        sound: request.audio,
      },
    };
  });
}
