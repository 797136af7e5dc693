import { createHash } from 'node:crypto';
import { type Clip, type Picture, pictureSize } from '../render/recipes.js';
import { evaluateSound } from './evaluate-sound.js';
import { evaluateVideo } from './evaluate-video.js';
import type { Graph, GraphNode } from './graph.js';
import { isLink } from './graph.js';
import {
  type Deliverable,
  floorTo,
  type Latent,
  latentOf,
  numberOf,
  OPAQUE,
  type Reader,
  textOf,
  USUAL_BPM,
  type Value,
} from './values.js';

/** Size of an uploaded picture, and where it lies. */
export type LoadPicture = (annotatedName: string) => Promise<Picture>;

/** Latents have an eighth of a picture's size, Wan 2.2's a sixteenth: what does not fit is floored, silently. */
const LATENT_STEP = 8;
const WAN22_STEP = 16;
const WAN_FRAMES_PER_LATENT = 4;

/** Runs the graph symbolically, node by node in the order asked for. */
export class Evaluation implements Reader {
  private readonly values = new Map<string, Value[]>();
  readonly deliverables = new Map<string, Deliverable[]>();

  constructor(
    private readonly graph: Graph,
    private readonly loadPicture: LoadPicture,
    /** The prompt text without sandbox markers. */
    readonly clean: (text: string) => string,
  ) {}

  /** Nodes the outputs need, inputs before the nodes that use them. */
  order(outputs: string[]): string[] {
    const ordered: string[] = [];
    const visit = (id: string) => {
      if (ordered.includes(id)) return;
      for (const value of Object.values(this.graph[id]?.inputs ?? {})) if (isLink(value)) visit(value[0]);
      ordered.push(id);
    };
    for (const output of outputs) visit(output);
    return ordered;
  }

  async run(id: string): Promise<void> {
    const node = this.graph[id];
    if (node !== undefined) this.values.set(id, await this.evaluate(id, node));
  }

  private async evaluate(id: string, node: GraphNode): Promise<Value[]> {
    const { inputs } = node;
    switch (node.class_type) {
      case 'UNETLoader':
        return [{ kind: 'model', file: textOf(inputs['unet_name']) }];
      case 'CheckpointLoaderSimple':
        return [{ kind: 'model', file: textOf(inputs['ckpt_name']) }, OPAQUE, OPAQUE];
      case 'LoraLoaderModelOnly':
      case 'ModelSamplingSD3':
        return [this.linked(inputs['model'])];
      case 'LoraLoader':
        return [this.linked(inputs['model']), OPAQUE];
      case 'CLIPTextEncode':
        return [{ kind: 'text', text: textOf(inputs['text']) }];
      case 'FluxGuidance':
        return [this.linked(inputs['conditioning'])];
      case 'EmptyLatentImage':
      case 'EmptySD3LatentImage':
        return [
          latentOf(
            floorTo(inputs['width'], LATENT_STEP),
            floorTo(inputs['height'], LATENT_STEP),
            1,
            numberOf(inputs['batch_size']),
            null,
          ),
        ];
      case 'Wan22ImageToVideoLatent': {
        const frames = WAN_FRAMES_PER_LATENT * Math.floor((numberOf(inputs['length']) - 1) / WAN_FRAMES_PER_LATENT) + 1;
        const base = inputs['start_image'] === undefined ? null : this.images(inputs['start_image'])[0];
        return [
          latentOf(
            floorTo(inputs['width'], WAN22_STEP),
            floorTo(inputs['height'], WAN22_STEP),
            frames,
            numberOf(inputs['batch_size']),
            base ?? null,
          ),
        ];
      }
      case 'VAEEncode': {
        const stills = this.images(inputs['pixels']);
        const first = stills[0] ?? { kind: 'colour', width: LATENT_STEP, height: LATENT_STEP, rgb: 0 };
        const { width, height } = pictureSize(first);
        return [latentOf(floorTo(width, LATENT_STEP), floorTo(height, LATENT_STEP), 1, stills.length, first)];
      }
      case 'KSampler': {
        const input = this.linked(inputs['latent_image']);
        const positive = this.linked(inputs['positive']);
        const model = this.linked(inputs['model']);
        if (input.kind === 'sound')
          return [
            {
              ...input,
              seed: numberOf(inputs['seed']),
              bpm: positive.kind === 'text' ? (positive.bpm ?? USUAL_BPM) : USUAL_BPM,
            },
          ];
        if (input.kind !== 'latent') return [OPAQUE];
        const prompt = this.clean(positive.kind === 'text' ? positive.text : '');
        return [
          {
            ...input,
            sampled: { prompt, seed: numberOf(inputs['seed']), model: model.kind === 'model' ? model.file : '' },
          },
        ];
      }
      case 'VAEDecode':
      case 'VAEDecodeTiled':
        return [decode(this.linked(inputs['samples']))];
      case 'LoadImage':
        return [
          { kind: 'images', stills: [await this.loadPicture(textOf(inputs['image']))], frames: 1, seed: 0 },
          OPAQUE,
        ];
      case 'EmptyImage': {
        const picture: Picture = {
          kind: 'colour',
          width: numberOf(inputs['width']),
          height: numberOf(inputs['height']),
          rgb: numberOf(inputs['color']),
        };
        const frames = numberOf(inputs['batch_size']);
        return [{ kind: 'images', stills: [picture], frames, seed: 0 }];
      }
      case 'ImageScale':
        return [
          this.mapImages(inputs['image'], (of) =>
            scaled(of, this.number(inputs['width']), this.number(inputs['height']), inputs['crop'] === 'center'),
          ),
        ];
      case 'ImageInvert':
        return [this.mapImages(inputs['image'], (of) => ({ kind: 'inverted', of }))];
      case 'ImageBatch': {
        const [first, second] = [this.linked(inputs['image1']), this.linked(inputs['image2'])];
        if (first.kind !== 'images' || second.kind !== 'images' || first.stills[0] === undefined) return [OPAQUE];
        const { width, height } = pictureSize(first.stills[0]);
        const stills = [...everyStill(first), ...everyStill(second).map((still) => scaled(still, width, height, true))];
        return [{ kind: 'images', stills, frames: stills.length, seed: first.seed }];
      }
      case 'CreateVideo':
        return [this.createVideo(inputs)];
      case 'SaveImage':
      case 'PreviewImage': {
        const temporary = node.class_type === 'PreviewImage';
        const prefix = temporary ? 'ComfyUI_temp' : this.clean(textOf(inputs['filename_prefix']));
        const images = this.linked(inputs['images']);
        const stills = images.kind === 'images' ? everyStill(images) : [];
        this.deliverables.set(
          id,
          stills.map((picture) => ({ kind: 'image', prefix, temporary, picture })),
        );
        return [];
      }
      case 'SaveVideo': {
        const video = this.linked(inputs['video']);
        const prefix = this.clean(textOf(inputs['filename_prefix']));
        this.deliverables.set(id, video.kind === 'video' ? [{ kind: 'video', prefix, clip: video.clip }] : []);
        return [];
      }
      case 'SaveAudioMP3': {
        const sound = this.linked(inputs['audio']);
        const prefix = this.clean(textOf(inputs['filename_prefix']));
        const { seconds, bpm, seed } = sound.kind === 'sound' ? sound : { seconds: 0, bpm: USUAL_BPM, seed: 0 };
        const made = { kind: 'audio' as const, prefix, piece: { seconds, bpm, seed, format: 'mp3' as const } };
        this.deliverables.set(id, sound.kind === 'sound' ? [made] : []);
        return [];
      }
      default:
        return evaluateVideo(node.class_type, inputs, this) ?? evaluateSound(node.class_type, inputs, this) ?? [OPAQUE];
    }
  }

