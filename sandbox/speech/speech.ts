import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { tokensOf } from '../embeddings/tokens.js';
import { readPrompt, type TaskFaults } from '../faults.js';
import { readBody } from '../openai/body.js';
import { invalidValue, serverError, showFault } from '../openai/errors.js';
import type { SpeechFormat } from '../render/recipes.js';
import { hum } from '../render/syllables.js';
import { sendTruncated } from '../transport.js';
import { beginText, type TextCall } from '../text/exchange.js';
import { answerStream, type Frame } from '../text/play.js';
import { cutBytes } from './cut-bytes.js';
import { errorBodyOf } from './errors.js';
import type { AudioHost, SpeechOffer } from './hosts.js';
import type { SpokenMemory } from './memory.js';
import { readSpeech, type SpeechRequest } from './speech-request.js';

const TYPES: Record<SpeechFormat, string> = {
  mp3: 'audio/mpeg',
  opus: 'audio/opus',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
};

/** A chunk of the stream, as a fault's `chunks` count them. */
const CHUNK_BYTES = 4096;
/** Of gpt-4o-mini-tts: a token each 50 ms. */
const AUDIO_TOKENS_A_SECOND = 20;
const HTML = '<!doctype html><title>Sign in</title>';

export interface AudioDesk {
  context: SandboxContext;
  spoken: SpokenMemory;
  closing: AbortSignal;
}

/** `POST /audio/speech`: the file as it is made, or as events. */
export function speechRoutes(desk: AudioDesk, host: AudioHost & { speech: SpeechOffer }) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.post('/audio/speech', (request, reply) => speak(desk, host, request, reply));
  };
}

async function speak(
  { context, spoken, closing }: AudioDesk,
  host: AudioHost & { speech: SpeechOffer },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const body = await readBody(request, false);
  const sent = typeof body.values['input'] === 'string' ? body.values['input'] : '';
  const call: TextCall = {
    context,
    provider: host.provider,
    request,
    reply,
    body: body.values,
    prompt: sent,
    closing,
  };
  const begun = await beginText<SpeechRequest>(call, {
    showFault,
    badPrompt: (message) => invalidValue('input', message),
    serverError,
    read: async () => readSpeech(host, body, readPrompt(sent).text),
    id: `speech_${randomUUID()}`,
  });
  if (begun === null) return reply;
  const { wanted, faults } = begun;
  const { model: _model, asEvents, ...utterance } = wanted;
  const file = await readFile(await context.studio.utterance(utterance));
  spoken.remember(file, utterance.text);
  context.recorder.count(host.provider, 'spoken');
  await deliver(call, host, { file, wanted, asEvents }, faults);
  return reply;
}

async function deliver(
  call: TextCall,
  host: AudioHost,
  { file, wanted, asEvents }: { file: Buffer; wanted: SpeechRequest; asEvents: boolean },
  faults: TaskFaults,
): Promise<void> {
  const { context, provider, prompt, reply } = call;
  const type = asEvents ? 'text/event-stream; charset=utf-8' : TYPES[wanted.format];
  const failure = errorBodyOf(serverError(), host);
  const frames = asEvents ? eventsOf(wanted, file, 'no-usage' in faults) : framesOf(file);
  const spoilt = context.faults.during(provider, 'download', prompt, prompt, faults);
  if (spoilt === 'zero-bytes' || spoilt === 'not-media') {
    const [wrongType, content] = spoilt === 'zero-bytes' ? [type, ''] : ['text/html', HTML];
    void reply.code(200).type(wrongType).send(content);
    return;
  }
  if (spoilt === 'truncate' || spoilt === 'truncate-always') {
    sendTruncated(reply, type, Buffer.concat(frames.map(({ bytes }) => Buffer.from(bytes))));
    return;
  }
  if (cutBytes(reply, type, frames, faults)) return;
  await answerStream(
    call,
    {
      headers: { 'content-type': type, 'x-request-id': 'req_sandbox', 'cache-control': 'no-cache' },
      frames,
      // Sound has no place for an error: it ends early.
      error: () => (asEvents ? `data: ${JSON.stringify({ type: 'error', ...failure })}\n\n` : ''),
      errorBody: () => failure,
    },
    faults,
  );
}

function framesOf(file: Buffer): Frame[] {
  return Array.from({ length: Math.ceil(file.length / CHUNK_BYTES) }, (_, index) => ({
    bytes: file.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
    isContent: true,
  }));
}

/** `speech.audio.delta` a chunk, then `speech.audio.done` with the usage. */
function eventsOf({ text, voice, speed }: SpeechRequest, file: Buffer, withoutUsage: boolean): Frame[] {
  const input = tokensOf(text);
  const output = Math.ceil(hum(text, voice, speed).seconds * AUDIO_TOKENS_A_SECOND);
  const usage = { input_tokens: input, output_tokens: output, total_tokens: input + output };
  const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
  return [
    ...framesOf(file).map(({ bytes }) => ({
      bytes: event({ type: 'speech.audio.delta', audio: Buffer.from(bytes).toString('base64') }),
      isContent: true,
    })),
    {
      bytes: event({ type: 'speech.audio.done', ...(withoutUsage ? {} : { usage }) }),
      isContent: false,
    },
  ];
}
