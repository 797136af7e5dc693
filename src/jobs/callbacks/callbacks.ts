import { Injectable } from '@nestjs/common';
import { KilnError, notFound } from '../../common/errors.js';
import { ProviderError, type CallbackRequest } from '../../providers/contract.js';
import { Logger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';
import { Doorbell } from '../engine/doorbell.js';
import { ProviderCalls } from '../engine/provider-calls.js';
import { AttemptsRepository } from '../store/attempts.repository.js';
import type { AttemptRow } from '../store/rows.js';
import { CallbackAddresses } from '../engine/callback-addresses.js';

const VERIFY_TIMEOUT_MS = 10_000;

/**
 * Providers' doorbells. A ring makes the engine poll, and that is all it does: what the message says is not read, so a forged,
 * repeated or late one changes nothing. At most one poll a second comes of them per attempt.
 */
@Injectable()
export class Callbacks {
  private readonly counted: ReturnType<Metrics['counter']>;

  constructor(
    private readonly addresses: CallbackAddresses,
    private readonly attempts: AttemptsRepository,
    private readonly calls: ProviderCalls,
    private readonly doorbell: Doorbell,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.counted = metrics.counter('kiln_callbacks_total', 'Callbacks of providers, by what became of them', [
      'provider',
      'outcome',
    ]);
  }

  /** Throws 404 for an address that is none, 401 where the provider's signature is wrong, 503 where it can't be checked now. */
  async ring(provider: string, token: string, request: CallbackRequest): Promise<void> {
    const attemptId = this.addresses.read(provider, token);
    const attempt = attemptId === null ? null : await this.attempts.byId(attemptId);
    if (!attempt || attempt.provider !== provider) throw notFound('callback', 'of this address');
    await this.verify(attempt, request);
    const waitMs = await this.attempts.ring(attempt.id);
    this.counted.inc({ provider, outcome: waitMs === null ? 'ignored' : 'rung' });
    if (waitMs !== null) await this.doorbell.ring(attempt.jobId, waitMs);
  }

  private async verify(attempt: AttemptRow, request: CallbackRequest): Promise<void> {
    const { provider } = attempt;
    try {
      const wrong = await this.calls.call(
        attempt,
        VERIFY_TIMEOUT_MS,
        new AbortController().signal,
        async (adapter, ctx) => (await adapter.verifyCallback?.(request, ctx)) ?? null,
      );
      if (wrong === null) return;
      this.counted.inc({ provider, outcome: 'refused' });
      this.logger.warn({ provider, attempt_id: attempt.id, reason: wrong }, 'a callback was refused');
      throw new KilnError(401, 'authentication_error', "The callback's signature was not accepted.");
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      this.counted.inc({ provider, outcome: 'unchecked' });
      this.logger.warn({ provider, err: error }, 'a callback could not be checked');
      throw new KilnError(503, 'unavailable', 'The callback could not be checked now; send it again.');
    }
  }
}
