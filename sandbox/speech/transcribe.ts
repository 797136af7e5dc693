import type { SandboxContext } from '../context.js';
import { OpenAIError } from '../openai/errors.js';
import { probeSound, type Sound } from '../render/ffprobe.js';
import { spokenIn } from '../render/speech.js';
import type { ErrorManner } from './errors.js';
import type { SpokenMemory } from './memory.js';

/** OpenAI refuses shorter recordings. */
const MIN_SECONDS = 0.1;

export interface Heard {
  text: string;
  seconds: number;
}

/** What a recording says: what this sandbox was told to speak in it, else a sentence about the recording itself. */
export async function hear(
  context: SandboxContext,
  spoken: SpokenMemory,
  file: Buffer,
  manner: ErrorManner,
): Promise<Heard> {
  const sound = file.length === 0 ? null : await probeSound(await context.studio.keep(file));
  if (sound === null) throw undecodable(manner);
  if (manner === 'vendor' && sound.seconds < MIN_SECONDS)
    throw new OpenAIError(400, `Audio file is too short. Minimum audio length is ${MIN_SECONDS} seconds.`, {
      code: 'audio_too_short',
      param: 'file',
    });
  return { text: spokenIn(sound.comment) ?? spoken.recall(file) ?? described(sound), seconds: sound.seconds };
}

function undecodable(manner: ErrorManner): OpenAIError {
  return manner === 'vendor'
    ? new OpenAIError(400, 'The audio file could not be decoded or its format is not supported.', { param: 'file' })
    : new OpenAIError(415, 'Failed to decode audio. The provided file type is not supported.');
}

function described({ seconds, codec, sampleRate, channels }: Sound): string {
  const width = channels === 1 ? 'mono' : channels === 2 ? 'stereo' : `${channels} channels`;
  return `This recording lasts ${seconds.toFixed(1)} seconds. It is ${codec} in ${width} at ${sampleRate} hertz.`;
}
