import { combo, float, int, link, type NodeSpec, text } from './input-types.js';
import { MODEL_FILES } from './model-files.js';
import { AUDIO_NODES } from './nodes-audio.js';
import { VIDEO_NODES } from './nodes-video.js';
import { batch, MAX_RESOLUTION, SAMPLERS, seed, side } from './ranges.js';

const SCHEDULERS = [
  'simple',
  'sgm_uniform',
  'karras',
  'exponential',
  'ddim_uniform',
  'beta',
  'normal',
  'linear_quadratic',
  'kl_optimal',
];
const UPSCALE_METHODS = ['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos'];
const CROPS = ['disabled', 'center'];
const DUAL_CLIP_TYPES = [
  'sdxl',
  'sd3',
  'flux',
  'hunyuan_video',
  'hidream',
  'hunyuan_image',
  'hunyuan_video_15',
  'kandinsky5',
  'kandinsky5_image',
  'ltxv',
  'newbie',
  'ace',
];
const CLIP_TYPES = [
  'stable_diffusion',
  'stable_cascade',
  'sd3',
  'stable_audio',
  'mochi',
  'ltxv',
  'pixart',
  'cosmos',
  'lumina2',
  'wan',
  'hidream',
  'chroma',
  'ace',
  'omnigen2',
  'qwen_image',
  'hunyuan_image',
  'flux2',
  'ovis',
];
const WEIGHT_DTYPES = ['default', 'fp8_e4m3fn', 'fp8_e4m3fn_fast', 'fp8_e5m2'];
const DEVICES = ['default', 'cpu'];

/**
 * Node classes of ComfyUI's core, and of the packs that the workflows need, with their inputs, ranges and outputs. Required and optional inputs and their names follow the
 * node sources of 0.3.64 and later.
 */
