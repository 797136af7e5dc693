import { ProviderError, type TaskState } from '../contract.js';
import { parseBody } from '../exchange.js';
import type { HttpAnswer } from '../http-errors.js';
import { saysNoSuchTask, saysWrongCredential, throwUnlessGood } from './error.js';
import { fromCurrent, fromLegacy } from './result.js';
import { currentTasks, LEGACY_PATHS, legacyQueried, type TaskId } from './wire.js';

/** GET below the endpoint, with the credential. */
export type Get = (path: string) => Promise<HttpAnswer>;

const query = (name: 'task_ids' | 'external_task_ids', id: string): string =>
  `/tasks?${name}=${encodeURIComponent(id)}`;

/** What a task is doing, asked where it was made. */
export async function stateOf(task: TaskId, get: Get, nowMs: number): Promise<TaskState> {
  const answer = await get(
    task.wire === 'current' ? query('task_ids', task.id) : `${task.path}/${encodeURIComponent(task.id)}`,
  );
  if (saysNoSuchTask(answer)) return { state: 'missing' };
  throwUnlessGood(answer, 'reads', nowMs);
  if (task.wire === 'legacy') return fromLegacy(parseBody(legacyQueried, answer.text, 'reads').data);
  const found = parseBody(currentTasks, answer.text, 'reads').data.find(({ id }) => id === task.id);
  return found === undefined ? { state: 'missing' } : fromCurrent(found);
}

/**
 * The task that an external id made, on whichever wire: the token does not tell, and the engine asks only where a submit got
 * no answer. Null only where Kling itself said of every place that there is none; anything less throws. A pair of keys is
 * refused at `/tasks`, so it can have made nothing on the current wire.
 */
export async function findByExternalId(
  token: string,
  get: Get,
  { isKeyPair, nowMs }: { isKeyPair: boolean; nowMs: number },
): Promise<TaskId | null> {
  const current = await get(query('external_task_ids', token));
  if (!saysNoSuchTask(current) && !(isKeyPair && saysWrongCredential(current))) {
    throwUnlessGood(current, 'reads', nowMs);
    const tasks = parseBody(currentTasks, current.text, 'reads').data;
    const found = tasks.find(({ external_id: external }) => external === token || (tasks.length === 1 && !external));
    if (found !== undefined) return { wire: 'current', id: found.id };
    // Something was found that does not say whose it is: neither the task nor a proof of its absence.
    if (tasks.length > 0)
      throw new ProviderError('internal', 'unknown', 'the provider answered with tasks of another external id');
  }
  for (const path of LEGACY_PATHS) {
    const answer = await get(`${path}/${encodeURIComponent(token)}`);
    if (saysNoSuchTask(answer)) continue;
    throwUnlessGood(answer, 'reads', nowMs);
    return { wire: 'legacy', path, id: parseBody(legacyQueried, answer.text, 'reads').data.task_id };
  }
  return null;
}
