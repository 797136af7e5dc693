import type { JobEvent } from './events.js';

const BAR_CHARS = 28;
const REDRAW_MS = 120;
const PRINTED_STEP = 0.05;
/** A guess by the clock never says that it is done. */
const MOST_GUESSED = 0.95;

const LABELS: Record<string, string> = {
  preparing: 'preparing the reference',
  waiting: 'waiting for a slot',
  submitting: 'sending to the provider',
  generating: 'generating',
  storing: 'storing the result',
  processing: 'processing the result',
  succeeded: 'done',
};

/** Draws a job's way on standard error: one line drawn anew on a terminal, a line for every change elsewhere. */
export class ProgressBar {
  private stage = 'preparing';
  private progress: number | null = null;
  private queuePosition: number | null = null;
  /** When the job should be done, by Kiln's ETA. */
  private eta: { endsAt: number; since: number } | null = null;
  private lastLine = '';
  private readonly startedAt = Date.now();
  private readonly timer: NodeJS.Timeout | null;

  constructor(private readonly out: NodeJS.WriteStream) {
    this.timer = out.isTTY ? setInterval(() => this.draw(), REDRAW_MS) : null;
  }

  update({ type, data }: JobEvent): void {
    const stage = data.stage ?? (type === 'job.running' ? 'submitting' : type.replace(/^job\./, ''));
    if (stage in LABELS) this.stage = stage;
    if (data.progress !== undefined) this.progress = data.progress;
    this.queuePosition = this.stage === 'waiting' ? (data.queue_position ?? null) : null;
    if (data.eta_seconds !== undefined) {
      const now = Date.now();
      this.eta = data.eta_seconds === null ? null : { endsAt: now + data.eta_seconds * 1000, since: now };
    }
    this.draw();
  }

  end(): void {
    if (this.timer) {
      clearInterval(this.timer);
      this.out.write('\r\x1b[2K');
    }
  }

  private draw(): void {
    const label =
      (LABELS[this.stage] ?? this.stage) + (this.queuePosition === null ? '' : ` (place ${this.queuePosition})`);
    if (this.out.isTTY) this.redraw(label);
    else this.print(label);
  }

  private redraw(label: string): void {
    const now = Date.now();
    const guessed = this.progress === null && this.eta !== null;
    const fraction = this.progress ?? this.guess(now);
    const elapsed = ((now - this.startedAt) / 1000).toFixed(1);
    const left =
      this.eta && this.eta.endsAt > now ? `, about ${Math.ceil((this.eta.endsAt - now) / 1000)} s to go` : '';
    const line = `  ${bar(fraction)} ${guessed ? '~' : ' '}${percent(fraction).padStart(4)}  ${label}  ${elapsed} s${left}`;
    this.out.write(`\r\x1b[2K${line.slice(0, (this.out.columns || 100) - 1)}`);
  }

  private print(label: string): void {
    const done =
      this.progress === null ? '' : ` ${percent(Math.floor(this.progress / PRINTED_STEP + 1e-9) * PRINTED_STEP)}`;
    const left = this.eta ? `, about ${Math.max(Math.ceil((this.eta.endsAt - Date.now()) / 1000), 1)} s to go` : '';
    const key = label + done;
    if (key !== this.lastLine) this.out.write(`  ${key}${left}\n`);
    this.lastLine = key;
  }

  /** Not every provider tells how far it is; then the time that runs of this model take has to do. */
  private guess(now: number): number {
    if (!this.eta) return 0;
    return Math.min((now - this.startedAt) / Math.max(this.eta.endsAt - this.startedAt, 1), MOST_GUESSED);
  }
}

const percent = (fraction: number): string => `${Math.round(fraction * 100)}%`;

export function bar(fraction: number): string {
  const full = Math.round(Math.min(Math.max(fraction, 0), 1) * BAR_CHARS);
  return '█'.repeat(full) + '░'.repeat(BAR_CHARS - full);
}
