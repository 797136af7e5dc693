import { type App, number, text } from './app.js';
import { type Field, float, integer, oneOf, required, string, url } from './fields.js';

const BPM = 100;
/** A changed recording keeps its own length; the sandbox does not listen to it. */
const RECORDING_SECONDS = 12;

const shared: Record<string, Field> = {
  tags: required(string()),
  lyrics: string(),
  number_of_steps: integer(3, 60),
  seed: integer(),
  scheduler: oneOf('euler', 'heun'),
  guidance_type: oneOf('cfg', 'apg', 'cfg_star'),
  granularity_scale: float(-100, 100),
  guidance_interval: float(0, 1),
  guidance_interval_decay: float(0, 1),
  guidance_scale: float(0, 200),
  minimum_guidance_scale: float(0, 200),
  tag_guidance_scale: float(0, 10),
  lyric_guidance_scale: float(0, 10),
};

const music = (fields: Record<string, Field>): App => ({
  fields: { ...shared, ...fields },
  partner: false,
  realisticMs: 6_000,
  make: ({ body, seed }) => {
    const seconds = 'duration' in fields ? number(body, 'duration', 60) : RECORDING_SECONDS;
    return [{ kind: 'piece', piece: { seconds, bpm: BPM, seed, format: 'wav' } }];
  },
  result: ({ body, prompt, seed }, [audio]) => ({ audio, seed, tags: prompt, lyrics: text(body, 'lyrics', '') }),
});

const place = oneOf('start', 'end');

/** ACE-Step, version 1. */
export const MUSIC: Readonly<Record<string, App>> = {
  'fal-ai/ace-step': music({ duration: float(5, 240) }),
  'fal-ai/ace-step/audio-to-audio': music({
    audio_url: required(url('audio')),
    edit_mode: oneOf('lyrics', 'remix'),
    original_tags: required(string()),
    original_lyrics: string(),
    original_seed: integer(),
  }),
  'fal-ai/ace-step/audio-inpaint': music({
    audio_url: required(url('audio')),
    start_time: float(0, 240),
    end_time: float(0, 240),
    start_time_relative_to: place,
    end_time_relative_to: place,
    variance: float(0, 1),
  }),
};
