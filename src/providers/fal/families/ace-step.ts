import type { JsonObject } from '../../../common/json.js';
import { always, implied, oneFile, range, seed, text, type Endpoint, type FieldMap, type Family } from './endpoint.js';

/** The model's own mark for a piece without a voice. */
const INSTRUMENTAL = '[inst]';

const instrumental: FieldMap = (value, field) => {
  if (typeof value !== 'boolean') return { problem: `${field} must be true or false` };
  const wire: JsonObject = value ? { lyrics: INSTRUMENTAL } : {};
  return { wire };
};

/** Blank words are none: they must not stand in the way of the mark. */
const lyrics: FieldMap = (value, field) =>
  typeof value === 'string' && value.trim() === '' ? { wire: {} } : text('lyrics')(value, field);

const shared: Endpoint['fields'] = {
  task: implied,
  prompt: text('tags'),
  lyrics,
  instrumental,
  format: always('wav'),
  steps: range('number_of_steps', 3, 60, true),
  guidance: range('guidance_scale', 0, 200),
  seed,
};
const PROBLEMS: Pick<Endpoint, 'problems'> = {
  problems: ({ instrumental: without, lyrics: words }) =>
    without === true && typeof words === 'string' && words.trim() !== '' ? ['lyrics excludes instrumental'] : [],
};

/**
 * ACE-Step (client 1.10.1: fal-ai/ace-step), which on fal is version 1. Its answer is a WAV. Ranges of length, steps and
 * guidance are those of fal's model page (unconfirmed in the types). The length of a changed recording is its own.
 */
export const aceStep: Family = ({ model, operation }): Endpoint | null => {
  const options = ['scheduler', 'guidance_type'];
  switch (operation) {
    case 'generate':
      return {
        id: model,
        fields: { ...shared, duration_seconds: range('duration', 5, 240) },
        files: {},
        options,
        ...PROBLEMS,
      };
    case 'cover':
      return {
        id: `${model}/audio-to-audio`,
        fields: shared,
        files: { audio: oneFile('audio_url') },
        // Required; nobody knows the tags of a recording that was sent in, unless the request's options say them.
        constants: { edit_mode: 'remix', original_tags: '' },
        options: [...options, 'original_tags', 'original_lyrics'],
        ...PROBLEMS,
      };
    case 'repaint':
      return {
        id: `${model}/audio-inpaint`,
        fields: {
          ...shared,
          repaint_start_seconds: range('start_time', 0, 240),
          repaint_end_seconds: range('end_time', 0, 240),
        },
        files: { audio: oneFile('audio_url') },
        constants: { start_time_relative_to: 'start', end_time_relative_to: 'start' },
        options,
        ...PROBLEMS,
      };
    default:
      return null;
  }
};
