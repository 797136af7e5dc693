import type { Output } from '../generations.js';
import type { PictureFormat } from '../render/recipes.js';
import { type App, type Asked, drawn, number, type Sides, text } from './app.js';
import {
  boolean,
  type Field,
  float,
  integer,
  oneOf,
  PRESETS,
  required,
  string,
  url,
  urls,
  type Values,
} from './fields.js';

const prompt = required(string());
const REALISTIC_MS = 8_000;

const formatOf = (body: Values, fallback: PictureFormat): PictureFormat =>
  (['png', 'jpeg', 'webp'] as const).find((format) => format === body['output_format']) ?? fallback;

function pictures(
  title: string,
  asked: Asked,
  sides: Sides,
  format: PictureFormat,
  over: Asked['pictures'][string],
): Output[] {
  return Array.from({ length: number(asked.body, 'num_images', 1) }, (_, index) => ({
    kind: 'picture',
    picture: drawn(title, { ...asked, seed: asked.seed + index }, sides, over),
    format,
  }));
}

const first = (asked: Asked, name: string): Sides => {
  const [picture] = asked.pictures[name] ?? [];
  return picture === undefined || picture.kind === 'inverted' ? { width: 1024, height: 1024 } : picture;
};

function fluxSides(asked: Asked, fallback: Sides): Sides {
  const size = asked.body['image_size'];
  if (typeof size === 'string') {
    const [width = 1024, height = 768] = PRESETS[size] ?? [];
    return { width, height };
  }
  return typeof size === 'object' && size !== null ? (size as Sides) : fallback;
}

/** FLUX.1 dev, with and without weights: `image_size` is not a parameter of flux/dev's image-to-image. */
function flux(id: string, weights: boolean): Record<string, App> {
  const fields: Record<string, Field> = {
    prompt,
    num_inference_steps: integer(1, 50),
    guidance_scale: float(weights ? 0 : 1, weights ? 35 : 20),
    seed: integer(),
    num_images: integer(1, 4),
    output_format: oneOf('jpeg', 'png'),
    acceleration: weights ? oneOf('none', 'regular') : oneOf('none', 'regular', 'high'),
    enable_safety_checker: boolean,
    sync_mode: boolean,
    ...(weights ? { loras: { type: 'loras' } } : {}),
  };
  const size: Record<string, Field> = { image_size: { type: 'image_size' } };
  const result: App['result'] = ({ prompt: said, seed }, images) => ({
    images,
    timings: { inference: 1.5 },
    seed,
    has_nsfw_concepts: images.map(() => false),
    prompt: said,
  });
  const shared = { partner: false, realisticMs: REALISTIC_MS, result };
  return {
    [id]: {
      ...shared,
      fields: { ...fields, ...size },
      make: (asked) =>
        pictures(id, asked, fluxSides(asked, { width: 1024, height: 768 }), formatOf(asked.body, 'jpeg'), []),
    },
    [`${id}/image-to-image`]: {
      ...shared,
      fields: { ...fields, ...(weights ? size : {}), image_url: required(url('image')), strength: float(0.01, 1) },
      make: (asked) =>
        pictures(
          id,
          asked,
          fluxSides(asked, first(asked, 'image_url')),
          formatOf(asked.body, 'jpeg'),
          asked.pictures['image_url'] ?? [],
        ),
    },
  };
}

function gptSides(asked: Asked): Sides {
  const size = text(asked.body, 'image_size', '');
  const match = /^(\d+)x(\d+)$/.exec(size);
  if (match) return { width: Number(match[1]), height: Number(match[2]) };
  const [picture] = asked.pictures['image_urls'] ?? [];
  if (picture === undefined || picture.kind === 'inverted' || picture.width === picture.height)
    return { width: 1024, height: 1024 };
  return picture.width > picture.height ? { width: 1536, height: 1024 } : { width: 1024, height: 1536 };
}

function gpt(text_: string, edit: string, masks: boolean): Record<string, App> {
  const fields: Record<string, Field> = {
    prompt,
    num_images: integer(1, 4),
    image_size: oneOf('1024x1024', '1536x1024', '1024x1536'),
    background: oneOf('auto', 'transparent', 'opaque'),
    quality: oneOf('low', 'medium', 'high'),
    output_format: oneOf('jpeg', 'png', 'webp'),
    sync_mode: boolean,
  };
  const shared = {
    partner: true,
    realisticMs: 20_000,
    result: (_asked: unknown, images: object[]) => ({ images }),
    make: (asked: Asked) =>
      pictures(text_, asked, gptSides(asked), formatOf(asked.body, 'png'), asked.pictures['image_urls'] ?? []),
  };
  return {
    [text_]: { ...shared, fields },
    [edit]: {
      ...shared,
      fields: {
        ...fields,
        image_size: oneOf('auto', '1024x1024', '1536x1024', '1024x1536'),
        image_urls: required(urls('image', 16)),
        input_fidelity: oneOf('low', 'high'),
        ...(masks ? { mask_image_url: url('image') } : { quality: oneOf('auto', 'low', 'medium', 'high') }),
      },
    },
  };
}

const STEP = 16;
const BASE = 1024;

/** About as many pixels as a square of the size class has. */
function nanoSides(asked: Asked): Sides {
  const ratio = text(asked.body, 'aspect_ratio', 'auto');
  const own = first(asked, 'image_urls');
  const [across = 1, down = 1] = ratio === 'auto' ? [own.width, own.height] : ratio.split(':').map(Number);
  const side = BASE * Number.parseFloat(text(asked.body, 'resolution', '1K'));
  const round = (value: number): number => STEP * Math.round(value / STEP);
  return { width: round(side * Math.sqrt(across / down)), height: round(side * Math.sqrt(down / across)) };
}

function nano(): Record<string, App> {
  const fields: Record<string, Field> = {
    prompt: required(string(50_000)),
    num_images: integer(1, 4),
    seed: integer(),
    aspect_ratio: oneOf(
      'auto',
      '21:9',
      '16:9',
      '3:2',
      '4:3',
      '5:4',
      '1:1',
      '4:5',
      '3:4',
      '2:3',
      '9:16',
      '4:1',
      '1:4',
      '8:1',
      '1:8',
    ),
    resolution: oneOf('0.5K', '1K', '2K', '4K'),
    output_format: oneOf('jpeg', 'png', 'webp'),
    safety_tolerance: oneOf('1', '2', '3', '4', '5', '6'),
    limit_generations: boolean,
    enable_web_search: boolean,
    sync_mode: boolean,
  };
  const shared = {
    partner: true,
    realisticMs: 12_000,
    result: ({ prompt: said }: { prompt: string }, images: object[]) => ({
      images,
      description: `A picture of ${said}`,
    }),
    make: (asked: Asked) =>
      pictures(
        'nano banana 2',
        asked,
        nanoSides(asked),
        formatOf(asked.body, 'png'),
        asked.pictures['image_urls'] ?? [],
      ),
  };
  return {
    'fal-ai/nano-banana-2': { ...shared, fields },
    'fal-ai/nano-banana-2/edit': { ...shared, fields: { ...fields, image_urls: required(urls('image', 14)) } },
  };
}

export const IMAGE: Readonly<Record<string, App>> = {
  ...flux('fal-ai/flux/dev', false),
  ...flux('fal-ai/flux-lora', true),
  ...gpt('fal-ai/gpt-image-1.5', 'fal-ai/gpt-image-1.5/edit', true),
  ...gpt('fal-ai/gpt-image-1/text-to-image', 'fal-ai/gpt-image-1/edit-image', false),
  ...nano(),
};
