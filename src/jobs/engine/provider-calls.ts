import { Inject, Injectable } from '@nestjs/common';
import { EGRESS, type Egress } from '../../egress/egress.js';
import type { Adapter, ProviderContext } from '../../providers/contract.js';
import { ProviderError } from '../../providers/contract.js';
import { PROVIDERS } from '../../providers/providers.module.js';
import { messageOf } from '../../common/errors.js';
import type { AttemptRow } from '../store/rows.js';
import { Credentials } from './credentials.js';

/** Longest call of a short step; a submit has its route's own limit. */
export const CALL_TIMEOUT_MS = 15_000;

/** Calls adapters for attempts: endpoint, credential and token are what the attempt saved, whatever the catalog says now. */
@Injectable()
export class ProviderCalls {
  constructor(
    @Inject(PROVIDERS) private readonly adapters: ReadonlyMap<string, Adapter>,
    @Inject(EGRESS) private readonly egress: Egress,
    private readonly credentials: Credentials,
  ) {}

  adapter(attempt: Pick<AttemptRow, 'provider'>): Adapter {
    const adapter = this.adapters.get(attempt.provider);
    if (!adapter)
      throw new ProviderError('unavailable', 'rejected', `No adapter '${attempt.provider}' in this version.`);
    return adapter;
  }

  context(attempt: AttemptRow, signal: AbortSignal): ProviderContext {
    const origin = new URL(attempt.endpoint).origin;
    return {
      endpoint: attempt.endpoint,
      credential: this.credentials.of(attempt),
      token: attempt.token,
      signal,
      now: () => Date.now(),
      fetch: (url, options) => this.egress.configured(url, { signal, ...options }),
      fetchForeign: (url, options) =>
        new URL(url).origin === origin
          ? this.egress.configured(url, { signal, ...options })
          : this.egress.foreign(url, { signal, ...options }),
    };
  }

  /** Runs one call with a time limit. What an adapter throws that is no ProviderError is its bug: outcome unknown. */
  async call<T>(
    attempt: AttemptRow,
    timeoutMs: number,
    signal: AbortSignal,
    fn: (adapter: Adapter, ctx: ProviderContext) => Promise<T>,
  ): Promise<T> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      return await fn(this.adapter(attempt), this.context(attempt, limited));
    } catch (error) {
      // Our own stop says nothing about the provider: adapters tell it as a timeout.
      if (signal.aborted)
        throw signal.reason instanceof Error ? signal.reason : new Error('the step was stopped', { cause: error });
      if (error instanceof ProviderError) throw error;
      if (limited.aborted)
        throw new ProviderError('timeout', 'unknown', `No answer within ${timeoutMs} ms.`, { cause: error });
      throw new ProviderError('internal', 'unknown', messageOf(error), { cause: error });
    }
  }
}
