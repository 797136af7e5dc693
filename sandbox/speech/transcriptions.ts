import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readPrompt, type TaskFaults } from '../faults.js';
import { invalidValue, serverError, showFault } from '../openai/errors.js';
import { beginText, type TextCall } from '../text/exchange.js';
import { answerStream, answerWhole } from '../text/play.js';
import { cutBytes } from './cut-bytes.js';
import { errorBodyOf } from './errors.js';
import type { AudioHost, TranscriptionOffer } from './hosts.js';
import type { AudioDesk } from './speech.js';
import { hear } from './transcribe.js';
import { type Answer, answerOf } from './transcription-answer.js';
import {
  readForm,
  readTranscription,
  recordableForm,
  type Task,
  type TranscriptionRequest,
} from './transcription-request.js';

type Transcriber = AudioHost & { transcription: TranscriptionOffer };

/** `POST /audio/transcriptions` and `/audio/translations`. Markers of faults stand in the form's `prompt`. */
export function transcriptionRoutes(desk: AudioDesk, host: Transcriber) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.post('/audio/transcriptions', (request, reply) => serve(desk, host, 'transcribe', request, reply));
    app.post('/audio/translations', (request, reply) => serve(desk, host, 'translate', request, reply));
  };
}

async function serve(
  { context, spoken, closing }: AudioDesk,
  host: Transcriber,
  task: Task,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const form = await readForm(request);
  const sent = form.fields.get('prompt')?.at(-1) ?? '';
  const call: TextCall = {
    context,
    provider: host.provider,
    request,
    reply,
    body: recordableForm(form),
    prompt: sent,
    closing,
  };
  const begun = await beginText(call, {
    showFault,
    badPrompt: (message) => invalidValue('prompt', message),
    serverError,
    read: async () => {
      const wanted = readTranscription(host, form, task, readPrompt(sent).text);
      return { wanted, heard: await hear(context, spoken, wanted.file.bytes, host.manner) };
    },
    id: `transcript_${randomUUID()}`,
  });
  if (begun === null) return reply;
  const { wanted, heard } = begun.wanted;
  const answer = answerOf(wanted, host.transcription, heard, 'no-usage' in begun.faults);
  await deliver(call, host, wanted, answer, begun.faults);
  return reply;
}

async function deliver(
  call: TextCall,
  host: Transcriber,
  { stream }: TranscriptionRequest,
  answer: Answer,
  faults: TaskFaults,
): Promise<void> {
  const failure = errorBodyOf(serverError(), host);
  const id = { 'x-request-id': 'req_sandbox' };
  const type = stream
    ? 'text/event-stream; charset=utf-8'
    : 'contentType' in answer
      ? answer.contentType
      : 'application/json';
  const frames =
    'frames' in answer
      ? answer.frames
      : [{ bytes: 'json' in answer ? JSON.stringify(answer.json) : answer.text, isContent: true }];
  if (cutBytes(call.reply, type, frames, faults)) return;
  if ('json' in answer) {
    const headers = host.manner === 'vendor' ? id : {};
    await answerWhole(call, { headers, body: answer.json, errorBody: () => failure, serverError }, faults);
    return;
  }
  await answerStream(
    call,
    {
      headers: { 'content-type': type, ...(host.manner === 'vendor' ? id : {}) },
      frames,
      error: () => (stream ? `data: ${JSON.stringify({ type: 'error', ...failure })}\n\n` : ''),
      errorBody: () => failure,
    },
    faults,
  );
}
