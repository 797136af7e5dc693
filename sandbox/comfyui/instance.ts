import type { SandboxContext } from '../context.js';
import { graphFingerprint } from './evaluate.js';
import { ComfyFiles } from './files.js';
import { Interrupted, Lost, Run } from './run.js';
import type { ComfyEvent, HistoryEntry, LastRun, Listener, QueueItem } from './types.js';

const MAX_HISTORY = 10_000;
/** One ComfyUI server: a queue, one prompt at a time, a history in memory. */
export class ComfyInstance {
  readonly files: ComfyFiles;
  readonly listeners = new Set<Listener>();
  /** Called on restart: every socket is cut. */
  readonly onRestart = new Set<() => void>();
  pending: QueueItem[] = [];
  running: QueueItem | null = null;
  history = new Map<string, HistoryEntry>();
  private counter = 0;
  private abort: AbortController | null = null;
  private executingNode: { node: string; clientId: string | null } | null = null;
  private lastRun: LastRun | null = null;

  constructor(private readonly context: SandboxContext) {
    this.files = new ComfyFiles(context.studio);
  }

  get queueRemaining(): number {
    return this.pending.length + (this.running === null ? 0 : 1);
  }

  nextNumber(front: boolean): number {
    const number = front ? -this.counter : this.counter;
    this.counter += 1;
    return number;
  }

  enqueue(item: QueueItem): void {
    this.pending.push(item);
    this.pending.sort((left, right) => left.number - right.number);
    this.announceQueue();
    this.next();
  }

  /** Removes pending prompts; with no ids, all of them. */
  dequeue(ids: string[] | null): number {
    const before = this.pending.length;
    this.pending = ids === null ? [] : this.pending.filter((item) => !ids.includes(item.promptId));
    if (this.pending.length !== before) this.announceQueue();
    return before - this.pending.length;
  }

  /** Stops what runs, if it is `promptId` or that is null. */
  interrupt(promptId: string | null): boolean {
    if (this.running === null || (promptId !== null && this.running.promptId !== promptId)) return false;
    this.abort?.abort(new Interrupted());
    return true;
  }

  cancel(promptId: string): boolean {
    return this.dequeue([promptId]) > 0 || this.interrupt(promptId);
  }

  /** Queue, running prompt and history are gone; files stay. */
  restart(): void {
    this.pending = [];
    this.history = new Map();
    this.lastRun = null;
    this.counter = 0;
    this.abort?.abort(new Lost());
    this.abort = null;
    this.running = null;
    this.executingNode = null;
    for (const cut of this.onRestart) cut();
  }

  /** What a socket that reconnects with the running prompt's id is told again. */
  executingFor(clientId: string): string | null {
    return this.executingNode?.clientId === clientId ? this.executingNode.node : null;
  }

  announceQueue(): void {
    this.emit({ type: 'status', data: { status: { exec_info: { queue_remaining: this.queueRemaining } } } }, null);
  }

  private emit(event: ComfyEvent, clientId: string | null): void {
    for (const listener of this.listeners) listener(event, clientId);
  }

  private next(): void {
    if (this.running !== null) return;
    const item = this.pending.shift();
    if (item !== undefined) void this.execute(item);
  }

  private async execute(item: QueueItem): Promise<void> {
    const abort = new AbortController();
    this.running = item;
    this.abort = abort;
    const run = new Run(this.context, this.files, item, abort.signal, {
      emit: (event) => this.emit(event, item.clientId),
      onNode: (node) => {
        this.executingNode = { node, clientId: item.clientId };
      },
    });
    const entry = await run.execute(this.lastRun);
    // After a restart this run belongs to a server that is no more.
    if (this.abort !== abort) return;
    this.abort = null;
    this.running = null;
    this.executingNode = null;
    if (entry !== null) this.finish(entry);
    const data = { node: null, display_node: null, prompt_id: item.promptId };
    this.emit({ type: 'executing', data }, item.clientId);
    this.announceQueue();
    this.next();
  }

  private finish(entry: HistoryEntry): void {
    this.history.delete(entry.item.promptId);
    this.history.set(entry.item.promptId, entry);
    if (this.history.size > MAX_HISTORY) this.history.delete(this.history.keys().next().value ?? '');
    if (entry.status.status_str === 'success')
      this.lastRun = { fingerprint: graphFingerprint(entry.item.graph), outputs: entry.outputs };
  }
}
