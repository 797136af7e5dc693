import { MICRO_USD } from '../../common/money.js';
import { ProviderError, type Artifact, type TaskState } from '../contract.js';
import { runError } from './error.js';
import type { Billing, CurrentTask, LegacyTask } from './wire.js';

/** Both generations' words, and spellings that other versions of the same interface have used. */
const WAITING: ReadonlySet<string> = new Set(['submitted', 'queued', 'queueing', 'pending']);
const RUNNING: ReadonlySet<string> = new Set(['processing', 'running', 'in_progress']);
const DONE: ReadonlySet<string> = new Set(['succeed', 'succeeded', 'success', 'completed']);
const FAILED: ReadonlySet<string> = new Set(['failed', 'fail', 'error', 'cancelled', 'canceled', 'expired', 'timeout']);

/** Decimal dollars as text → whole micro-USD; undefined where that is not exact. */
function microUsd(amount: string): number | undefined {
  const [, whole = '', fraction = ''] = /^(\d{1,9})(?:\.(\d*))?$/.exec(amount.trim()) ?? [];
  const digits = fraction.replace(/0+$/, '');
  if (whole === '' || digits.length > 6) return undefined;
  return Number(whole) * MICRO_USD + Number(digits.padEnd(6, '0'));
}

/** What was taken in US dollars. Units of a prepaid package and other currencies have no exact price in dollars. */
export function costOf(billing: readonly Billing[] | null | undefined): number | undefined {
  if (!billing || billing.length === 0) return undefined;
  const amounts = billing.map(({ charge_type: type, currency, amount }) =>
    type === 'cash' && currency === 'USD' && amount ? microUsd(amount) : undefined,
  );
  return amounts.reduce((sum, amount) => (sum === undefined || amount === undefined ? undefined : sum + amount), 0);
}

function stateOf(
  status: string,
  message: string | null | undefined,
  urls: readonly string[],
  cost: number | undefined,
): TaskState {
  const word = status.toLowerCase();
  if (WAITING.has(word)) return { state: 'pending', started: false };
  if (RUNNING.has(word)) return { state: 'pending', started: true };
  if (FAILED.has(word)) return { state: 'failed', error: runError(message || `the task is ${word}`, cost) };
  // A word of tomorrow says nothing of the run: asking again costs nothing, giving up would.
  if (!DONE.has(word)) throw new ProviderError('internal', 'unknown', `unknown task status ${word.slice(0, 40)}`);
  const artifacts = urls.map((url): Artifact => ({ type: 'video', contentType: 'video/mp4', source: { url } }));
  if (artifacts.length === 0)
    return { state: 'failed', error: new ProviderError('internal', 'unknown', 'the task ended without a video') };
  return { state: 'succeeded', artifacts, ...(cost !== undefined && { upstreamCostMicroUsd: cost }) };
}

/** One entry of GET /tasks. */
export const fromCurrent = (task: CurrentTask): TaskState =>
  stateOf(
    task.status,
    task.message,
    (task.outputs ?? []).flatMap(({ type, url }) => (type === 'video' && url ? [url] : [])),
    costOf(task.billing),
  );

/** The legacy wire tells its price in units of a package, which are no dollars. */
export const fromLegacy = (task: LegacyTask): TaskState =>
  stateOf(
    task.task_status,
    task.task_status_msg,
    (task.task_result?.videos ?? []).flatMap(({ url }) => (url ? [url] : [])),
    undefined,
  );
