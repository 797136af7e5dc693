import { z } from 'zod';
import { NO_USAGE, type Usage } from '../../billing/usage.js';

/** OpenAI's answers, `json` and `verbose_json` (API reference, "Create transcription"), and what other servers leave out. */
export const transcriptShape = z.looseObject({
  text: z.string(),
  duration: z.union([z.number(), z.string()]).nullish(),
  language: z.string().nullish(),
  segments: z
    .array(z.looseObject({ start: z.number(), end: z.number(), text: z.string(), speaker: z.string().nullish() }))
    .nullish(),
  usage: z
    .looseObject({
      type: z.string().nullish(),
      seconds: z.number().nullish(),
      input_tokens: z.number().nullish(),
      input_token_details: z.looseObject({ audio_tokens: z.number().nullish() }).nullish(),
      output_tokens: z.number().nullish(),
    })
    .nullish(),
});
export type Transcript = z.output<typeof transcriptShape>;

export const RESPONSE_FORMATS = ['json', 'text', 'srt', 'vtt', 'verbose_json', 'diarized_json'] as const;
export type ResponseFormat = (typeof RESPONSE_FORMATS)[number];

/** What is asked of the server: what subtitles are made of, or as it is. */
export const askedOf = (format: ResponseFormat): 'json' | 'verbose_json' | 'diarized_json' => {
  if (format === 'srt' || format === 'vtt') return 'verbose_json';
  return format === 'text' ? 'json' : format;
};

const pad = (value: number, digits: number): string => String(Math.floor(value)).padStart(digits, '0');

/** `00:01:02,345`; WebVTT has a point for the comma. */
function clock(seconds: number, separator: ',' | '.'): string {
  const ms = Math.max(0, Math.round(seconds * 1000));
  const [hours, minutes, rest] = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60];
  return `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(rest, 2)}${separator}${pad(ms % 1000, 3)}`;
}

type Segments = NonNullable<Transcript['segments']>;

/** A blank line would end the cue. */
const cueText = (text: string): string => text.trim().replaceAll(/\n{2,}/g, '\n');

export const srt = (segments: Segments): string =>
  segments
    .map(({ start, end, text }, at) => `${at + 1}\n${clock(start, ',')} --> ${clock(end, ',')}\n${cueText(text)}\n\n`)
    .join('');

export const vtt = (segments: Segments): string =>
  `WEBVTT\n\n${segments.map(({ start, end, text }) => `${clock(start, '.')} --> ${clock(end, '.')}\n${cueText(text)}\n\n`).join('')}`;

/** Where a server gives no segments, one that spans it all. */
const segmentsOf = (transcript: Transcript, seconds: number): Segments =>
  transcript.segments ?? [{ start: 0, end: seconds, text: transcript.text }];

/** The answer as the client asked for it. */
export function rendered(
  transcript: Transcript,
  format: ResponseFormat,
  seconds: number,
): { contentType: string; body: string } {
  switch (format) {
    case 'text':
      return { contentType: 'text/plain; charset=utf-8', body: `${transcript.text}\n` };
    case 'srt':
      return { contentType: 'text/plain; charset=utf-8', body: srt(segmentsOf(transcript, seconds)) };
    case 'vtt':
      return { contentType: 'text/vtt; charset=utf-8', body: vtt(segmentsOf(transcript, seconds)) };
    case 'json': {
      const { text, usage, logprobs } = transcript;
      const kept = { text, ...(usage ? { usage } : {}), ...(logprobs === undefined ? {} : { logprobs }) };
      return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(kept) };
    }
    case 'verbose_json':
    case 'diarized_json':
      return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(transcript) };
  }
}

/** Seconds of audio by what the answer says of itself; null where it says nothing. */
export function secondsOf({ duration, usage, segments }: Transcript): number | null {
  const said = [usage?.seconds, Number(duration ?? Number.NaN), segments?.at(-1)?.end];
  return (
    said.find((value): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0) ?? null
  );
}

/** What was used: tokens where the model counts those, always the seconds. */
export function usageOf(transcript: Transcript, guessedSeconds: number): Usage {
  const { usage } = transcript;
  const audioSeconds = secondsOf(transcript) ?? guessedSeconds;
  const inputTokens = usage?.input_tokens ?? 0;
  return {
    ...NO_USAGE,
    audioSeconds,
    inputTokens,
    inputAudioTokens: Math.min(usage?.input_token_details?.audio_tokens ?? 0, inputTokens),
    outputTokens: usage?.output_tokens ?? 0,
  };
}
