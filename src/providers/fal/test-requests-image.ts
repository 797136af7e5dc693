import { LINK, PICTURE, prompt, row, type ExpectedRequest } from './test-request-rows.js';

const FLUX = { family: 'flux', model: 'fal-ai/flux/dev' } as const;
const LORA = { family: 'flux-lora', model: 'fal-ai/flux-lora' } as const;
const ACE = { family: 'ace-step', model: 'fal-ai/ace-step' } as const;
const NANO = { family: 'nano-banana-2', model: 'fal-ai/nano-banana-2' } as const;
const GPT15 = { family: 'gpt-image-1.5', model: 'fal-ai/gpt-image-1.5' } as const;
const GPT1 = { family: 'gpt-image-1', model: 'fal-ai/gpt-image-1' } as const;

/** Image and music endpoints, with every field that a request may hold. */
export const IMAGE_AND_MUSIC_REQUESTS: ExpectedRequest[] = [
  row(
    'fal-ai/flux/dev',
    {
      ...FLUX,
      operation: 'text_to_image',
      input: { prompt, n: 2, width: 768, height: 512, steps: 20, guidance: 3, seed: 4, output_format: 'png' },
      options: { acceleration: 'regular' },
    },
    {
      prompt,
      num_images: 2,
      image_size: { width: 768, height: 512 },
      num_inference_steps: 20,
      guidance_scale: 3,
      seed: 4,
      output_format: 'png',
      acceleration: 'regular',
    },
  ),
  row(
    'fal-ai/flux/dev/image-to-image',
    { ...FLUX, operation: 'image_to_image', input: { prompt, strength: 0.6, n: 1 }, references: { images: 1 } },
    { prompt, strength: 0.6, num_images: 1, output_format: 'png', image_url: PICTURE },
  ),
  row(
    'fal-ai/flux-lora',
    {
      ...LORA,
      operation: 'text_to_image',
      settings: { loras: { ink: 'https://weights.example.com/ink.safetensors' } },
      input: {
        prompt,
        aspect_ratio: '16:9',
        loras: [{ name: 'ink', strength: 0.8 }, { url: 'https://weights.example.com/b.safetensors' }],
      },
    },
    {
      prompt,
      image_size: { width: 1280, height: 720 },
      output_format: 'png',
      loras: [
        { path: 'https://weights.example.com/ink.safetensors', scale: 0.8 },
        { path: 'https://weights.example.com/b.safetensors' },
      ],
    },
  ),
  row(
    'fal-ai/flux-lora/image-to-image',
    {
      ...LORA,
      operation: 'image_to_image',
      input: { prompt, size: '512x768', strength: 0.5 },
      references: { images: 1 },
    },
    { prompt, image_size: { width: 512, height: 768 }, strength: 0.5, output_format: 'png', image_url: PICTURE },
  ),
  row(
    'fal-ai/gpt-image-1.5',
    {
      ...GPT15,
      operation: 'text_to_image',
      input: { prompt, n: 2, size: '1536x1024', quality: 'low', background: 'transparent', output_format: 'webp' },
    },
    {
      prompt,
      num_images: 2,
      image_size: '1536x1024',
      quality: 'low',
      background: 'transparent',
      output_format: 'webp',
    },
  ),
  row(
    'fal-ai/gpt-image-1.5/edit',
    { ...GPT15, operation: 'inpaint', input: { prompt, size: 'auto' }, references: { images: 2, mask: 1 } },
    { prompt, image_size: 'auto', image_urls: [PICTURE, PICTURE], mask_image_url: PICTURE },
  ),
  row(
    'fal-ai/gpt-image-1/text-to-image',
    { ...GPT1, operation: 'text_to_image', input: { prompt, quality: 'high' } },
    { prompt, quality: 'high' },
  ),
  row(
    'fal-ai/gpt-image-1/edit-image',
    { ...GPT1, operation: 'image_to_image', input: { prompt, quality: 'auto' }, references: { images: 1 } },
    { prompt, quality: 'auto', image_urls: [PICTURE] },
  ),
  row(
    'fal-ai/nano-banana-2',
    {
      ...NANO,
      operation: 'text_to_image',
      input: { prompt, n: 3, aspect_ratio: '21:9', resolution: '4K', output_format: 'jpeg', seed: 8 },
      options: { safety_tolerance: '2' },
    },
    {
      prompt,
      num_images: 3,
      aspect_ratio: '21:9',
      resolution: '4K',
      output_format: 'jpeg',
      seed: 8,
      safety_tolerance: '2',
    },
  ),
  row(
    'fal-ai/nano-banana-2/edit',
    { ...NANO, operation: 'image_to_image', input: { prompt, resolution: '1K' }, references: { images: 2 } },
    { prompt, resolution: '1K', image_urls: [PICTURE, PICTURE] },
  ),
  row(
    'fal-ai/ace-step',
    {
      ...ACE,
      operation: 'generate',
      input: {
        task: 'generate',
        prompt,
        instrumental: true,
        lyrics: ' ',
        duration_seconds: 30,
        steps: 20,
        seed: 2,
        format: 'wav',
      },
      options: { scheduler: 'heun', guidance_type: 'cfg' },
    },
    {
      tags: prompt,
      lyrics: '[inst]',
      duration: 30,
      number_of_steps: 20,
      seed: 2,
      scheduler: 'heun',
      guidance_type: 'cfg',
    },
  ),
  row(
    'fal-ai/ace-step/audio-to-audio',
    {
      ...ACE,
      operation: 'cover',
      input: { task: 'cover', prompt, lyrics: 'la la' },
      references: { audio: 1 },
      options: { original_tags: 'rock' },
    },
    { tags: prompt, lyrics: 'la la', edit_mode: 'remix', original_tags: 'rock', audio_url: LINK },
  ),
  row(
    'fal-ai/ace-step/audio-inpaint',
    {
      ...ACE,
      operation: 'repaint',
      input: { task: 'repaint', prompt, repaint_start_seconds: 2, repaint_end_seconds: 9 },
      references: { audio: 1 },
    },
    {
      tags: prompt,
      start_time: 2,
      end_time: 9,
      start_time_relative_to: 'start',
      end_time_relative_to: 'start',
      audio_url: LINK,
    },
  ),
];
