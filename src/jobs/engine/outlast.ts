import { delay } from '../../common/time.js';
import { isDatabaseDown } from '../../database/connection.js';

const FIRST_WAIT_MS = 50;
const MAX_WAIT_MS = 2000;

/**
 * Repeats `write` for as long as the database is away: what a provider just answered exists nowhere else. `write` must bear
 * being run twice, since a lost connection does not say whether it committed.
 */
export async function outlast<T>(write: () => Promise<T>, stopping: AbortSignal): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
    try {
      return await write();
    } catch (error) {
      if (!isDatabaseDown(error) || stopping.aborted) throw error;
      await delay(waitMs, stopping);
    }
  }
}
