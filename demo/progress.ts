import type { JobEvent } from './events.js';

const BAR_CHARS = 28;
const REDRAW_MS = 120;
const STEP = 0.05;

/** Where the job is, as it is shown. */
interface Shown {
  stage: string;
  progress: number | null;
  queuePosition: number | null;
  etaSeconds: number | null;
}

const LABELS: Record<string, string> = {
  preparing: 'preparing the reference',
  waiting: 'waiting for a slot',
  submitting: 'sending to the provider',
  generating: 'generating',
  storing: 'storing the result',
  processing: 'poster and preview',
};

/** Draws a job's way on standard error: one line drawn anew on a terminal, a line for every change elsewhere. */
export class ProgressBar {
  private shown: Shown = { stage: 'preparing', progress: null, queuePosition: null, etaSeconds: null };
  private etaAt = Date.now();
  private lastLine = '';
  private readonly startedAt = Date.now();
  private readonly timer: NodeJS.Timeout | null;

  constructor(private readonly out: NodeJS.WriteStream) {
    this.timer = out.isTTY ? setInterval(() => this.draw(), REDRAW_MS) : null;
  }

  update({ type, data }: JobEvent): void {
    if (type === 'job.progress') {
      this.shown = { ...this.shown, progress: data.progress ?? this.shown.progress };
    } else if (type === 'snapshot') {
      this.shown = {
        stage: data.stage ?? this.shown.stage,
        progress: data.progress ?? null,
        queuePosition: data.queue_position ?? null,
        etaSeconds: null,
      };
    } else {
      const stage = type === 'job.running' ? 'submitting' : type.replace(/^job\./, '');
      if (stage in LABELS) this.shown = { ...this.shown, stage, queuePosition: null };
    }
    if (data.eta_seconds !== undefined) {
      this.shown.etaSeconds = data.eta_seconds;
      this.etaAt = Date.now();
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
    const { stage, progress, queuePosition } = this.shown;
    const label = LABELS[stage] ?? stage;
    const queue = queuePosition === null ? '' : ` (place ${queuePosition})`;
    if (!this.out.isTTY) {
      const line = progressLine(label + queue, progress === null ? null : Math.floor(progress / STEP) * STEP);
      if (line !== this.lastLine) this.out.write(`  ${line}\n`);
      this.lastLine = line;
      return;
    }
    const elapsed = ((Date.now() - this.startedAt) / 1000).toFixed(1);
    const eta = this.etaSeconds();
    const left = eta === null ? '' : `, about ${eta} s to go`;
    const line = `  ${bar(progress)} ${percent(progress)}  ${label}${queue}  ${elapsed} s${left}`;
    this.out.write(`\r\x1b[2K${line.slice(0, (this.out.columns || 100) - 1)}`);
  }

  private etaSeconds(): number | null {
    if (this.shown.etaSeconds === null) return null;
    return Math.max(Math.ceil(this.shown.etaSeconds - (Date.now() - this.etaAt) / 1000), 1);
  }
}

const percent = (progress: number | null): string => `${Math.round((progress ?? 0) * 100)}%`.padStart(4);

export const progressLine = (label: string, progress: number | null): string =>
  progress === null ? label : `${label} ${percent(progress).trim()}`;

export function bar(progress: number | null): string {
  const full = Math.round((progress ?? 0) * BAR_CHARS);
  return '█'.repeat(full) + '░'.repeat(BAR_CHARS - full);
}
