import {
  always,
  choice,
  flag,
  frames,
  oneFile,
  range,
  same,
  seed,
  text,
  type Endpoint,
  type Family,
} from './endpoint.js';

/**
 * Wan 2.2 TI2V-5B (client 1.10.1: fal-ai/wan/v2.2-5b): 17 to 161 frames at 24 a second, counted in fours as the model does.
 * Ranges of steps and guidance are those of fal's model page of the same app.
 */
export const wan: Family = ({ model, operation }) => {
  const fields: Endpoint['fields'] = {
    prompt: text('prompt'),
    negative_prompt: text('negative_prompt'),
    duration_seconds: frames('num_frames', { fps: 24, min: 17, max: 161, step: 4, offset: 1 }),
    resolution: same('resolution', ['580p', '720p']),
    aspect_ratio: same('aspect_ratio', ['16:9', '9:16', '1:1']),
    fps: always(24),
    steps: range('num_inference_steps', 2, 50, true),
    guidance: range('guidance_scale', 1, 10),
    seed,
  };
  // Interpolated frames would change the length or the rate that was asked for.
  const constants = { frames_per_second: 24, num_interpolated_frames: 0 };
  const options = ['enable_prompt_expansion', 'shift'];
  if (operation === 'text_to_video') return { id: `${model}/text-to-video`, fields, files: {}, constants, options };
  if (operation === 'image_to_video')
    return { id: `${model}/image-to-video`, fields, files: { image: oneFile('image_url') }, constants, options };
  return null;
};

export const LTX_SECONDS = { 6: '6', 8: '8', 10: '10' } as const;
export const LTX_LINES = { '1080p': '1080p', '1440p': '1440p', '2160p': '2160p', '4k': '2160p' } as const;
export const LTX_FPS = { 25: '25', 50: '50' } as const;

/** LTX-2 and, with tier `fast`, LTX-2 Fast (client 1.10.1: fal-ai/ltx-2). Always 16:9; there is no seed. */
export const ltx: Family = ({ model, operation, settings }) => {
  const fields: Endpoint['fields'] = {
    prompt: text('prompt'),
    duration_seconds: choice('duration', LTX_SECONDS),
    resolution: choice('resolution', LTX_LINES),
    fps: choice('fps', LTX_FPS),
    aspect_ratio: always('16:9'),
    generate_audio: flag('generate_audio'),
  };
  const tier = settings.tier === 'fast' ? '/fast' : '';
  if (operation === 'text_to_video') return { id: `${model}/text-to-video${tier}`, fields, files: {} };
  if (operation === 'image_to_video')
    return { id: `${model}/image-to-video${tier}`, fields, files: { image: oneFile('image_url') } };
  return null;
};

/**
 * FramePack, and its F1 as the model id `fal-ai/framepack/f1` (client 1.10.1). 30 frames a second; 30 to 900 frames and the
 * range of guidance are those of fal's model page, so a clip is at most 30 seconds long.
 */
export const framepack: Family = ({ model, operation }) => {
  const fields: Endpoint['fields'] = {
    prompt: text('prompt', 500),
    negative_prompt: text('negative_prompt'),
    duration_seconds: frames('num_frames', { fps: 30, min: 30, max: 900, step: 1, offset: 0 }),
    resolution: same('resolution', ['480p', '720p']),
    aspect_ratio: same('aspect_ratio', ['16:9', '9:16']),
    fps: always(30),
    generate_audio: always(false),
    guidance: range('guidance_scale', 0, 32),
    seed,
  };
  if (operation === 'image_to_video') return { id: model, fields, files: { image: oneFile('image_url') } };
  if (operation === 'first_last_frame' && !model.endsWith('/f1'))
    return {
      id: `${model}/flf2v`,
      fields,
      files: { image: oneFile('image_url'), last_image: oneFile('end_image_url') },
    };
  return null;
};

/**
 * SkyReels V1, picture to video (client 1.10.1: fal-ai/skyreels-i2v). The endpoint has no length: it is the model's 97 frames
 * at 24 a second, about 4 seconds (unconfirmed for fal; the model's own default).
 */
export const skyreels: Family = ({ model, operation }) => {
  if (operation !== 'image_to_video') return null;
  return {
    id: model,
    fields: {
      prompt: text('prompt'),
      negative_prompt: text('negative_prompt'),
      duration_seconds: always(4),
      resolution: always('540p'),
      aspect_ratio: same('aspect_ratio', ['16:9', '9:16']),
      fps: always(24),
      generate_audio: always(false),
      steps: range('num_inference_steps', 1, 50, true),
      guidance: range('guidance_scale', 1, 20),
      seed,
    },
    files: { image: oneFile('image_url') },
  };
};