export const NODES: Readonly<Record<string, NodeSpec>> = {
  UNETLoader: {
    required: { unet_name: combo(MODEL_FILES.diffusion_models), weight_dtype: combo(WEIGHT_DTYPES) },
    outputs: ['MODEL'],
    category: 'advanced/loaders',
  },
  DualCLIPLoader: {
    required: {
      clip_name1: combo(MODEL_FILES.text_encoders),
      clip_name2: combo(MODEL_FILES.text_encoders),
      type: combo(DUAL_CLIP_TYPES),
    },
    optional: { device: combo(DEVICES) },
    outputs: ['CLIP'],
    category: 'advanced/loaders',
  },
  CLIPLoader: {
    required: { clip_name: combo(MODEL_FILES.text_encoders), type: combo(CLIP_TYPES) },
    optional: { device: combo(DEVICES) },
    outputs: ['CLIP'],
    category: 'advanced/loaders',
  },
  VAELoader: { required: { vae_name: combo(MODEL_FILES.vae) }, outputs: ['VAE'], category: 'loaders' },
  CheckpointLoaderSimple: {
    required: { ckpt_name: combo(MODEL_FILES.checkpoints) },
    outputs: ['MODEL', 'CLIP', 'VAE'],
    category: 'loaders',
  },
  LoraLoaderModelOnly: {
    required: { model: link('MODEL'), lora_name: combo(MODEL_FILES.loras), strength_model: float(-100, 100, 1) },
    outputs: ['MODEL'],
    category: 'loaders',
  },
  LoraLoader: {
    required: {
      model: link('MODEL'),
      clip: link('CLIP'),
      lora_name: combo(MODEL_FILES.loras),
      strength_model: float(-100, 100, 1),
      strength_clip: float(-100, 100, 1),
    },
    outputs: ['MODEL', 'CLIP'],
    category: 'loaders',
  },
  ModelSamplingSD3: {
    required: { model: link('MODEL'), shift: float(0, 100, 3) },
    outputs: ['MODEL'],
    category: 'advanced/model',
  },
  CLIPTextEncode: {
    required: { text: text('', true), clip: link('CLIP') },
    outputs: ['CONDITIONING'],
    category: 'conditioning',
  },
  FluxGuidance: {
    required: { conditioning: link('CONDITIONING'), guidance: float(0, 100, 3.5, 0.1) },
    outputs: ['CONDITIONING'],
    category: 'advanced/conditioning/flux',
  },
  ConditioningZeroOut: {
    required: { conditioning: link('CONDITIONING') },
    outputs: ['CONDITIONING'],
    category: 'advanced/conditioning',
  },
  EmptyLatentImage: {
    required: { width: side(16, 512, 8), height: side(16, 512, 8), batch_size: batch },
    outputs: ['LATENT'],
    category: 'latent',
  },
  EmptySD3LatentImage: {
    required: { width: side(16, 1024, 16), height: side(16, 1024, 16), batch_size: batch },
    outputs: ['LATENT'],
    category: 'latent/sd3',
  },
  Wan22ImageToVideoLatent: {
    required: {
      vae: link('VAE'),
      width: side(32, 1280, 32),
      height: side(32, 704, 32),
      length: int(1, MAX_RESOLUTION, 49, 4),
      batch_size: batch,
    },
    optional: { start_image: link('IMAGE') },
    outputs: ['LATENT'],
    category: 'conditioning/inpaint',
  },
  KSampler: {
    required: {
      model: link('MODEL'),
      seed,
      steps: int(1, 10_000, 20),
      cfg: float(0, 100, 8, 0.1),
      sampler_name: combo(SAMPLERS),
      scheduler: combo(SCHEDULERS),
      positive: link('CONDITIONING'),
      negative: link('CONDITIONING'),
      latent_image: link('LATENT'),
      denoise: float(0, 1, 1),
    },
    outputs: ['LATENT'],
    category: 'sampling',
  },
  VAEDecode: { required: { samples: link('LATENT'), vae: link('VAE') }, outputs: ['IMAGE'], category: 'latent' },
  VAEDecodeTiled: {
    required: {
      samples: link('LATENT'),
      vae: link('VAE'),
      tile_size: int(64, 4_096, 512, 32),
      overlap: int(0, 4_096, 64, 32),
      temporal_size: int(8, 4_096, 64, 4),
      temporal_overlap: int(4, 4_096, 8, 4),
    },
    outputs: ['IMAGE'],
    category: '_for_testing',
  },
  VAEEncode: { required: { pixels: link('IMAGE'), vae: link('VAE') }, outputs: ['LATENT'], category: 'latent' },
  LoadImage: { required: { image: { type: 'UPLOAD' } }, outputs: ['IMAGE', 'MASK'], category: 'image' },
  ImageScale: {
    required: {
      image: link('IMAGE'),
      upscale_method: combo(UPSCALE_METHODS),
      width: int(0, MAX_RESOLUTION, 512),
      height: int(0, MAX_RESOLUTION, 512),
      crop: combo(CROPS),
    },
    outputs: ['IMAGE'],
    category: 'image/upscaling',
  },
  EmptyImage: {
    required: {
      width: int(1, MAX_RESOLUTION, 512),
      height: int(1, MAX_RESOLUTION, 512),
      batch_size: batch,
      color: int(0, 0xffffff, 0),
    },
    outputs: ['IMAGE'],
    category: 'image',
  },
  ImageInvert: { required: { image: link('IMAGE') }, outputs: ['IMAGE'], category: 'image' },
  ImageBatch: { required: { image1: link('IMAGE'), image2: link('IMAGE') }, outputs: ['IMAGE'], category: 'image' },
  SaveImage: {
    required: { images: link('IMAGE'), filename_prefix: text('ComfyUI') },
    outputs: [],
    isOutput: true,
    category: 'image',
  },
  PreviewImage: { required: { images: link('IMAGE') }, outputs: [], isOutput: true, category: 'image' },
  CreateVideo: {
    required: { images: link('IMAGE'), fps: float(1, 120, 30, 1) },
    optional: { audio: link('AUDIO') },
    outputs: ['VIDEO'],
    category: 'image/video',
  },
  SaveVideo: {
    required: {
      video: link('VIDEO'),
      filename_prefix: text('video/ComfyUI'),
      format: combo(['auto', 'mp4'], 'auto'),
      codec: combo(['auto', 'h264'], 'auto'),
    },
    optional: { 'format.codec': combo(['auto', 'h264'], 'auto') },
    outputs: [],
    isOutput: true,
    category: 'image/video',
  },
  ...VIDEO_NODES,
  ...AUDIO_NODES,
};