  linked(input: unknown): Value {
    return (isLink(input) ? this.values.get(input[0])?.[input[1]] : undefined) ?? OPAQUE;
  }

  images(input: unknown): Picture[] {
    const value = this.linked(input);
    return value.kind === 'images' ? value.stills : [];
  }

  number(input: unknown): number {
    const value = this.linked(input);
    return value.kind === 'number' ? value.value : numberOf(input);
  }

  private mapImages(input: unknown, change: (picture: Picture) => Picture): Value {
    const value = this.linked(input);
    return value.kind === 'images' ? { ...value, stills: value.stills.map(change) } : value;
  }

  private createVideo(inputs: Record<string, unknown>): Value {
    const images = this.linked(inputs['images']);
    const first = images.kind === 'images' ? images.stills[0] : undefined;
    if (images.kind !== 'images' || first === undefined) return OPAQUE;
    const { width, height } = pictureSize(first);
    const clip: Clip = {
      // H.264 in 4:2:0 has no odd sides.
      width: Math.max(2, 2 * Math.floor(width / 2)),
      height: Math.max(2, 2 * Math.floor(height / 2)),
      fps: numberOf(inputs['fps']),
      frames: images.frames,
      seed: images.seed,
      first,
      last: images.stills.length > 1 ? (images.stills.at(-1) ?? null) : null,
      sound: this.linked(inputs['audio']).kind === 'sound',
    };
    return { kind: 'video', clip };
  }
}

function decode(value: Value): Value {
  if (value.kind !== 'latent') return OPAQUE;
  return decodeLatent(value);
}

function decodeLatent({ width, height, frames, batch, base, last, sampled }: Latent): Value {
  if (sampled === null) {
    const still: Picture =
      base === null ? { kind: 'colour', width, height, rgb: 0x808080 } : scaled(base, width, height, true);
    return { kind: 'images', stills: [still], frames: frames * batch, seed: 0 };
  }
  const { prompt, seed, model } = sampled;
  const stills = Array.from({ length: frames > 1 ? 1 : batch }, (_, index): Picture => ({
    kind: 'drawn',
    width,
    height,
    title: `sandbox · ${model}`,
    prompt,
    seed: seed + index,
    over: base === null ? [] : [base],
  }));
  const end = last === null ? [] : [scaled(last, width, height, true)];
  return { kind: 'images', stills: [...stills, ...end], frames: frames > 1 ? frames : batch, seed };
}

function everyStill(images: Extract<Value, { kind: 'images' }>): Picture[] {
  const last = images.stills.at(-1);
  if (last === undefined) return [];
  return Array.from({ length: images.frames }, (_, index) => images.stills[index] ?? last);
}

/** ImageScale keeps the ratio where one side is 0. */
function scaled(of: Picture, width: number, height: number, crop: boolean): Picture {
  const size = pictureSize(of);
  if (width === 0 && height === 0) return of;
  return {
    kind: 'scaled',
    of,
    width: width === 0 ? Math.max(1, Math.round((size.width * height) / size.height)) : width,
    height: height === 0 ? Math.max(1, Math.round((size.height * width) / size.width)) : height,
    fit: crop ? 'cover' : 'fill',
  };
}

/** Identity of a graph for ComfyUI's output cache: classes and inputs, without titles. */
export function graphFingerprint(graph: Graph): string {
  const plain = Object.entries(graph).map(([id, node]) => [id, node.class_type, node.inputs]);
  return createHash('sha256').update(JSON.stringify(plain)).digest('hex');
}
