import { type Picture, pictureSize } from '../render/recipes.js';
import {
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

const LTX_STEP = 32;
const LTX_FRAMES_PER_LATENT = 8;
/** FramePack's own sizes at resolution 640, as height and width (its bucket_tools.py). */
const BUCKETS: readonly (readonly [number, number])[] = [
  [416, 960],
  [448, 864],
  [480, 832],
  [512, 768],
  [544, 704],
  [576, 672],
  [608, 640],
  [640, 608],
  [672, 576],
  [704, 544],
  [768, 512],
  [832, 480],
  [864, 448],
  [960, 416],
];
const BUCKET_RESOLUTION = 640;
const FRAMEPACK_FPS = 30;
const FRAMES_PER_LATENT = 4;

type Inputs = Record<string, unknown>;

/** The custom sampler, LTX-2 and FramePack; null for other classes. */
export function evaluateVideo(className: string, inputs: Inputs, of: Reader): Value[] | null {
  switch (className) {
    case 'LoadFramePackModel':
      return [{ kind: 'model', file: textOf(inputs['model']) }];
    case 'RandomNoise':
      return [{ kind: 'noise', seed: numberOf(inputs['noise_seed']) }];
    case 'CFGGuider': {
      const [model, positive] = [of.linked(inputs['model']), of.linked(inputs['positive'])];
      const prompt = of.clean(positive.kind === 'text' ? positive.text : '');
      return [{ kind: 'guider', prompt, model: model.kind === 'model' ? model.file : '' }];
    }
    case 'SamplerCustomAdvanced': {
      const made = sampled(of.linked(inputs['latent_image']), inputs, of);
      return [made, made];
    }
    case 'LTXVConditioning':
      return [of.linked(inputs['positive']), of.linked(inputs['negative'])];
    case 'EmptyLTXVLatentVideo':
      return [
        latentOf(
          floorTo(inputs['width'], LTX_STEP),
          floorTo(inputs['height'], LTX_STEP),
          LTX_FRAMES_PER_LATENT * Math.floor((numberOf(inputs['length']) - 1) / LTX_FRAMES_PER_LATENT) + 1,
          numberOf(inputs['batch_size']),
          null,
        ),
      ];
    case 'LTXVEmptyLatentAudio': {
      const seconds = numberOf(inputs['frames_number']) / numberOf(inputs['frame_rate']);
      return [{ kind: 'sound', seconds, bpm: USUAL_BPM, seed: 0 }];
    }
    case 'LTXVConcatAVLatent': {
      const [video, sound] = [of.linked(inputs['video_latent']), of.linked(inputs['audio_latent'])];
      return [video.kind === 'latent' && sound.kind === 'sound' ? { kind: 'joint', video, sound } : OPAQUE];
    }
    case 'LTXVSeparateAVLatent': {
      const joint = of.linked(inputs['av_latent']);
      return joint.kind === 'joint' ? [joint.video, joint.sound] : [OPAQUE, OPAQUE];
    }
    case 'LTXVCropGuides':
      return [of.linked(inputs['positive']), of.linked(inputs['negative']), of.linked(inputs['latent'])];
    case 'LTXVLatentUpsampler': {
      const small = of.linked(inputs['samples']);
      return [small.kind === 'latent' ? { ...small, width: 2 * small.width, height: 2 * small.height } : OPAQUE];
    }
    case 'LTXVPreprocess':
      return [of.linked(inputs['image'])];
    case 'LTXVImgToVideoInplace': {
      const latent = of.linked(inputs['latent']);
      const picture = of.images(inputs['image'])[0] ?? null;
      return [latent.kind === 'latent' && inputs['bypass'] !== true ? { ...latent, base: picture } : latent];
    }
    case 'LTXVAudioVAEDecode': {
      const latent = of.linked(inputs['samples']);
      return [latent.kind === 'joint' ? latent.sound : latent];
    }
    case 'FramePackFindNearestBucket': {
      const [width, height] = bucketOf(of.images(inputs['image'])[0], numberOf(inputs['base_resolution']));
      return [
        { kind: 'number', value: width },
        { kind: 'number', value: height },
      ];
    }
    case 'FramePackSampler':
      return [framePack(inputs, of)];
    default:
      return null;
  }
}

function sampled(latent: Value, inputs: Inputs, of: Reader): Value {
  const [noise, guider] = [of.linked(inputs['noise']), of.linked(inputs['guider'])];
  const seed = noise.kind === 'noise' ? noise.seed : 0;
  const { prompt, model } = guider.kind === 'guider' ? guider : { prompt: '', model: '' };
  const draw = (video: Latent): Latent => ({ ...video, sampled: { prompt, model, seed } });
  if (latent.kind === 'joint') return { ...latent, video: draw(latent.video), sound: { ...latent.sound, seed } };
  return latent.kind === 'latent' ? draw(latent) : OPAQUE;
}

/** The nearest bucket, scaled: multiples of 16. Of two as near, the later one, as the pack's own loop has it. */
function bucketOf(picture: Picture | undefined, resolution: number): [number, number] {
  const { width, height } = picture === undefined ? { width: 1, height: 1 } : pictureSize(picture);
  let best: readonly [number, number] = [BUCKET_RESOLUTION, BUCKET_RESOLUTION];
  let least = Number.POSITIVE_INFINITY;
  for (const bucket of BUCKETS) {
    const distance = Math.abs(height * bucket[1] - width * bucket[0]);
    if (distance <= least) [best, least] = [bucket, distance];
  }
  const scale = (side: number) => 16 * Math.round((side * resolution) / BUCKET_RESOLUTION / 16);
  return [scale(best[1]), scale(best[0])];
}

/** Python's `round`: halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const whole = Math.floor(value);
  if (value - whole !== 0.5) return Math.round(value);
  return whole % 2 === 0 ? whole : whole + 1;
}

/** Whole sections, generated from the end backwards; the first frame's latent is put before the last of them. */
function framePack(inputs: Inputs, of: Reader): Value {
  const start = of.linked(inputs['start_latent']);
  const end = of.linked(inputs['end_latent']);
  if (start.kind !== 'latent') throw new Error("'NoneType' object is not subscriptable");
  if (end.kind === 'latent' && inputs['end_image_embeds'] === undefined) throw new Error('AssertionError');
  const window = numberOf(inputs['latent_window_size']);
  const wanted = (numberOf(inputs['total_second_length']) * FRAMEPACK_FPS) / (window * FRAMES_PER_LATENT);
  const latents = window * Math.max(1, roundHalfEven(wanted)) + 1;
  const [model, positive] = [of.linked(inputs['model']), of.linked(inputs['positive'])];
  return {
    ...start,
    frames: FRAMES_PER_LATENT * (latents - 1) + 1,
    last: end.kind === 'latent' ? end.base : null,
    sampled: {
      prompt: of.clean(positive.kind === 'text' ? positive.text : ''),
      seed: numberOf(inputs['seed']),
      model: model.kind === 'model' ? model.file : '',
    },
  };
}
