import { Injectable } from '@nestjs/common';
import { ShortCache } from '../keys/short-cache.js';
import { ProgressListenersRepository } from './progress-listeners.repository.js';

const STALE_MS = 2000;

/** Asked for every step of every job's progress, so all keys are read at once, and remembered for a moment. */
@Injectable()
export class ProgressListeners {
  private readonly cache = new ShortCache<Set<string>>(STALE_MS, 1);

  constructor(private readonly rows: ProgressListenersRepository) {}

  /** Whether an endpoint of the key wants progress, as of at most 2 s ago. */
  async areAny(keyId: string): Promise<boolean> {
    const keys = await this.cache.get('all', () => this.rows.keys());
    return keys?.has(keyId) ?? false;
  }
}
