import { type App, flag, nearestWide, number, sidesOf, text } from './app.js';
import { boolean, float, integer, oneOf, required, string, url, type Values } from './fields.js';
import { given, lines, prompt, seconds, seedOut, video, type VideoShape } from './video.js';

const open = { partner: false, realisticMs: 30_000 };

function wan(): Record<string, App> {
  const fields = {
    prompt,
    negative_prompt: string(),
    num_frames: integer(17, 161),
    frames_per_second: integer(4, 60),
    resolution: oneOf('580p', '720p'),
    aspect_ratio: oneOf('16:9', '9:16', '1:1'),
    num_inference_steps: integer(2, 50),
    guidance_scale: float(1, 10),
    shift: float(1, 10),
    seed: integer(),
    enable_prompt_expansion: boolean,
    enable_safety_checker: boolean,
    interpolator_model: oneOf('none', 'film', 'rife'),
    num_interpolated_frames: integer(0, 4),
    adjust_fps_for_interpolation: boolean,
  };
  const fps = (body: Values): number => number(body, 'frames_per_second', 24);
  const shape: VideoShape = {
    sides: (asked) => {
      const ratio = text(asked.body, 'aspect_ratio', 'auto');
      const picture = given(asked, 'image_url');
      return sidesOf(
        ratio === 'auto' ? (picture ? nearestWide(picture) : '16:9') : ratio,
        lines(text(asked.body, 'resolution', '720p')),
      );
    },
    seconds: (body) => number(body, 'num_frames', 81) / fps(body),
    fps,
    sound: () => false,
    first: ['image_url'],
  };
  const more = { ...open, result: seedOut };
  return {
    'fal-ai/wan/v2.2-5b/text-to-video': video('wan 2.2 5b', fields, shape, more),
    'fal-ai/wan/v2.2-5b/image-to-video': video(
      'wan 2.2 5b',
      { ...fields, aspect_ratio: oneOf('auto', '16:9', '9:16', '1:1'), image_url: required(url('image')) },
      shape,
      more,
    ),
  };
}

function ltx(): Record<string, App> {
  const fields = {
    prompt,
    duration: oneOf('6', '8', '10'),
    fps: oneOf('25', '50'),
    resolution: oneOf('1080p', '1440p', '2160p'),
    generate_audio: boolean,
  };
  const shape: VideoShape = {
    sides: ({ body }) => sidesOf('16:9', lines(text(body, 'resolution', '1080p'))),
    seconds: (body) => seconds(body, 6),
    fps: (body) => Number(text(body, 'fps', '25')),
    sound: (body) => flag(body, 'generate_audio', true),
    first: ['image_url'],
  };
  return Object.fromEntries(
    ['', '/fast'].flatMap((tier) => [
      [`fal-ai/ltx-2/text-to-video${tier}`, video(`ltx-2${tier}`, fields, shape, { realisticMs: 30_000 })],
      [
        `fal-ai/ltx-2/image-to-video${tier}`,
        video(`ltx-2${tier}`, { ...fields, image_url: required(url('image')) }, shape, { realisticMs: 30_000 }),
      ],
    ]),
  );
}

function framepack(): Record<string, App> {
  const fields = {
    prompt: required(string(500)),
    negative_prompt: string(),
    image_url: required(url('image')),
    num_frames: integer(30, 900),
    resolution: oneOf('480p', '720p'),
    aspect_ratio: oneOf('16:9', '9:16'),
    cfg_scale: float(0, 7),
    guidance_scale: float(0, 32),
    seed: integer(),
    enable_safety_checker: boolean,
  };
  const shape = (frames: number, last?: string): VideoShape => ({
    sides: ({ body }) => sidesOf(text(body, 'aspect_ratio', '16:9'), lines(text(body, 'resolution', '480p'))),
    seconds: (body) => number(body, 'num_frames', frames) / 30,
    fps: () => 30,
    sound: () => false,
    first: ['image_url'],
    ...(last === undefined ? {} : { last }),
  });
  const more = { ...open, result: seedOut };
  return {
    'fal-ai/framepack': video('framepack', fields, shape(180), more),
    'fal-ai/framepack/f1': video('framepack f1', fields, shape(180), more),
    'fal-ai/framepack/flf2v': video(
      'framepack',
      { ...fields, end_image_url: required(url('image')), strength: float(0, 1) },
      shape(240, 'end_image_url'),
      more,
    ),
  };
}

const SKYREELS: Record<string, App> = {
  'fal-ai/skyreels-i2v': video(
    'skyreels',
    {
      prompt,
      negative_prompt: string(),
      image_url: required(url('image')),
      aspect_ratio: oneOf('16:9', '9:16'),
      guidance_scale: float(1, 20),
      num_inference_steps: integer(1, 50),
      seed: integer(),
    },
    {
      sides: ({ body }) => sidesOf(text(body, 'aspect_ratio', '16:9'), 540),
      seconds: () => 97 / 24,
      fps: () => 24,
      sound: () => false,
      first: ['image_url'],
    },
    { ...open, result: seedOut },
  ),
};

export const OPEN_VIDEO: Readonly<Record<string, App>> = { ...wan(), ...ltx(), ...framepack(), ...SKYREELS };
