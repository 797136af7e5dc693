import { combo, flag, float, int, link, type NodeSpec, text } from './input-types.js';
import { MODEL_FILES } from './model-files.js';
import { batch, MAX_RESOLUTION, SAMPLERS, seed, side } from './ranges.js';

const CROPS = ['center', 'none'];
/** The audio VAE is looked for among the VAEs too. */
const AUDIO_VAES = [...MODEL_FILES.vae, ...MODEL_FILES.checkpoints];
const MAX_SHIFT = 100;

/** The custom sampler's parts: comfy_extras/nodes_custom_sampler.py. */
const CUSTOM_SAMPLER: Readonly<Record<string, NodeSpec>> = {
  RandomNoise: { required: { noise_seed: seed }, outputs: ['NOISE'], category: 'sampling/custom_sampling/noise' },
  KSamplerSelect: {
    required: { sampler_name: combo(SAMPLERS) },
    outputs: ['SAMPLER'],
    category: 'sampling/custom_sampling/samplers',
  },
  ManualSigmas: {
    required: { sigmas: text('1, 0.5') },
    outputs: ['SIGMAS'],
    category: 'sampling/custom_sampling/schedulers',
  },
  CFGGuider: {
    required: {
      model: link('MODEL'),
      positive: link('CONDITIONING'),
      negative: link('CONDITIONING'),
      cfg: float(0, 100, 8, 0.1),
    },
    outputs: ['GUIDER'],
    category: 'sampling/custom_sampling/guiders',
  },
  SamplerCustomAdvanced: {
    required: {
      noise: link('NOISE'),
      guider: link('GUIDER'),
      sampler: link('SAMPLER'),
      sigmas: link('SIGMAS'),
      latent_image: link('LATENT'),
    },
    outputs: ['LATENT', 'LATENT'],
    category: 'sampling/custom_sampling',
  },
};

/** LTX-2: nodes_lt.py, nodes_lt_audio.py, nodes_lt_upsampler.py and the loader of latent upscalers. */
const LTX: Readonly<Record<string, NodeSpec>> = {
  LTXAVTextEncoderLoader: {
    required: {
      text_encoder: combo(MODEL_FILES.text_encoders),
      ckpt_name: combo(MODEL_FILES.checkpoints),
      device: combo(['default', 'cpu']),
    },
    outputs: ['CLIP'],
    category: 'advanced/loaders',
  },
  LTXVAudioVAELoader: { required: { ckpt_name: combo(AUDIO_VAES) }, outputs: ['VAE'], category: 'audio' },
  LatentUpscaleModelLoader: {
    required: { model_name: combo(MODEL_FILES.latent_upscale_models) },
    outputs: ['LATENT_UPSCALE_MODEL'],
    category: 'loaders',
  },
  LTXVConditioning: {
    required: {
      positive: link('CONDITIONING'),
      negative: link('CONDITIONING'),
      frame_rate: float(0, 1_000, 25),
    },
    outputs: ['CONDITIONING', 'CONDITIONING'],
    category: 'conditioning/video_models',
  },
  EmptyLTXVLatentVideo: {
    required: {
      width: side(64, 768, 32),
      height: side(64, 512, 32),
      length: int(1, MAX_RESOLUTION, 97, 8),
      batch_size: batch,
    },
    outputs: ['LATENT'],
    category: 'latent/video/ltxv',
  },
  LTXVEmptyLatentAudio: {
    required: {
      frames_number: int(1, 1_000, 97),
      frame_rate: float(1, 1_000, 25),
      batch_size: batch,
      audio_vae: link('VAE'),
    },
    outputs: ['LATENT'],
    category: 'latent/audio',
  },
  LTXVConcatAVLatent: {
    required: { video_latent: link('LATENT'), audio_latent: link('LATENT') },
    outputs: ['LATENT'],
    category: 'latent/video/ltxv',
  },
  LTXVSeparateAVLatent: {
    required: { av_latent: link('LATENT') },
    outputs: ['LATENT', 'LATENT'],
    category: 'latent/video/ltxv',
  },
  LTXVCropGuides: {
    required: { positive: link('CONDITIONING'), negative: link('CONDITIONING'), latent: link('LATENT') },
    outputs: ['CONDITIONING', 'CONDITIONING', 'LATENT'],
    category: 'conditioning/video_models',
  },
  LTXVLatentUpsampler: {
    required: { samples: link('LATENT'), upscale_model: link('LATENT_UPSCALE_MODEL'), vae: link('VAE') },
    outputs: ['LATENT'],
    category: 'latent/video',
  },
  LTXVPreprocess: {
    required: { image: link('IMAGE'), img_compression: int(0, 100, 35) },
    outputs: ['IMAGE'],
    category: 'image',
  },
  LTXVImgToVideoInplace: {
    required: {
      vae: link('VAE'),
      image: link('IMAGE'),
      latent: link('LATENT'),
      strength: float(0, 1, 1),
      bypass: flag(false),
    },
    outputs: ['LATENT'],
    category: 'conditioning/video_models',
  },
  LTXVScheduler: {
    required: {
      steps: int(1, 10_000, 20),
      max_shift: float(0, MAX_SHIFT, 2.05),
      base_shift: float(0, MAX_SHIFT, 0.95),
      stretch: flag(true),
      terminal: float(0, 0.99, 0.1),
    },
    optional: { latent: link('LATENT') },
    outputs: ['SIGMAS'],
    category: 'sampling/custom_sampling/schedulers',
  },
  LTXVAudioVAEDecode: {
    required: { samples: link('LATENT'), audio_vae: link('VAE') },
    outputs: ['AUDIO'],
    category: 'latent/audio',
  },
};

