import { Injectable } from '@nestjs/common';
import { OpsEvents } from '../../telemetry/ops-events.js';
import type { AttemptRow, JobError } from '../store/rows.js';
import type { Claim } from './claims.repository.js';
import { Outcomes } from './outcome.js';
import type { Next } from './step.js';

/** How a bought result can be lost, and what its client is told. */
const SHOWN = {
  expired: ['result_expired', 'The provider made a result, but its link no longer works.', true],
  blocked: ['invalid_result', "The provider's result link points to an address that is not allowed.", true],
  too_large: ['result_too_large', 'The result is larger than this service stores.', false],
  not_media: ['invalid_result', 'The provider answered with something that is not media.', true],
  unreachable: ['result_unreachable', 'The provider made a result, but it could not be downloaded.', true],
  gone: ['result_lost', 'The stored result is gone from the object store.', true],
} as const satisfies Record<string, readonly [code: string, message: string, retryable: boolean]>;

/** The upstream was paid and the client gets nothing: the platform bears it, and ops hear of it. */
@Injectable()
export class LostResults {
  constructor(
    private readonly outcomes: Outcomes,
    private readonly ops: OpsEvents,
  ) {}

  /** `detail` is for ops only. */
  async giveUp(claim: Claim, attempt: AttemptRow | undefined, how: keyof typeof SHOWN, detail: string): Promise<Next> {
    const { job, token } = claim;
    const [code, message, retryable] = SHOWN[how];
    const error: JobError = { code, message, param: null, retryable };
    const ended = await this.outcomes.end({ jobId: job.id, transition: 'failed', claimToken: token, error });
    // Someone else moved the job meanwhile: whether its result is lost is theirs to say.
    if (ended === null) return 'idle';
    await this.ops.tell({
      severity: 'critical',
      type: 'result.lost',
      message: `A bought result could not be stored (${code}): ${detail.slice(0, 300)}`,
      data: { job_id: job.id, attempt_id: attempt?.id ?? null, route: attempt?.route.id ?? null },
    });
    return 'idle';
  }
}
