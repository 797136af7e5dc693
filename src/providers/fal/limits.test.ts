import type { TaskShape } from '../contract.js';
import { fal } from './index.js';

const shape = (
  family: string,
  model: string,
  operation: string,
  input: TaskShape['input'],
  references: TaskShape['references'] = {},
  settings: TaskShape['settings'] = {},
): TaskShape => ({ modality: 'video', operation, model, input, references, settings: { family, ...settings } });

describe('fal passes over what it can not do', () => {
  const p = { prompt: 'x' };
  test.each<[TaskShape, RegExp]>([
    [shape('veo-3.1', 'fal-ai/veo3.1', 'text_to_video', { ...p, resolution: '4k' }), /^resolution 4k is not one of/],
    [shape('veo-3.1', 'fal-ai/veo3.1', 'text_to_video', { ...p, camera: { move: 'pan' } }), /^camera is not taken/],
    [shape('veo-3.1', 'fal-ai/veo3.1', 'first_last_frame', p, { last_image: 1 }), /^image is needed/],
    [
      shape('veo-3.1', 'fal-ai/veo3.1', 'reference_to_video', { ...p, seed: 1 }, { reference_images: 1 }),
      /^seed is not taken/,
    ],
    [
      shape('veo-3.1', 'fal-ai/veo3.1/fast', 'reference_to_video', p, { reference_images: 1 }),
      /^reference_images is not taken by fal-ai\/veo3.1\/fast/,
    ],
    [shape('veo-3.1', 'fal-ai/veo3.1', 'reference_to_video', p, { reference_images: 4 }), /at most 3 files/],
    [shape('sora-2', 'fal-ai/sora-2', 'text_to_video', { ...p, duration_seconds: 5 }), /^duration_seconds 5 is not/],
    [shape('sora-2', 'fal-ai/sora-2', 'text_to_video', { ...p, generate_audio: false }), /^generate_audio false/],
    [shape('sora-2', 'fal-ai/sora-2', 'text_to_video', { ...p, resolution: '1080p' }), /^resolution 1080p/],
    [shape('sora-2', 'fal-ai/sora-2', 'text_to_video', { ...p, seed: 1 }), /^seed is not taken/],
    [shape('kling-v3', 'fal-ai/kling-video/v3', 'text_to_video', { ...p, resolution: '4k' }), /^resolution 4k/],
    [
      shape('kling-v3', 'fal-ai/kling-video/v3', 'image_to_video', { ...p, aspect_ratio: '16:9' }, { image: 1 }),
      /^aspect_ratio is not taken/,
    ],
    [
      shape('seedance-2.0', 'bytedance/seedance-2.0', 'reference_to_video', p, { reference_audios: 1 }),
      /^reference_audios needs/,
    ],
    [
      shape('seedance-2.0', 'bytedance/seedance-2.0', 'reference_to_video', p, {
        reference_images: 9,
        reference_videos: 3,
        reference_audios: 1,
      }),
      /at most 12 files/,
    ],
    [
      shape('seedance-2.0', 'bytedance/seedance-2.0/fast', 'text_to_video', { ...p, resolution: '1080p' }),
      /^resolution 1080p/,
    ],
    [shape('ltx-2', 'fal-ai/ltx-2', 'text_to_video', { ...p, duration_seconds: 7 }), /^duration_seconds 7/],
    [shape('ltx-2', 'fal-ai/ltx-2', 'text_to_video', { ...p, aspect_ratio: '9:16' }), /^aspect_ratio 9:16/],
    [
      shape('wan-2.2-5b', 'fal-ai/wan/v2.2-5b', 'text_to_video', { ...p, duration_seconds: 8 }),
      /^duration_seconds must/,
    ],
    [
      shape('framepack', 'fal-ai/framepack', 'image_to_video', { ...p, duration_seconds: 60 }, { image: 1 }),
      /^duration_seconds must be from 1.00 to 30.00/,
    ],
    [shape('framepack', 'fal-ai/framepack', 'text_to_video', p), /^text_to_video is not taken/],
    [
      shape('framepack', 'fal-ai/framepack', 'image_to_video', { prompt: 'x'.repeat(501) }, { image: 1 }),
      /^prompt has more than 500/,
    ],
    [
      shape('flux', 'fal-ai/flux/dev', 'image_to_image', { ...p, size: '512x512' }, { images: 1 }),
      /^size is not taken/,
    ],
    [shape('flux', 'fal-ai/flux/dev', 'text_to_image', { ...p, width: 512 }), /^width and height go together/],
    [shape('flux-lora', 'fal-ai/flux-lora', 'text_to_image', { ...p, loras: [{ name: 'who' }] }), /^loras who is not/],
    [shape('gpt-image-1', 'fal-ai/gpt-image-1', 'inpaint', p, { images: 1, mask: 1 }), /^images with mask is not/],
    [shape('gpt-image-1.5', 'fal-ai/gpt-image-1.5', 'text_to_image', { ...p, quality: 'auto' }), /^quality auto/],
    [shape('ace-step', 'fal-ai/ace-step', 'generate', { ...p, bpm: 90 }), /^bpm is not taken/],
    [shape('ace-step', 'fal-ai/ace-step', 'generate', { ...p, format: 'mp3' }), /^format mp3/],
    [shape('ace-step', 'fal-ai/ace-step', 'generate', { ...p, instrumental: true, lyrics: 'la' }), /^lyrics excludes/],
    [shape('ace-step', 'fal-ai/ace-step', 'extract', { stems: ['vocals'] }, { audio: 1 }), /^audio is not taken/],
  ])('%j', (wanted, message) => expect(fal.unsupported(wanted).join('\n')).toMatch(message));
});
