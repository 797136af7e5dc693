import type { JsonValue } from '../../src/common/json.js';
import type { CallbackRequest, MediaTask, ProviderContext } from '../../src/providers/contract.js';
import type { CannedAnswer } from './provider-wire.js';

/** How one wire says what every wire has to say; `src/providers/contract.test.ts` runs them all. `null`: this wire has no such thing. */
interface Common {
  /** Adapter id. */
  provider: string;
  endpoint: string;
  task: Omit<MediaTask, 'jobId' | 'references' | 'options'>;
  /** `POST /path` below the endpoint. */
  submitAt: string;
  invalid: CannedAnswer;
  /** With `retry-after: 30`, or the wire's own word for it; `retryAfterMs: null` where it has none. */
  rateLimited: { answer: CannedAnswer; retryAfterMs: number | null };
  /** A submit that is refused for its content: answers that must be `content_policy`, also those that look like success. */
  blockedAtSubmit: CannedAnswer[];
  /** Other calls that submit or poll make on the way, e.g. for the result of a finished task. */
  also?: Record<string, CannedAnswer>;
  /** 200 answers that promise nothing readable; the usual ones are added. */
  malformed?: string[];
}

/** submit gives a task, polls tell of it. */
export interface TaskSubject extends Common {
  kind: 'task';
  taskId: JsonValue;
  submitted: CannedAnswer;
  pollAt: string;
  pending: { answer: CannedAnswer; progress?: number; started: boolean };
  succeeded: CannedAnswer;
  /** Where the bytes are read from, and what the file is. */
  download: { at: string; answer: CannedAnswer; resumes: boolean; trust: 'endpoint' | 'foreign' };
  /** A finished task whose result was withheld. */
  blocked: CannedAnswer | null;
  failed: CannedAnswer;
  missing: CannedAnswer | null;
  /** A result that the provider says is on another host than usual. */
  elsewhere: { poll: CannedAnswer; at: string } | null;
  cancel: { at: string; canceled: CannedAnswer; tooLate: CannedAnswer } | null;
  callback: CallbackSubject | null;
}

export interface CallbackSubject {
  good: CallbackRequest;
  /** What the context holds for the check: a secret, canned answers for keys. */
  ctx?: Partial<ProviderContext>;
  answers?: Record<string, CannedAnswer>;
  /** What must be refused; empty where the wire signs nothing. */
  forged: Record<string, CallbackRequest>;
}

/** submit takes as long as the work and answers with the bytes. */
export interface SynchronousSubject extends Common {
  kind: 'synchronous';
  succeeded: CannedAnswer;
  /** What was kept of it. */
  kept: { type: 'image' | 'video' | 'audio'; bytes: Buffer }[];
}

export type Subject = TaskSubject | SynchronousSubject;