/** FramePack: kijai/ComfyUI-FramePackWrapper, and the core's image encoder that it needs. */
const FRAMEPACK: Readonly<Record<string, NodeSpec>> = {
  CLIPVisionLoader: {
    required: { clip_name: combo(MODEL_FILES.clip_vision) },
    outputs: ['CLIP_VISION'],
    category: 'loaders',
  },
  CLIPVisionEncode: {
    required: { clip_vision: link('CLIP_VISION'), image: link('IMAGE'), crop: combo(CROPS) },
    outputs: ['CLIP_VISION_OUTPUT'],
    category: 'conditioning',
  },
  LoadFramePackModel: {
    required: {
      model: combo(MODEL_FILES.diffusion_models),
      base_precision: combo(['fp32', 'bf16', 'fp16'], 'bf16'),
      quantization: combo(['disabled', 'fp8_e4m3fn', 'fp8_e4m3fn_fast', 'fp8_e5m2'], 'disabled'),
      // Its own default is none of these.
      load_device: combo(['main_device', 'offload_device'], 'cuda'),
    },
    optional: { attention_mode: combo(['sdpa', 'flash_attn', 'sageattn'], 'sdpa') },
    outputs: ['FramePackMODEL'],
    category: 'FramePackWrapper',
  },
  FramePackFindNearestBucket: {
    required: { image: link('IMAGE'), base_resolution: int(64, 2_048, 640, 16) },
    outputs: ['INT', 'INT'],
    category: 'FramePackWrapper',
  },
  FramePackSampler: {
    required: {
      model: link('FramePackMODEL'),
      positive: link('CONDITIONING'),
      negative: link('CONDITIONING'),
      image_embeds: link('CLIP_VISION_OUTPUT'),
      steps: int(1, 10_000, 30),
      use_teacache: flag(true),
      teacache_rel_l1_thresh: float(0, 1, 0.15),
      cfg: float(0, 30, 1),
      guidance_scale: float(0, 32, 10),
      shift: float(0, 1_000, 0),
      seed,
      latent_window_size: int(1, 33, 9),
      total_second_length: float(1, 120, 5, 0.1),
      gpu_memory_preservation: float(0, 128, 6, 0.1),
      sampler: combo(['unipc_bh1', 'unipc_bh2'], 'unipc_bh1'),
    },
    optional: {
      start_latent: link('LATENT'),
      end_latent: link('LATENT'),
      end_image_embeds: link('CLIP_VISION_OUTPUT'),
      embed_interpolation: combo(['disabled', 'weighted_average', 'linear'], 'disabled'),
      start_embed_strength: float(0, 1, 1),
      initial_samples: link('LATENT'),
      denoise_strength: float(0, 1, 1),
    },
    outputs: ['LATENT'],
    category: 'FramePackWrapper',
  },
};

export const VIDEO_NODES: Readonly<Record<string, NodeSpec>> = { ...CUSTOM_SAMPLER, ...LTX, ...FRAMEPACK };
