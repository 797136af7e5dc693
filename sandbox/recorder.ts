import { isBase64 } from './base64.js';
import type { Provider } from './faults.js';

export type SubmitOutcome = 'accepted' | 'refused' | 'unanswered';

export interface RecordedSubmit {
  provider: Provider;
  at: string;
  path: string;
  outcome: SubmitOutcome;
  /** The fault that shaped the answer, if one did. */
  fault: string | null;
  /** The id the work got, when it was accepted. */
  taskId: string | null;
  body: unknown;
}

const MAX_KEPT = 2_000;
const LONG_TEXT = 512;

/** Copies JSON with every base64 payload replaced by its length. */
export function elideBase64(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.length > LONG_TEXT && isBase64(value) ? `<base64, ${value.length} characters>` : value;
  }
  if (Array.isArray(value)) return value.map(elideBase64);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, elideBase64(entry)]));
  }
  return value;
}

/** Remembers the newest submits, and counts everything, so that a test can prove "submitted exactly once". */
export class Recorder {
  private submits: RecordedSubmit[] = [];
  private readonly counters = new Map<string, number>();

  submit(entry: Omit<RecordedSubmit, 'at'>): void {
    this.submits.push({ ...entry, at: new Date().toISOString(), body: elideBase64(entry.body) });
    if (this.submits.length > MAX_KEPT * 2) this.submits = this.submits.slice(-MAX_KEPT);
    this.count(entry.provider, `submits_${entry.outcome}`);
  }

  count(provider: Provider, what: string): void {
    const key = `${provider}.${what}`;
    this.counters.set(key, (this.counters.get(key) ?? 0) + 1);
  }

  /** Submits in order of arrival; `contains` is looked for in the body as JSON. */
  requests(filter: { provider?: Provider; contains?: string } = {}): RecordedSubmit[] {
    return this.submits.filter(
      (entry) =>
        (filter.provider === undefined || entry.provider === filter.provider) &&
        (filter.contains === undefined || JSON.stringify(entry.body).includes(filter.contains)),
    );
  }

  /** e.g. `{submits_accepted: 1, polls: 4, downloads: 1}`. */
  counts(provider: Provider): Record<string, number> {
    const prefix = `${provider}.`;
    return Object.fromEntries(
      [...this.counters]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, count]) => [key.slice(prefix.length), count]),
    );
  }

  clear(): void {
    this.submits = [];
    this.counters.clear();
  }
}
