import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from './context.js';
import type { Generation, Generations, Output } from './generations.js';
import { sendFile } from './transport.js';

const PICTURE_TYPES = { png: 'image/png', jpeg: 'image/jpeg', webp: 'image/webp' } as const;
const PIECE_TYPES = { mp3: 'audio/mpeg', wav: 'audio/wav', flac: 'audio/flac' } as const;

/** Where `off-origin` points to: an address that no client may follow. */
export const OFF_ORIGIN = 'http://169.254.169.254/latest/meta-data/';

export function typeOf(output: Output): string {
  switch (output.kind) {
    case 'clip':
      return 'video/mp4';
    case 'picture':
      return PICTURE_TYPES[output.format];
    case 'piece':
      return PIECE_TYPES[output.piece.format];
  }
}

export function extensionOf(output: Output): string {
  if (output.kind === 'clip') return 'mp4';
  return output.kind === 'picture' ? output.format : output.piece.format;
}

/** Renders an output, or finds it rendered; its path. */
export function render(context: SandboxContext, output: Output): Promise<string> {
  switch (output.kind) {
    case 'clip':
      return context.studio.clip(output.clip);
    case 'picture':
      return context.studio.picture(output.picture, output.format);
    case 'piece':
      return context.studio.piece(output.piece);
  }
}

/** The link to one output, at `path` below this server: what a provider's CDN would serve, without a credential. */
export function linkTo(request: FastifyRequest, path: string, generation: Generation): string {
  return 'off-origin' in generation.faults ? OFF_ORIGIN : `${request.protocol}://${request.host}${path}`;
}

/**
 * Serves the `index`-th output of a finished generation with Range, or as its download faults want. `notFound` answers in the
 * provider's own way.
 */
export async function sendOutput<R>(
  context: SandboxContext,
  generations: Generations<R>,
  wanted: { id: string; index: number },
  request: FastifyRequest,
  reply: FastifyReply,
  notFound: () => FastifyReply,
): Promise<FastifyReply | undefined> {
  const generation = generations.find(wanted.id);
  const output = generation?.outputs[wanted.index];
  if (generation === null || output === undefined || generations.stateOf(generation) !== 'done') return notFound();
  context.recorder.count(generation.provider, 'downloads');
  const { provider, id, prompt, faults } = generation;
  const fault = context.faults.during(provider, 'download', id, prompt, faults);
  const contentType = typeOf(output);
  if (fault === 'expired') return notFound();
  if (fault === 'zero-bytes') return reply.type(contentType).send(Buffer.alloc(0));
  if (fault === 'not-media') return reply.type('text/html').send('<!doctype html><title>Sign in</title>');
  return sendFile(request, reply, {
    path: await render(context, output),
    contentType,
    truncate: fault === 'truncate' || fault === 'truncate-always',
    ...(output.kind === 'clip' && faults.pad !== undefined && faults.pad !== null ? { padToBytes: faults.pad } : {}),
  });
}
