import { openAsBlob } from 'node:fs';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NO_BOUND } from '../../billing/usage-price.js';
import type { UsageStatus } from '../../billing/usage.js';
import { invalidRequest, KilnError } from '../../common/errors.js';
import type { JsonObject, JsonValue } from '../../common/json.js';
import { notKept } from '../../http/kept-answers.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { ProviderError } from '../../providers/contract.js';
import type { SyncResponse } from '../../providers/sync/contract.js';
import { GatewayRequests, type GatewayRequest } from '../router/requests.js';
import type { Measure, SyncWork } from '../router/work.js';
import { wholeJson } from '../text/open-text.js';
import { framesOf, frameText } from '../text/sse.js';
import type { SseFrame } from '../dialects/dialect.js';
import { type AudioForm, readAudioForm } from './audio-form.js';
import {
  askedOf,
  rendered,
  RESPONSE_FORMATS,
  type ResponseFormat,
  type Transcript,
  transcriptShape,
  usageOf,
} from './transcript.js';

/** Fields that may stand in the form more than once. */
const LISTS: ReadonlySet<string> = new Set([
  'timestamp_granularities',
  'include',
  'known_speaker_names',
  'known_speaker_references',
  'languages',
  'keywords',
]);
/** For a hold: speech is hardly sent at fewer bytes a second. */
const FEWEST_BYTES_A_SECOND = 2000;
/** Where nobody says how long the audio is: MP3 at 128 kbit/s. */
const USUAL_BYTES_A_SECOND = 16_000;
/** Tokens a second of audio, of models that count those (OpenAI, gpt-4o-transcribe: 10 a second). */
const TOKENS_A_SECOND = 10;
const MAX_TRANSCRIPT_TOKENS = 16_000;
const DONE_EVENT = 'transcript.text.done';

interface Wish {
  format: ResponseFormat;
  stream: boolean;
  fields: JsonObject;
}

function single(form: AudioForm, name: string): string | undefined {
  const values = form.fields.get(name) ?? [];
  if (values.length > 1) throw invalidRequest(`'${name}' is given ${values.length} times; allowed is once.`, name);
  return values[0];
}

/** Formats that a model can be asked for, where its catalog entry lists them. */
function formatsOf({ model }: GatewayRequest): readonly string[] {
  const listed = model.limits['response_formats'];
  return Array.isArray(listed) ? listed.filter((one): one is string => typeof one === 'string') : RESPONSE_FORMATS;
}

function formatOf(form: AudioForm, found: GatewayRequest): ResponseFormat {
  const asked = single(form, 'response_format') ?? 'json';
  const allowed = formatsOf(found);
  const format = RESPONSE_FORMATS.find((one) => one === asked && allowed.includes(one));
  if (format) return format;
  throw invalidRequest(
    `'response_format' must be one of ${allowed.join(', ')} for ${found.model.id}; got '${asked.slice(0, 100)}'.`,
    'response_format',
  );
}

function booleanOf(form: AudioForm, name: string): boolean {
  const value = single(form, name) ?? 'false';
  if (value !== 'true' && value !== 'false')
    throw invalidRequest(`'${name}' must be true or false; got '${value.slice(0, 100)}'.`, name);
  return value === 'true';
}

function wishOf(form: AudioForm, found: GatewayRequest): Wish {
  const format = formatOf(form, found);
  const fields: Record<string, JsonValue> = {};
  for (const [name, values] of form.fields) {
    if (name === 'model' || name === 'response_format' || name === 'stream') continue;
    const [first = ''] = LISTS.has(name) ? [] : [single(form, name) ?? ''];
    fields[name] = LISTS.has(name) ? values : first;
  }
  const temperature = fields['temperature'];
  if (temperature !== undefined && !(Number(temperature) >= 0 && Number(temperature) <= 1))
    throw invalidRequest(
      `'temperature' must be a number from 0 to 1; got ${JSON.stringify(temperature)}.`,
      'temperature',
    );
  // A model that can't stream ignores the wish, as OpenAI's whisper-1 does.
  return { format, fields, stream: booleanOf(form, 'stream') && found.model.limits['streams'] === true };
}

/** POST /v1/audio/transcriptions. */
@Injectable()
export class Transcriptions {
  constructor(private readonly requests: GatewayRequests) {}

  async answer(call: { request: FastifyRequest; reply: FastifyReply; key: AuthKey }): Promise<void> {
    const form = await readAudioForm(call.request);
    try {
      const { file } = form;
      const body: JsonObject = { model: single(form, 'model') ?? null };
      const found = this.requests.start({ ...call, body }, 'transcriptions', 'transcription');
      if (!file) throw invalidRequest("'file' is required: the audio, as a file part with a filename.", 'file');
      const wish = wishOf(form, found);
      const work = workOf(found, call.key, wish, file);
      if (wish.stream) return await this.streamed(work, call.reply, file.bytes);
      await this.requests.run(work, {
        open: (response) => openTranscript(response),
        finish: async (opened, bill) => {
          const usage = usageOf(opened.answer, file.bytes / USUAL_BYTES_A_SECOND);
          const charged = await bill(usage, { status: 'ok', httpStatus: 200 });
          this.requests.headers(call.reply, opened, charged);
          const { contentType, body: text } = rendered(opened.answer, wish.format, usage.audioSeconds);
          await call.reply.type(contentType).send(text);
        },
      });
    } finally {
      await form.remove();
    }
  }

