import { randomUUID } from 'node:crypto';
import { tokensOf } from '../embeddings/tokens.js';
import type { Frame } from '../text/play.js';
import { chunksOf } from '../text/chunks.js';
import type { TranscriptionOffer } from './hosts.js';
import type { Heard } from './transcribe.js';
import type { TranscriptionRequest } from './transcription-request.js';
import { layOut, type Segment, toSrt, toVtt } from './transcript.js';

/** Of gpt-4o-transcribe: ten tokens a second of sound. */
const AUDIO_TOKENS_A_SECOND = 10;
/** The same for every token: enough to be a log probability. */
const LOGPROB = -0.01;

const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;

function usageOf({ how, prompt, task, format }: TranscriptionRequest, { text, seconds }: Heard): object {
  // The client's type of a translation has none, and bare text has no place for it.
  if (how.usage === null || (task === 'translate' && format !== 'verbose_json')) return {};
  if (how.usage === 'duration') return { usage: { type: 'duration', seconds: Math.ceil(seconds) } };
  const audio = Math.ceil(seconds * AUDIO_TOKENS_A_SECOND);
  const textTokens = tokensOf(prompt);
  const output = tokensOf(text);
  return {
    usage: {
      type: 'tokens',
      input_tokens: audio + textTokens,
      input_token_details: { text_tokens: textTokens, audio_tokens: audio },
      output_tokens: output,
      total_tokens: audio + textTokens + output,
    },
  };
}

const logprobsOf = (text: string): object[] =>
  chunksOf(text).map((token) => ({ token, logprob: LOGPROB, bytes: [...Buffer.from(token)] }));

function languageName(wanted: TranscriptionRequest, { language: manner }: TranscriptionOffer): string {
  const code = wanted.task === 'translate' ? 'en' : (wanted.language ?? 'en');
  if (manner === 'code') return code;
  const name = new Intl.DisplayNames(['en'], { type: 'language' }).of(code) ?? code;
  return manner === 'lower' ? name.toLowerCase() : name;
}

/** A segment as whisper's own JSON has it; its numbers about confidence are the same for all. */
function written(segment: Segment, { temperature, words }: TranscriptionRequest, raw: boolean): object {
  const { id, start, end, text } = segment;
  return {
    id,
    seek: Math.floor(start / 30) * 3000,
    start,
    end,
    text: ` ${text}`,
    tokens: Array.from(text, (sign) => 50_364 + ((sign.codePointAt(0) ?? 0) % 1000)),
    temperature,
    avg_logprob: -0.25,
    compression_ratio: 1.2,
    no_speech_prob: 0.01,
    ...(raw ? { words: words ? rawWords(segment) : null } : {}),
  };
}

const rawWords = ({ words }: Segment): object[] =>
  words.map(({ token, start, end }) => ({ start, end, word: ` ${token}`, probability: 0.98 }));

const bareWords = ({ words }: Segment): object[] => words.map(({ word, start, end }) => ({ word, start, end }));

function verbose(wanted: TranscriptionRequest, offer: TranscriptionOffer, segments: Segment[], heard: Heard): object {
  const raw = offer.wordsAreRaw;
  const words = segments.flatMap((segment) => (raw ? rawWords(segment) : bareWords(segment)));
  return {
    task: wanted.task,
    language: languageName(wanted, offer),
    duration: Math.round(heard.seconds * 100) / 100,
    text: heard.text,
    ...(wanted.words ? { words } : raw ? { words: null } : {}),
    ...(wanted.segments ? { segments: segments.map((segment) => written(segment, wanted, raw)) } : {}),
  };
}

export type Answer = { json: object } | { text: string; contentType: string } | { frames: Frame[] };

/** The answer in the format that was asked for. */
export function answerOf(
  wanted: TranscriptionRequest,
  offer: TranscriptionOffer,
  heard: Heard,
  withoutUsage: boolean,
): Answer {
  const segments = layOut(heard.text, heard.seconds);
  const usage = withoutUsage ? {} : usageOf(wanted, heard);
  if (wanted.stream && wanted.how.streams === 'events') return { frames: eventsOf(wanted, heard.text, usage) };
  if (wanted.stream) return { frames: segmentsOf(wanted, offer, segments, heard) };
  const groq = offer.groqId ? { x_groq: { id: `req_${randomUUID().replaceAll('-', '').slice(0, 26)}` } } : {};
  switch (wanted.format) {
    case 'json':
      return {
        json: {
          text: heard.text,
          ...(wanted.logprobs ? { logprobs: logprobsOf(heard.text) } : {}),
          ...usage,
          ...groq,
        },
      };
    case 'verbose_json':
      return { json: { ...verbose(wanted, offer, segments, heard), ...usage, ...groq } };
    case 'text':
      return { text: `${heard.text}\n`, contentType: 'text/plain; charset=utf-8' };
    case 'srt':
      return { text: toSrt(segments), contentType: 'text/plain; charset=utf-8' };
    case 'vtt':
      return { text: toVtt(segments), contentType: `text/${offer.wordsAreRaw ? 'vtt' : 'plain'}; charset=utf-8` };
  }
}

/** `transcript.text.delta` a word, then `transcript.text.done` with all of it. */
function eventsOf({ logprobs }: TranscriptionRequest, text: string, usage: object): Frame[] {
  const confidence = (part: string) => (logprobs ? { logprobs: logprobsOf(part) } : {});
  return [
    ...chunksOf(text).map((delta) => ({
      bytes: event({ type: 'transcript.text.delta', delta, ...confidence(delta) }),
      isContent: true,
    })),
    { bytes: event({ type: 'transcript.text.done', text, ...confidence(text), ...usage }), isContent: false },
  ];
}

/** speaches' stream: every segment as an answer of its own, in the format that was asked for. */
function segmentsOf(
  wanted: TranscriptionRequest,
  offer: TranscriptionOffer,
  segments: Segment[],
  heard: Heard,
): Frame[] {
  return segments.map((segment) => {
    const { text, start, end } = segment;
    const alone = { text, seconds: end - start };
    const bytes = {
      json: () => event({ text }),
      verbose_json: () => event({ ...verbose(wanted, offer, [segment], alone), duration: alone.seconds }),
      text: () => `data: ${text}\n\n`,
      srt: () => `data: ${toSrt([segment])}\n\n`,
      vtt: () => `data: ${segment.id === 0 ? toVtt([segment]) : toVtt([segment]).replace('WEBVTT\n\n', '')}\n\n`,
    }[wanted.format]();
    return { bytes, isContent: heard.text !== '' };
  });
}
