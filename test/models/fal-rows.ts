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

/** Routes of shipped aliases. */
export const SHIPPED: AliasRun[] = [
  row(
    'veo-3.1',
    'text_to_video',
    { duration_seconds: 4, aspect_ratio: '9:16', seed: 7, negative_prompt: 'rain' },
    { ...clip(720, 1280, 4, true), upstreamModel: 'fal-ai/veo3.1', substituted: false },
  ),
  row(
    'veo-3.1',
    'text_to_video',
    { duration_seconds: 8, resolution: '1080p', generate_audio: false },
    clip(1920, 1080, 8, false),
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
    { duration_seconds: 4 },
    { ...clip(1280, 720, 4, true), upstreamModel: 'fal-ai/veo3.1/fast' },
  ),
  row('veo-3.1-fast', 'image_to_video', { duration_seconds: 4, generate_audio: false }, clip(1280, 720, 4, false), {
    files: { image: 'image' },
  }),
  row('veo-3.1-fast', 'first_last_frame', { duration_seconds: 4 }, clip(1280, 720, 4, true), {
    files: { image: 'image', last_image: 'image' },
  }),
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
    'ace-step',
    'generate',
    { duration_seconds: 10, instrumental: true, steps: 8, seed: 5 },
    { type: 'audio', contentType: 'audio/wav', seconds: 10, upstreamModel: 'fal-ai/ace-step', substituted: true },
  ),
  row(
    'ace-step',
    'generate',
    { duration_seconds: 12, lyrics: '[Verse] la la', format: 'wav' },
    { type: 'audio', seconds: 12 },
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
];

/** Families whose own aliases are elsewhere, through aliases of this test. */
export const OTHERS: AliasRun[] = [
  row('test-sora-2', 'text_to_video', { duration_seconds: 12, aspect_ratio: '9:16' }, clip(720, 1280, 12, true)),
  row('test-sora-2', 'image_to_video', { duration_seconds: 4 }, clip(1280, 720, 4, true), {
    files: { image: 'image' },
  }),
  row('test-sora-2', 'text_to_video', { duration_seconds: 4, resolution: '1080p' }, clip(1920, 1080, 4, true), {
    only: 'fal-pro',
  }),
  row('test-sora-2', 'image_to_video', { duration_seconds: 8 }, clip(1280, 720, 8, true), {
    only: 'fal-pro',
    files: { image: 'image' },
  }),
  row(
    'test-seedance-2',
    'text_to_video',
    { duration_seconds: 15, resolution: '480p', aspect_ratio: '21:9', seed: 4 },
    clip(1120, 480, 15, true),
  ),
  row(
    'test-seedance-2',
    'text_to_video',
    { duration_seconds: 4, resolution: '1080p', generate_audio: false },
    clip(1920, 1080, 4, false),
  ),
  row('test-seedance-2', 'image_to_video', { duration_seconds: 4 }, clip(1280, 720, 4, true), {
    files: { image: 'image' },
  }),
  row('test-seedance-2', 'first_last_frame', { duration_seconds: 4 }, clip(1280, 720, 4, true), {
    files: { image: 'image', last_image: 'image' },
  }),
  row('test-seedance-2', 'reference_to_video', { duration_seconds: 4, aspect_ratio: '1:1' }, clip(720, 720, 4, true), {
    files: { reference_images: ['square'], reference_videos: ['video'], reference_audios: ['audio'] },
  }),
  row('test-kling-3.0', 'text_to_video', { duration_seconds: 3, aspect_ratio: '1:1' }, clip(720, 720, 3, true)),
  row(
    'test-kling-3.0',
    'text_to_video',
    { duration_seconds: 10, resolution: '1080p', generate_audio: false, negative_prompt: 'blur' },
    clip(1920, 1080, 10, false),
  ),
  row('test-kling-3.0', 'image_to_video', { duration_seconds: 3 }, clip(1280, 720, 3, true), {
    files: { image: 'image' },
  }),
  row('test-kling-3.0', 'first_last_frame', { duration_seconds: 3, resolution: '1080p' }, clip(1080, 1080, 3, true), {
    files: { image: 'square', last_image: 'square' },
  }),
  row('test-ltx-2', 'text_to_video', { duration_seconds: 6, resolution: '4k' }, clip(3840, 2160, 6, true)),
  row(
    'test-ltx-2',
    'text_to_video',
    { duration_seconds: 10, fps: 50, generate_audio: false },
    clip(1920, 1080, 10, false),
  ),
  row('test-ltx-2', 'image_to_video', { duration_seconds: 8, resolution: '1440p' }, clip(2560, 1440, 8, true), {
    files: { image: 'image' },
  }),
  row('test-framepack', 'image_to_video', { duration_seconds: 30, seed: 2 }, clip(854, 480, 30, false), {
    files: { image: 'image' },
  }),
  row(
    'test-framepack',
    'first_last_frame',
    { duration_seconds: 2, resolution: '720p', aspect_ratio: '9:16' },
    clip(720, 1280, 2, false),
    { files: { image: 'image', last_image: 'square' } },
  ),
  row(
    'test-skyreels-v2',
    'image_to_video',
    { aspect_ratio: '16:9', seed: 2 },
    { ...clip(960, 540, 97 / 24, false), substituted: true },
    { files: { image: 'image' } },
  ),
  row(
    'test-gpt-image-1.5',
    'text_to_image',
    { size: '1536x1024', quality: 'low', output_format: 'webp', n: 2 },
    picture(1536, 1024, { contentType: 'image/webp', count: 2 }),
  ),
  row('test-gpt-image-1.5', 'image_to_image', { size: '1024x1536', background: 'opaque' }, picture(1024, 1536), {
    files: { images: ['square', 'image'] },
  }),
  row('test-gpt-image-1.5', 'inpaint', {}, picture(1024, 1024), { files: { images: ['square'], mask: 'mask' } }),
  row(
    'test-gpt-image-1',
    'text_to_image',
    { quality: 'high', output_format: 'jpeg' },
    picture(1024, 1024, { contentType: 'image/jpeg' }),
  ),
  row('test-gpt-image-1', 'image_to_image', { quality: 'low' }, picture(1024, 1024), { files: { images: ['square'] } }),
  row(
    'test-nano-banana-2',
    'text_to_image',
    { aspect_ratio: '16:9', resolution: '2K', output_format: 'jpeg', seed: 3 },
    picture(2736, 1536, { contentType: 'image/jpeg' }),
  ),
  row('test-nano-banana-2', 'text_to_image', { aspect_ratio: '1:1', resolution: '4K' }, picture(4096, 4096)),
  row('test-nano-banana-2', 'image_to_image', { n: 2, aspect_ratio: '4:1' }, picture(2048, 512, { count: 2 }), {
    files: { images: ['image', 'square'] },
  }),
  row(
    'test-flux-lora',
    'text_to_image',
    {
      size: '512x512',
      loras: [
        { name: 'ink', strength: 0.8 },
        { url: 'https://weights.example.com/b.safetensors', strength: 1 },
      ],
    },
    picture(512, 512),
    { only: 'fal-lora' },
  ),
  row('test-flux-lora', 'image_to_image', { size: '640x384', strength: 0.5 }, picture(640, 384), {
    only: 'fal-lora',
    files: { images: ['image'] },
  }),
];
