import { KilnError } from '../../common/errors.js';
import type { Usage, UsageStatus } from '../../billing/usage.js';
import { ProviderError } from '../../providers/contract.js';
import type { StreamFault } from '../dialects/conversation.js';
import type { Dialect, Echo, SseFrame, StreamWriter } from '../dialects/dialect.js';
import { keepableOf, type KeptItem, ResponsesWriter } from '../dialects/responses/index.js';
import { type Mould, type Run, showsOf } from './mould.js';
import type { OpenStream } from './open-text.js';
import type { Read } from './read-stream.js';
import type { Tally } from './tally.js';

/** How a stream of this API ends well, for upstreams that forget to say so after they have finished. */
const END_FRAMES: Readonly<Record<Dialect['id'], SseFrame>> = {
  chat: { event: '', data: '[DONE]' },
  messages: { event: 'message_stop', data: '{"type":"message_stop"}' },
  responses: { event: '', data: '' },
};

/** Why Kiln itself ended it, where it did: a stop of the process comes as the reason of an aborted call. */
function ownReason(cause: unknown): KilnError | null {
  if (cause instanceof KilnError) return cause;
  return cause instanceof Error && cause.cause !== undefined ? ownReason(cause.cause) : null;
}

export interface RelayOptions {
  stream: OpenStream;
  client: Dialect;
  echo: Echo;
  requestId: string;
  tally: Tally;
  /** Aborts when the client goes away. */
  gone: AbortSignal;
  /** Charges for what was used; what it cost. Once. */
  settle: (usage: Usage, status: UsageStatus, errorCode?: string) => Promise<number | null>;
  /** For ops: what cut the stream. */
  onBreak: (error: unknown) => void;
  /** Keeps what a later request may refer to: items of the responses API; null where nothing is to be kept. */
  keep: ((items: readonly KeptItem[]) => Promise<void>) | null;
}

const broken = (): KilnError =>
  new KilnError(502, 'upstream_error', 'The answer broke off: the model provider failed after it had begun.');

/**
 * One stream to the client: as it comes where both sides speak the same API, else translated. Ends with the last frame only
 * when what it cost is written down, or with the API's error event; a client that goes away ends it too, and is charged for
 * what was made until then.
 */
export class StreamRelay {
  private settled = false;
  private finished = false;
  /** What is held back from the moment the answer is finished until it is paid. */
  private tail = '';
  private readonly items: KeptItem[] = [];
  private isStarted = false;
  private mould: Mould | null = null;
  private showRun: (run: Run) => string = () => '';
  private readonly writer: StreamWriter | null;
  complete = false;

  constructor(private readonly options: RelayOptions) {
    const { client, echo, stream } = options;
    this.writer = client.id === stream.spoken ? null : client.writer(echo);
  }

  /** For a client that went away before anything was read: a generator that never ran has no end of its own. */
  async abandon(): Promise<void> {
    if (this.isStarted) return;
    this.options.stream.body.destroy();
    for (const { events } of this.options.stream.begun) for (const event of events) this.options.tally.note(event);
    await this.charge('canceled', 'client_closed_request');
  }

  async *text(): AsyncGenerator<string, void> {
    this.isStarted = true;
    const { stream } = this.options;
    try {
      let end = this.pass(stream.begun);
      if (end.text !== '') yield end.text;
      while (!end.over) {
        const next = await stream.rest.next();
        if (next.done === true) break;
        end = this.pass(next.value);
        if (end.text !== '') yield end.text;
      }
      if (end.fault) yield await this.failed(new Error(end.fault.message));
      else if (this.finished) yield await this.ended(end.over);
      else yield await this.failed(new ProviderError('unavailable', 'unknown', 'the stream ended early'));
    } catch (error) {
      if (this.options.gone.aborted) return;
      yield await this.failed(error);
    } finally {
      stream.body.destroy();
      if (!this.settled) await this.charge('canceled', 'client_closed_request');
    }
  }

  /** What of these frames goes to the client now. */
  private pass(reads: readonly Read[]): { text: string; over: boolean; fault: StreamFault | null } {
    const { tally } = this.options;
    let text = '';
    for (const read of reads) {
      const { frame, events } = read;
      if (this.options.keep && !this.writer && frame) this.items.push(...keepableOf(frame));
      for (const event of events) {
        tally.note(event);
        if (event.type === 'fault') return { text, over: true, fault: event.fault };
        if (event.type === 'finish') this.finished = true;
      }
      const shown = this.shown(read);
      if (this.finished && !this.hasSeveral) this.tail += shown;
      else text += shown;
      if (events.some(({ type }) => type === 'end')) return { text, over: true, fault: null };
    }
    return { text, over: false, fault: null };
  }

  private shown({ frame, run, events }: Read): string {
    const { client, echo } = this.options;
    if (this.writer) {
      const written = run === null ? events : run.texts.map((text) => ({ type: 'text' as const, text }));
      return written.map((event) => this.writer?.write(event) ?? '').join('');
    }
    if (run === null) return client.relay.frame(frame, echo);
    if (run.mould !== this.mould) {
      this.mould = run.mould;
      this.showRun = showsOf(run.mould, (one) => client.relay.frame(one, echo));
    }
    return this.showRun(run);
  }

  /** With several answers in one stream the first that is finished is not the end. */
  private get hasSeveral(): boolean {
    return (this.options.echo.conversation.n ?? 1) > 1;
  }

  private async ended(saidSo: boolean): Promise<string> {
    const { client, echo } = this.options;
    if (!saidSo)
      this.tail += this.writer ? this.writer.write({ type: 'end' }) : client.relay.frame(END_FRAMES[client.id], echo);
    if (this.writer instanceof ResponsesWriter) this.items.push(...this.writer.items());
    await this.options.keep?.(this.items);
    await this.charge('ok');
    this.complete = true;
    return this.tail;
  }

  private async failed(cause: unknown): Promise<string> {
    const { client, echo, requestId, tally, onBreak } = this.options;
    onBreak(cause);
    const error = ownReason(cause) ?? broken();
    const chargedMicroUsd = this.settled ? null : await this.charge('partial', error.type);
    const writer = this.writer ?? client.writer(echo);
    return writer.fail(error, { requestId, usage: await tally.usage(), chargedMicroUsd });
  }

  private async charge(status: UsageStatus, errorCode?: string): Promise<number | null> {
    this.settled = true;
    return this.options.settle(await this.options.tally.usage(), status, errorCode);
  }
}
