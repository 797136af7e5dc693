import { once } from 'node:events';
import { sleep } from '../clock.js';
import type { TaskFaults } from '../faults.js';
import { breakOff, sendTruncated } from '../transport.js';
import { SPOILT } from './chunks.js';
import type { TextCall } from './exchange.js';

/** One event of a stream as it goes over the wire. */
export interface Frame {
  /** Read when it is sent, once: where events are numbered it may be a getter, so that one which is not sent has no number. */
  readonly bytes: string | Buffer;
  /** It carries a piece of the answer (text, reasoning, arguments); the others open and close it. */
  isContent: boolean;
}

export interface StreamScript {
  headers: Record<string, string>;
  frames: Iterable<Frame>;
  /** What the provider sends when it fails in the middle. */
  error(): string | Buffer;
  /** The JSON of its 500. */
  errorBody(): object;
}

export interface WholeScript {
  headers: Record<string, string>;
  body: object;
  errorBody(): object;
  /** Its 500, thrown where a stream would break. */
  serverError(): Error;
}

/** At speed 1, in ms. */
const FIRST_TOKEN_MS = 300;
const CHUNK_MS = 15;
const WHOLE_MS = 600;

const BROKEN = Buffer.from([0xff, 0xfe, 0xff]);
const SPOILT_BYTES = Buffer.from(SPOILT);

/** With bytes that are no UTF-8 where the text carries `SPOILT`. */
export function spoilt(bytes: string | Buffer): string | Buffer {
  if (typeof bytes === 'string' && !bytes.includes(SPOILT)) return bytes;
  const copy = Buffer.from(bytes);
  const at = copy.indexOf(SPOILT_BYTES);
  if (at >= 0) BROKEN.copy(copy, at);
  return copy;
}

/** Answers with events, broken as the faults ask. Counts `streams_ended`, or `hangups` when the client goes first. */
export async function answerStream(call: TextCall, script: StreamScript, faults: TaskFaults): Promise<void> {
  if (answeredWithout(call, script, faults)) return;
  const { context, provider, reply } = call;
  reply.hijack();
  const { raw } = reply;
  const gone = new AbortController();
  raw.once('close', () => gone.abort());
  const ended = AbortSignal.any([gone.signal, call.closing]);
  raw.writeHead(200, script.headers);
  raw.flushHeaders();
  try {
    await play(call, script, faults, ended);
    context.recorder.count(provider, 'streams_ended');
  } catch (error) {
    if (!ended.aborted) throw error;
    if (gone.signal.aborted) context.recorder.count(provider, 'hangups');
    raw.destroy();
  }
}

async function play(call: TextCall, script: StreamScript, faults: TaskFaults, ended: AbortSignal): Promise<void> {
  const { raw } = call.reply;
  const { clock } = call.context;
  const write = async (bytes: string | Buffer): Promise<void> => {
    ended.throwIfAborted();
    if (!raw.write(spoilt(bytes))) await once(raw, 'drain', { signal: ended });
  };
  if ('no-events' in faults) {
    raw.end();
    return;
  }
  if ('error-event' in faults) {
    await write(script.error());
    raw.end();
    return;
  }
  const stops = stopsOf(faults);
  let contents = 0;
  for (const frame of script.frames) {
    const { isContent } = frame;
    const stop = isContent || contents > 0 ? stops.get(contents) : undefined;
    if (stop !== undefined) {
      await breakStream(stop, { call, script, write, next: frame, ended });
      return;
    }
    if (isContent) {
      const first = contents === 0 ? (faults['first-token'] ?? clock.scaled(FIRST_TOKEN_MS)) : 0;
      const delayMs = first + (faults.slow ?? clock.scaled(CHUNK_MS));
      if (delayMs > 0) await sleep(delayMs, ended);
      contents += 1;
    }
    await write(frame.bytes);
  }
  raw.end();
}

type Stop = 'error-after' | 'cut-after' | 'stall-after' | 'end-after';
const STOPS: readonly Stop[] = ['error-after', 'cut-after', 'stall-after', 'end-after'];

/** By the number of chunks after which it stops. */
function stopsOf(faults: TaskFaults): Map<number, Stop> {
  return new Map(STOPS.flatMap((name) => (name in faults ? [[faults[name] ?? 0, name] as const] : [])));
}

interface Break {
  call: TextCall;
  script: StreamScript;
  write: (bytes: string | Buffer) => Promise<void>;
  /** The event that would have come. */
  next: Frame;
  ended: AbortSignal;
}

async function breakStream(stop: Stop, { call, script, write, next, ended }: Break): Promise<void> {
  const { raw } = call.reply;
  switch (stop) {
    case 'error-after':
      await write(script.error());
      raw.end();
      return;
    case 'end-after':
      raw.end();
      return;
    case 'cut-after': {
      const whole = Buffer.from(next.bytes);
      const half = whole.subarray(0, Math.ceil(whole.length / 2));
      await new Promise<void>((resolve) => raw.write(half, () => resolve()));
      raw.socket?.destroy();
      return;
    }
    case 'stall-after':
      if (!ended.aborted) await once(ended, 'abort');
      ended.throwIfAborted();
  }
}

/** Answers with one JSON, broken as the faults ask. Counts `hangups` when the client goes first. */
export async function answerWhole(call: TextCall, script: WholeScript, faults: TaskFaults): Promise<void> {
  if (answeredWithout(call, script, faults)) return;
  const { reply, context } = call;
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const delayMs = (faults['first-token'] ?? context.clock.scaled(WHOLE_MS)) + (faults.slow ?? 0);
  try {
    if (delayMs > 0) await sleep(delayMs, AbortSignal.any([gone.signal, call.closing]));
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    context.recorder.count(call.provider, 'hangups');
    reply.hijack();
    return;
  }
  if ('error-event' in faults || 'error-after' in faults) throw script.serverError();
  if ('stall-after' in faults) {
    breakOff(reply, 'hang');
    return;
  }
  const whole = Buffer.from(spoilt(JSON.stringify(script.body)));
  if ('cut-after' in faults) {
    sendTruncated(reply, 'application/json', whole);
    return;
  }
  const sent = 'end-after' in faults ? whole.subarray(0, Math.floor(whole.length / 2)) : whole;
  await reply
    .code(200)
    .headers(script.headers)
    .type('application/json')
    .send('no-events' in faults ? '' : sent);
}

/** Answers that are the same whether events were asked for or not. */
function answeredWithout(
  { reply }: TextCall,
  { errorBody }: Pick<StreamScript, 'errorBody'>,
  faults: TaskFaults,
): boolean {
  if ('empty-body' in faults) {
    void reply.code(200).send();
    return true;
  }
  if (!('error-body' in faults)) return false;
  void reply.code(200).type('application/json').send(errorBody());
  return true;
}
