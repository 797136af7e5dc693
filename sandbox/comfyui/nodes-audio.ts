import { combo, flag, float, int, link, type NodeSpec, text } from './input-types.js';
import { batch, seed } from './ranges.js';

const LANGUAGES =
  'ar az bg bn ca cs da de el en es fa fi fr he hi hr ht hu id is it ja ko la lt ms ne nl no pa pl pt ro ru sa sk sr sv sw ta te th tl tr uk ur vi yue zh unknown';
const ROOTS = ['C', 'C#', 'Db', 'D', 'D#', 'Eb', 'E', 'F', 'F#', 'Gb', 'G', 'G#', 'Ab', 'A', 'A#', 'Bb', 'B'];
const KEYS = ['major', 'minor'].flatMap((quality) => ROOTS.map((root) => `${root} ${quality}`));

/** ACE-Step 1.5 and what writes sound: nodes_ace.py, nodes_audio.py, nodes_model_advanced.py. */
export const AUDIO_NODES: Readonly<Record<string, NodeSpec>> = {
  ModelSamplingAuraFlow: {
    required: { model: link('MODEL'), shift: float(0, 100, 1.73) },
    optional: { sampling: combo(['flow', 'default'], 'flow') },
    outputs: ['MODEL'],
    category: 'advanced/model',
  },
  'TextEncodeAceStepAudio1.5': {
    required: {
      clip: link('CLIP'),
      tags: text('', true),
      lyrics: text('', true),
      seed,
      bpm: int(10, 300, 120),
      duration: float(0, 2_000, 120, 0.1),
      timesignature: combo(['2', '3', '4', '6']),
      language: combo(LANGUAGES.split(' '), 'en'),
      keyscale: combo(KEYS),
      generate_audio_codes: flag(true),
      cfg_scale: float(0, 100, 2, 0.1),
      temperature: float(0, 2, 0.85),
      top_p: float(0, 2_000, 0.9),
      top_k: int(0, 100, 0),
      min_p: float(0, 1, 0),
    },
    outputs: ['CONDITIONING'],
    category: 'conditioning',
  },
  'EmptyAceStep1.5LatentAudio': {
    required: { seconds: float(1, 1_000, 120), batch_size: batch },
    outputs: ['LATENT'],
    category: 'latent/audio',
  },
  VAEDecodeAudio: {
    required: { samples: link('LATENT'), vae: link('VAE') },
    outputs: ['AUDIO'],
    category: 'latent/audio',
  },
  SaveAudioMP3: {
    required: {
      audio: link('AUDIO'),
      filename_prefix: text('audio/ComfyUI'),
      quality: combo(['V0', '128k', '320k'], 'V0'),
    },
    outputs: [],
    isOutput: true,
    category: 'audio',
  },
};
