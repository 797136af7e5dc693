import type { AliasRun } from '../support/run-alias.js';

const row = (
  model: string,
  operation: string,
  input: AliasRun['input'],
  expected: AliasRun['expect'],
  more: Partial<AliasRun> = {},
): AliasRun => ({
  model,
  only: 'fal',
  operation,
  input: { prompt: 'a kite over dunes', ...input },
  expect: expected,
  ...more,
});
const clip = (width: number, height: number, seconds: number, sound: boolean): AliasRun['expect'] => ({
  type: 'video',
  contentType: 'video/mp4',
  width,
  height,
  seconds,
  sound,
});
const picture = (width: number, height: number, more: Partial<AliasRun['expect']> = {}): AliasRun['expect'] => ({
  type: 'image',
  contentType: 'image/png',
  width,
  height,
  ...more,
});

/** Each alias that fal serves, by each operation it does there, with what is special about it. */
export const ROWS: AliasRun[] = [
  row(
    'veo-3.1',
    'text_to_video',
    { duration_seconds: 8, resolution: '1080p', generate_audio: false, seed: 7, negative_prompt: 'rain' },
    { ...clip(1920, 1080, 8, false), upstreamModel: 'fal-ai/veo3.1', substituted: false },
    { providerOptions: { fal: { auto_fix: false } } },
  ),
  row('veo-3.1', 'image_to_video', { duration_seconds: 6, fps: 24 }, clip(1280, 720, 6, true), {
    files: { image: 'image' },
  }),
  row('veo-3.1', 'first_last_frame', { duration_seconds: 4 }, clip(1280, 720, 4, true), {
    files: { image: 'image', last_image: 'image' },
  }),
  row('veo-3.1', 'reference_to_video', { duration_seconds: 8 }, clip(1280, 720, 8, true), {
    files: { reference_images: ['image', 'square'] },
  }),
  row(
    'veo-3.1-fast',
    'text_to_video',
    { duration_seconds: 4, aspect_ratio: '9:16' },
    { ...clip(720, 1280, 4, true), upstreamModel: 'fal-ai/veo3.1/fast' },
  ),
  row(
    'wan-2.2',
    'text_to_video',
    { duration_seconds: 1, aspect_ratio: '1:1', steps: 10, guidance: 5, seed: 3 },
    { ...clip(720, 720, 25 / 24, false), warnings: /became 25 frames/ },
  ),
  row('wan-2.2', 'image_to_video', { duration_seconds: 2, resolution: '720p' }, clip(1280, 720, 49 / 24, false), {
    files: { image: 'image' },
    providerOptions: { fal: { shift: 4 } },
  }),
  row(
    'flux-dev',
    'text_to_image',
    { size: '768x512', steps: 12, guidance: 3, seed: 1, n: 2 },
    picture(768, 512, { count: 2 }),
  ),
  row('flux-dev', 'text_to_image', { aspect_ratio: '9:16', output_format: 'png' }, picture(720, 1280)),
  row('flux-dev', 'text_to_image', { width: 640, height: 384 }, picture(640, 384), {
    providerOptions: { fal: { acceleration: 'regular' } },
  }),
  row('flux-dev', 'image_to_image', { strength: 0.6 }, picture(1024, 1024), { files: { images: ['square'] } }),
  row(
    'flux-dev',
    'text_to_image',
    { size: '512x512', loras: [{ url: 'https://weights.example.com/b.safetensors', strength: 0.8 }] },
    picture(512, 512),
    { only: 'fal-lora' },
  ),
  row(
    'ace-step',
    'generate',
    { duration_seconds: 10, instrumental: true, steps: 8, seed: 5 },
    { type: 'audio', contentType: 'audio/wav', seconds: 10, upstreamModel: 'fal-ai/ace-step', substituted: true },
  ),
  row(
    'ace-step',
    'cover',
    { task: 'cover', lyrics: 'la' },
    { type: 'audio', contentType: 'audio/wav' },
    { files: { audio: 'audio' }, providerOptions: { fal: { original_tags: 'rock' } } },
  ),
  row(
    'ace-step',
    'repaint',
    { task: 'repaint', repaint_start_seconds: 2, repaint_end_seconds: 6 },
    { type: 'audio' },
    { files: { audio: 'audio' } },
  ),
  row('sora-2', 'text_to_video', { duration_seconds: 12, aspect_ratio: '9:16' }, clip(720, 1280, 12, true)),
  row('sora-2', 'image_to_video', { duration_seconds: 4 }, clip(1280, 720, 4, true), { files: { image: 'image' } }),
  row(
    'seedance-2',
    'text_to_video',
    { duration_seconds: 15, resolution: '480p', aspect_ratio: '21:9', seed: 4 },
    clip(1120, 480, 15, true),
  ),
  row('seedance-2', 'first_last_frame', { duration_seconds: 4, generate_audio: false }, clip(1280, 720, 4, false), {
    files: { image: 'image', last_image: 'image' },
  }),
  row('seedance-2', 'reference_to_video', { duration_seconds: 4, aspect_ratio: '1:1' }, clip(720, 720, 4, true), {
    files: { reference_images: ['square'], reference_videos: ['video'], reference_audios: ['audio'] },
  }),
  row(
    'kling-3.0',
    'text_to_video',
    { duration_seconds: 10, resolution: '1080p', generate_audio: false, negative_prompt: 'blur', aspect_ratio: '16:9' },
    clip(1920, 1080, 10, false),
  ),
  row('kling-3.0', 'image_to_video', { duration_seconds: 3 }, clip(1280, 720, 3, true), { files: { image: 'image' } }),
  row('kling-3.0', 'first_last_frame', { duration_seconds: 3, resolution: '1080p' }, clip(1080, 1080, 3, true), {
    files: { image: 'square', last_image: 'square' },
  }),
  row('ltx-2', 'text_to_video', { resolution: '4k' }, clip(3840, 2160, 6, true)),
  row('ltx-2', 'image_to_video', { duration_seconds: 8, fps: 50, generate_audio: false }, clip(1920, 1080, 8, false), {
    files: { image: 'image' },
  }),
  row('framepack', 'image_to_video', { duration_seconds: 30, seed: 2 }, clip(854, 480, 30, false), {
    files: { image: 'image' },
  }),
  row(
    'skyreels-v2',
    'image_to_video',
    { duration_seconds: 4, resolution: '540p' },
    { ...clip(960, 540, 97 / 24, false), substituted: true },
    {
      files: { image: 'image' },
    },
  ),
  row(
    'gpt-image-1.5',
    'text_to_image',
    { size: '1536x1024', quality: 'low', output_format: 'webp', n: 2 },
    picture(1536, 1024, { contentType: 'image/webp', count: 2 }),
  ),
  row('gpt-image-1.5', 'image_to_image', { size: '1024x1536', background: 'opaque' }, picture(1024, 1536), {
    files: { images: ['square', 'image'] },
  }),
  row('gpt-image-1.5', 'inpaint', {}, picture(1024, 1024), { files: { images: ['square'], mask: 'mask' } }),
  row(
    'gpt-image-1',
    'text_to_image',
    { quality: 'high', output_format: 'jpeg' },
    picture(1024, 1024, { contentType: 'image/jpeg' }),
  ),
  row('nano-banana-2', 'text_to_image', { aspect_ratio: '16:9', resolution: '2K', seed: 3 }, picture(2736, 1536)),
  row('nano-banana-2', 'image_to_image', { aspect_ratio: '4:1' }, picture(2048, 512), {
    files: { images: ['image', 'square'] },
  }),
];
