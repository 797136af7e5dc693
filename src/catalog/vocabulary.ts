import type { MediaKind, Modality } from '../providers/contract.js';
import type { FieldSpec } from './schema.js';

type FieldType = FieldSpec['type'];

export interface Term {
  /** Types a model may declare the field with; the first is meant where it declares none. */
  types: readonly [FieldType, ...FieldType[]];
  media?: MediaKind;
  description: string;
}

const text = (description: string): Term => ({ types: ['text'], description });
const integer = (description: string): Term => ({ types: ['integer'], description });
const amount = (description: string): Term => ({ types: ['number', 'integer'], description });
const flag = (description: string): Term => ({ types: ['boolean'], description });
const choice = (description: string): Term => ({ types: ['choice'], description });
const one = (media: MediaKind, description: string): Term => ({ types: ['media'], media, description });
const many = (media: MediaKind, description: string): Term => ({ types: ['media_list'], media, description });

const PROMPT = text('What to make.');
const NEGATIVE_PROMPT = text('What to keep out.');
const SEED = integer('Fixes the randomness where the provider honours it.');
const ASPECT_RATIO = choice('Width to height.');
const STEPS = integer('Sampling steps.');
const GUIDANCE = amount('How closely the prompt is followed.');

/** Every input field there is, by modality: one word for one thing, whichever provider answers. */
export const VOCABULARY: Readonly<Record<Modality, Readonly<Record<string, Term>>>> = {
  video: {
    prompt: PROMPT,
    negative_prompt: NEGATIVE_PROMPT,
    image: one('image', 'First frame.'),
    last_image: one('image', 'Last frame.'),
    reference_images: many('image', 'Subjects to keep recognisable.'),
    reference_videos: many('video', 'Clips to take motion or style from.'),
    reference_audios: many('audio', 'Sound to follow.'),
    video: one('video', 'Clip to extend or edit.'),
    duration_seconds: amount('Length of the clip in seconds.'),
    aspect_ratio: ASPECT_RATIO,
    resolution: choice('Lines of the picture.'),
    fps: integer('Frames per second.'),
    seed: SEED,
    steps: STEPS,
    guidance: GUIDANCE,
    generate_audio: flag('Whether the clip has sound.'),
    camera: { types: ['camera'], description: 'Camera movement.' },
  },
  image: {
    prompt: PROMPT,
    negative_prompt: NEGATIVE_PROMPT,
    images: many('image', 'Pictures to start from.'),
    mask: one('image', 'Where to change the picture.'),
    size: { types: ['size', 'choice'], description: 'WIDTHxHEIGHT in pixels.' },
    width: integer('Pixels.'),
    height: integer('Pixels.'),
    aspect_ratio: ASPECT_RATIO,
    resolution: choice('Size class of the picture.'),
    n: integer('How many pictures.'),
    seed: SEED,
    steps: STEPS,
    guidance: GUIDANCE,
    strength: amount('How far to move away from the given picture, 0 to 1.'),
    loras: { types: ['lora_list'], description: 'Style or subject weights to add, each with its strength.' },
    output_format: choice('File format.'),
    background: choice('Background of the picture.'),
    quality: choice('Quality level.'),
  },
  music: {
    task: choice('What to do.'),
    prompt: text('Style, mood, instruments.'),
    negative_prompt: NEGATIVE_PROMPT,
    lyrics: text('Words to sing, with [Verse] and [Chorus] marks.'),
    duration_seconds: amount('Length of the piece in seconds.'),
    instrumental: flag('No voice.'),
    audio: one('audio', 'Recording to cover, repaint or extract from.'),
    repaint_start_seconds: amount('Where the repainted part begins.'),
    repaint_end_seconds: amount('Where the repainted part ends.'),
    strength: amount('How closely a cover keeps to the recording, 0 to 1.'),
    stems: { types: ['choice_list'], description: 'Parts to extract.' },
    bpm: integer('Beats per minute.'),
    language: choice('Language of the lyrics.'),
    format: choice('File format.'),
    seed: SEED,
    steps: STEPS,
    guidance: GUIDANCE,
  },
};
