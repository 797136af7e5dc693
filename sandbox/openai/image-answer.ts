import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { SandboxContext } from '../context.js';
import type { Picture } from '../render/recipes.js';
import type { ImageRequest } from './image-request.js';

/** Output tokens of a picture by quality: square, tall, wide; of gpt-image-1, as OpenAI's guide counts them. */
const OUTPUT_TOKENS = { low: [272, 408, 400], medium: [1056, 1584, 1568], high: [4160, 6240, 6208] } as const;
const SQUARE_PIXELS = 1024 * 1024;

function outputTokens({ quality, width, height }: ImageRequest): number {
  const row = OUTPUT_TOKENS[quality === 'xhigh' || quality === 'max' ? 'high' : quality];
  const index = ['1024x1024', '1024x1536', '1536x1024'].indexOf(`${width}x${height}`);
  return row[index] ?? Math.ceil((row[0] * width * height) / SQUARE_PIXELS);
}

/** One tile or two, after the shorter side was brought to a tile's. */
const inputTokens = (images: ImageRequest['images']): number =>
  images.reduce((sum, { width, height }) => sum + 65 + 129 * Math.ceil(Math.max(width / height, height / width)), 0);

export function usageOf(request: ImageRequest, made: number): object {
  const text = Math.ceil(request.prompt.length / 4);
  const image = inputTokens(request.images);
  const output = outputTokens(request) * made;
  return {
    input_tokens: text + image,
    input_tokens_details: { text_tokens: text, image_tokens: image },
    output_tokens: output,
    output_tokens_details: { image_tokens: output, text_tokens: 0 },
    total_tokens: text + image + output,
  };
}

/** Draws what was asked for; every picture of a call has a seed of its own. */
export async function drawn(context: SandboxContext, request: ImageRequest): Promise<Buffer[]> {
  const { n, width, height, model, prompt, images, format, background } = request;
  const made: Buffer[] = [];
  for (let index = 0; index < n; index += 1) {
    const picture: Picture = {
      kind: 'drawn',
      width,
      height,
      title: `sandbox · ${model}`,
      prompt,
      seed: randomInt(2 ** 32),
      over: images.map((image) => image.picture),
    };
    const path = await context.studio.picture(picture, background === 'transparent' ? 'png' : format);
    made.push(
      background === 'transparent'
        ? await sharp(path).ensureAlpha(0.5).toFormat(format).toBuffer()
        : await readFile(path),
    );
  }
  return made;
}

/** What an answer, and every event of a stream, says of itself. */
export const aboutOf = ({ background, format, quality, width, height }: ImageRequest): object => ({
  background,
  output_format: format,
  quality,
  size: `${width}x${height}`,
});

/** Server-sent events: the previews of each picture, then the picture. */
export function eventsOf(
  request: ImageRequest,
  kind: 'generation' | 'edit',
  pictures: string[],
  nowMs: number,
): string {
  const name = kind === 'edit' ? 'image_edit' : 'image_generation';
  const created = Math.floor(nowMs / 1000);
  const event = (type: string, b64: string, more: object): string =>
    `event: ${name}.${type}\ndata: ${JSON.stringify({ type: `${name}.${type}`, b64_json: b64, created_at: created, ...aboutOf(request), ...more })}\n\n`;
  return pictures
    .flatMap((picture) => [
      ...Array.from({ length: request.partials }, (_, index) =>
        event('partial_image', picture, { partial_image_index: index }),
      ),
      event('completed', picture, { usage: usageOf(request, 1) }),
    ])
    .join('');
}
