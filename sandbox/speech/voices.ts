/** Of gpt-4o-mini-tts: the Node client's types of `voice`. */
export const OPENAI_VOICES = [
  'alloy',
  'ash',
  'ballad',
  'coral',
  'echo',
  'fable',
  'onyx',
  'nova',
  'sage',
  'shimmer',
  'verse',
  'marin',
  'cedar',
] as const;

const NOT_OF_TTS_1: readonly string[] = ['ballad', 'verse', 'marin', 'cedar'];

/** tts-1 and tts-1-hd have nine of them (OpenAI's text-to-speech guide). */
export const TTS_1_VOICES: readonly string[] = OPENAI_VOICES.filter((voice) => !NOT_OF_TTS_1.includes(voice));

/** VOICES.md of hexgrad/Kokoro-82M v1.0: the first letter is the language, the second the voice's gender. */
export const KOKORO_VOICES: readonly string[] = [
  ...named('af', 'heart alloy aoede bella jessica kore nicole nova river sarah sky'),
  ...named('am', 'adam echo eric fenrir liam michael onyx puck santa'),
  ...named('bf', 'alice emma isabella lily'),
  ...named('bm', 'daniel fable george lewis'),
  ...named('ef', 'dora'),
  ...named('em', 'alex santa'),
  ...named('ff', 'siwis'),
  ...named('hf', 'alpha beta'),
  ...named('hm', 'omega psi'),
  ...named('if', 'sara'),
  ...named('im', 'nicola'),
  ...named('jf', 'alpha gongitsune nezumi tebukuro'),
  ...named('jm', 'kumo'),
  ...named('pf', 'dora'),
  ...named('pm', 'alex santa'),
  ...named('zf', 'xiaobei xiaoni xiaoxiao xiaoyi'),
  ...named('zm', 'yunjian yunxi yunxia yunyang'),
];

function named(prefix: string, names: string): string[] {
  return names.split(' ').map((name) => `${prefix}_${name}`);
}