  /** Events as they come; the last one when it is paid for. */
  private async streamed(work: SyncWork, reply: FastifyReply, bytes: number): Promise<void> {
    await this.requests.run(work, {
      open: openEvents,
      finish: async (opened, bill) => {
        let status: UsageStatus | null = null;
        let isStarted = false;
        const settle = async (transcript: Transcript, ended: UsageStatus): Promise<void> => {
          status = ended;
          await bill(usageOf(transcript, bytes / USUAL_BYTES_A_SECOND), { status: ended, httpStatus: 200 });
        };
        const { events, body } = opened.answer;
        const requestId = work.requestId;
        const text = async function* (): AsyncGenerator<string, void> {
          isStarted = true;
          try {
            for await (const frame of events) {
              const done = doneIn(frame);
              if (done) await settle(done, 'ok');
              yield frameText(frame);
              if (done) return;
            }
            throw new Error('the events ended early');
          } catch {
            if (work.gone.aborted) return;
            status = 'partial';
            await bill(usageOf({ text: '', duration: 0 }, 0), { status: 'partial', httpStatus: 200 });
            const error = new KilnError(500, 'upstream_error', 'The transcript broke off; nothing was charged.');
            yield `event: error\ndata: ${JSON.stringify({ type: 'error', ...error.toBody(), request_id: requestId })}\n\n`;
          } finally {
            body.destroy();
            if (status === null) await settle({ text: '' }, 'canceled');
          }
        };
        this.requests.headers(reply, opened, null);
        const stream = Readable.from(text(), { objectMode: false });
        notKept(stream, () => status !== 'ok');
        // A client that went away before anything was read: a generator that never ran has no end of its own.
        stream.once('close', () => {
          if (isStarted) return;
          body.destroy();
          void settle({ text: '' }, 'canceled').catch((cause: unknown) => this.requests.brokeOff(work, opened, cause));
        });
        await reply.type('text/event-stream; charset=utf-8').header('cache-control', 'no-cache').send(stream);
      },
    });
  }
}

function workOf(found: GatewayRequest, key: AuthKey, wish: Wish, file: NonNullable<AudioForm['file']>): SyncWork {
  const seconds = Math.ceil(file.bytes / FEWEST_BYTES_A_SECOND);
  // No token is shorter than a byte.
  const promptTokens = Buffer.byteLength(JSON.stringify(wish.fields));
  const measure: Measure = {
    name: 'duration_seconds',
    isOpen: false,
    most: () => seconds,
    bound: (_route, most) => ({
      ...NO_BOUND,
      audioSeconds: most,
      inputTokens: most * TOKENS_A_SECOND + promptTokens,
      inputAudio: true,
      outputTokens: MAX_TRANSCRIPT_TOKENS,
    }),
  };
  return {
    ...found,
    key,
    streamed: wish.stream,
    measure,
    bound: (route) => measure.bound(route, seconds),
    lacking: () => [],
    call: (route) => ({
      kind: 'transcription',
      stream: wish.stream,
      body: {
        ...wish.fields,
        response_format: route.settings['duration_in'] === 'verbose_json' ? 'verbose_json' : askedOf(wish.format),
        ...(wish.stream ? { stream: true } : {}),
      },
      file: {
        field: 'file',
        filename: file.filename,
        contentType: file.contentType,
        bytes: file.bytes,
        blob: () => openAsBlob(file.path, { type: file.contentType }),
      },
    }),
  };
}

async function openTranscript(response: SyncResponse): Promise<Transcript> {
  const read = transcriptShape.safeParse(await wholeJson(response));
  if (!read.success) throw new ProviderError('internal', 'rejected', 'the answer holds no transcript');
  return read.data;
}

interface OpenEvents {
  events: AsyncGenerator<SseFrame, void>;
  body: Readable;
}

async function openEvents(response: SyncResponse): Promise<OpenEvents> {
  const batches = framesOf(response.body);
  const first = await batches.next();
  if (first.done === true) throw new ProviderError('unavailable', 'rejected', 'the events ended before they began');
  const events = async function* (): AsyncGenerator<SseFrame, void> {
    yield* first.value;
    for await (const batch of batches) yield* batch;
  };
  return { events: events(), body: response.body };
}

function doneIn({ data }: SseFrame): Transcript | null {
  if (!data.includes(DONE_EVENT)) return null;
  const event = JSON.parse(data) as { type?: unknown };
  return event.type === DONE_EVENT ? (transcriptShape.safeParse(event).data ?? null) : null;
}
