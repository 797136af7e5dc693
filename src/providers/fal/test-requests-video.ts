import { LINK, PICTURE, prompt, row, untyped, type ExpectedRequest } from './test-request-rows.js';

const VEO = { family: 'veo-3.1', model: 'fal-ai/veo3.1' } as const;
const veo = { prompt, duration_seconds: 8, aspect_ratio: '9:16', resolution: '1080p', generate_audio: false, fps: 24 };
const veoWire = { prompt, duration: '8s', aspect_ratio: '9:16', resolution: '1080p', generate_audio: false } as const;
const KLING = { family: 'kling-v3', model: 'fal-ai/kling-video/v3' } as const;
const WAN = { family: 'wan-2.2-5b', model: 'fal-ai/wan/v2.2-5b' } as const;
const LTX = { family: 'ltx-2', model: 'fal-ai/ltx-2' } as const;
const SORA = { family: 'sora-2', model: 'fal-ai/sora-2' } as const;
const SEEDANCE = { family: 'seedance-2.0', model: 'bytedance/seedance-2.0' } as const;

/** Video endpoints, with every field that a request may hold. */
export const VIDEO_REQUESTS: ExpectedRequest[] = [
  row(
    'fal-ai/veo3.1',
    {
      ...VEO,
      operation: 'text_to_video',
      input: { ...veo, negative_prompt: 'rain', seed: 7 },
      options: { auto_fix: false, safety_tolerance: '3' },
    },
    { ...veoWire, negative_prompt: 'rain', seed: 7, auto_fix: false, safety_tolerance: '3' },
  ),
  row(
    'fal-ai/veo3.1/fast/image-to-video',
    { ...VEO, model: 'fal-ai/veo3.1/fast', operation: 'image_to_video', input: veo, references: { image: 1 } },
    { ...veoWire, image_url: PICTURE },
  ),
  row(
    'fal-ai/veo3.1/first-last-frame-to-video',
    {
      ...VEO,
      operation: 'first_last_frame',
      input: { ...veo, resolution: '4k' },
      references: { image: 1, last_image: 1 },
    },
    { ...veoWire, resolution: '4k', first_frame_url: PICTURE, last_frame_url: PICTURE },
  ),
  row(
    'fal-ai/veo3.1/reference-to-video',
    { ...VEO, operation: 'reference_to_video', input: veo, references: { reference_images: 2 } },
    { ...veoWire, image_urls: [PICTURE, PICTURE] },
  ),
  row(
    'fal-ai/sora-2/text-to-video',
    {
      ...SORA,
      operation: 'text_to_video',
      input: { prompt, duration_seconds: 12, aspect_ratio: '9:16', resolution: '720p', generate_audio: true },
      options: { detect_and_block_ip: true },
    },
    { prompt, duration: '12', aspect_ratio: '9:16', resolution: '720p', detect_and_block_ip: true },
  ),
  row(
    'fal-ai/sora-2/image-to-video/pro',
    {
      ...SORA,
      operation: 'image_to_video',
      settings: { tier: 'pro' },
      input: { prompt, duration_seconds: 4, resolution: '1080p' },
      references: { image: 1 },
    },
    { prompt, duration: '4', resolution: '1080p', image_url: PICTURE },
  ),
  row(
    'fal-ai/kling-video/v3/standard/text-to-video',
    {
      ...KLING,
      operation: 'text_to_video',
      input: {
        prompt,
        duration_seconds: 3,
        aspect_ratio: '1:1',
        resolution: '720p',
        generate_audio: false,
        guidance: 0.7,
      },
    },
    { prompt, duration: '3', aspect_ratio: '1:1', generate_audio: false, cfg_scale: 0.7 },
  ),
  row(
    'fal-ai/kling-video/v3/pro/image-to-video',
    {
      ...KLING,
      operation: 'first_last_frame',
      input: { prompt, negative_prompt: 'blur', duration_seconds: 10, resolution: '1080p', generate_audio: true },
      references: { image: 1, last_image: 1 },
    },
    {
      prompt,
      negative_prompt: 'blur',
      duration: '10',
      generate_audio: true,
      start_image_url: PICTURE,
      end_image_url: PICTURE,
    },
  ),
  row(
    'fal-ai/wan/v2.2-5b/text-to-video',
    {
      ...WAN,
      operation: 'text_to_video',
      input: {
        prompt,
        negative_prompt: 'blur',
        duration_seconds: 5,
        resolution: '720p',
        aspect_ratio: '1:1',
        fps: 24,
        steps: 30,
        guidance: 5,
        seed: 9,
      },
      options: { enable_prompt_expansion: true, shift: 4 },
      warnings: ['duration_seconds 5 became 121 frames (5.04 s)'],
    },
    {
      prompt,
      negative_prompt: 'blur',
      num_frames: 121,
      frames_per_second: 24,
      num_interpolated_frames: 0,
      resolution: '720p',
      aspect_ratio: '1:1',
      num_inference_steps: 30,
      guidance_scale: 5,
      seed: 9,
      enable_prompt_expansion: true,
      shift: 4,
    },
  ),
  row(
    'fal-ai/wan/v2.2-5b/image-to-video',
    { ...WAN, operation: 'image_to_video', input: { prompt }, references: { image: 1 } },
    { prompt, frames_per_second: 24, num_interpolated_frames: 0, image_url: PICTURE },
  ),
  row(
    'fal-ai/ltx-2/text-to-video',
    {
      ...LTX,
      operation: 'text_to_video',
      input: { prompt, duration_seconds: 10, resolution: '4k', fps: 50, aspect_ratio: '16:9', generate_audio: true },
    },
    { prompt, duration: '10', resolution: '2160p', fps: '50', generate_audio: true },
  ),
  row(
    'fal-ai/ltx-2/image-to-video/fast',
    {
      ...LTX,
      operation: 'image_to_video',
      settings: { tier: 'fast' },
      input: { prompt, duration_seconds: 6 },
      references: { image: 1 },
    },
    { prompt, duration: '6', image_url: PICTURE },
  ),
  row(
    'fal-ai/framepack',
    {
      family: 'framepack',
      model: 'fal-ai/framepack',
      operation: 'image_to_video',
      input: {
        prompt,
        negative_prompt: 'blur',
        duration_seconds: 30,
        resolution: '720p',
        aspect_ratio: '9:16',
        seed: 1,
      },
      references: { image: 1 },
    },
    {
      prompt,
      negative_prompt: 'blur',
      num_frames: 900,
      resolution: '720p',
      aspect_ratio: '9:16',
      seed: 1,
      image_url: PICTURE,
    },
  ),
  row(
    'fal-ai/framepack/flf2v',
    {
      family: 'framepack',
      model: 'fal-ai/framepack',
      operation: 'first_last_frame',
      input: { prompt, duration_seconds: 2 },
      references: { image: 1, last_image: 1 },
    },
    { prompt, num_frames: 60, image_url: PICTURE, end_image_url: PICTURE },
  ),
  row(
    'fal-ai/skyreels-i2v',
    {
      family: 'skyreels',
      model: 'fal-ai/skyreels-i2v',
      operation: 'image_to_video',
      input: {
        prompt,
        negative_prompt: 'blur',
        aspect_ratio: '9:16',
        steps: 20,
        guidance: 5,
        seed: 3,
        duration_seconds: 4,
      },
      references: { image: 1 },
    },
    {
      prompt,
      negative_prompt: 'blur',
      aspect_ratio: '9:16',
      num_inference_steps: 20,
      guidance_scale: 5,
      seed: 3,
      image_url: PICTURE,
    },
  ),
  untyped(
    'bytedance/seedance-2.0/text-to-video',
    {
      ...SEEDANCE,
      operation: 'text_to_video',
      input: { prompt, duration_seconds: 15, resolution: '1080p', aspect_ratio: '21:9', generate_audio: true, seed: 5 },
    },
    { prompt, duration: '15', resolution: '1080p', aspect_ratio: '21:9', generate_audio: true, seed: 5 },
  ),
  untyped(
    'bytedance/seedance-2.0/fast/image-to-video',
    {
      ...SEEDANCE,
      model: 'bytedance/seedance-2.0/fast',
      operation: 'first_last_frame',
      input: { prompt, duration_seconds: 4 },
      references: { image: 1, last_image: 1 },
    },
    { prompt, duration: '4', image_url: PICTURE, end_image_url: PICTURE },
  ),
  untyped(
    'bytedance/seedance-2.0/reference-to-video',
    {
      ...SEEDANCE,
      operation: 'reference_to_video',
      input: { prompt, duration_seconds: 6 },
      references: { reference_images: 1, reference_videos: 1, reference_audios: 1 },
    },
    { prompt, duration: '6', image_urls: [PICTURE], video_urls: [LINK], audio_urls: [LINK] },
  ),
];
