import { Injectable } from '@nestjs/common';
import { conflict, invalidRequest, type KilnError, notFound } from '../common/errors.js';
import { SECOND_MS } from '../common/time.js';
import type { RedeliverBody } from './delivery-bodies.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { PROGRESS_EVENT } from './progress-event.js';
import {
  type Hindrance,
  RedeliveriesRepository,
  type RedeliveryFilter,
  type Restarted,
} from './redeliveries.repository.js';
import { Rings } from './rings.js';

const BATCH = 500;
/** Between two messages: a receiver that has just come back gets 50 a second. */
const GAP_MS = 20;
const MAX_COUNTED = 10_000;

/** What a bulk redelivery does. */
export interface RedeliveryView {
  object: 'webhook_redelivery';
  /** Messages that go out again. */
  count: number;
  /** Within so many seconds, evenly. */
  spread_seconds: number;
  /** Left out, since their endpoint is disabled or deleted; counted up to 10,000. */
  skipped: number;
  has_more: boolean;
  /** `since` of the next call, where there is more. */
  next_since: string | null;
}

/** Sending messages once more: one, or many since a time. */
@Injectable()
export class Redeliveries {
  constructor(
    private readonly redeliveries: RedeliveriesRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly rings: Rings,
  ) {}

  /** Whatever became of it before. Throws 404, and 409 where nobody would listen or the message is superseded. */
  async one(keyId: string, id: string): Promise<void> {
    const ring = await this.redeliveries.restart(keyId, id);
    if (ring !== null) return this.rings.ring([ring]);
    const hindrance = await this.redeliveries.hindrance(keyId, id);
    throw hindrance === null ? notFound('webhook delivery', id) : refusal(hindrance);
  }

  /** Oldest first, in bounded batches, spread over time. Throws 404 for another key's endpoint. */
  async many(keyId: string | null, body: RedeliverBody): Promise<RedeliveryView> {
    const filter = filterOf(keyId, body);
    const { endpointId } = filter;
    if (keyId !== null && endpointId !== undefined && !(await this.deliveries.endpointExists(keyId, endpointId)))
      throw notFound('webhook endpoint', endpointId);
    const { count, last } = await this.restart(filter, body.limit);
    const hasMore = count >= body.limit && (await this.redeliveries.areMore(filter, last?.id ?? null));
    return {
      object: 'webhook_redelivery',
      count,
      spread_seconds: Math.ceil((count * GAP_MS) / SECOND_MS),
      skipped: await this.redeliveries.countUnheard(filter, MAX_COUNTED),
      has_more: hasMore,
      next_since: hasMore ? (last?.createdAt.toISOString() ?? null) : null,
    };
  }

  /** At most `limit`; the last is the one written last. */
  private async restart(
    filter: RedeliveryFilter,
    limit: number,
  ): Promise<{ count: number; last: Restarted | undefined }> {
    let count = 0;
    let last: Restarted | undefined;
    for (;;) {
      const size = Math.min(BATCH, limit - count);
      if (size === 0) return { count, last };
      const batch = { after: last?.id ?? null, limit: size, fromMs: count * GAP_MS, gapMs: GAP_MS };
      const restarted: Restarted[] = await this.redeliveries.restartMany(filter, batch);
      await this.rings.ring(restarted);
      count += restarted.length;
      last = restarted.at(-1) ?? last;
      if (restarted.length < size) return { count, last };
    }
  }
}

function filterOf(keyId: string | null, body: RedeliverBody): RedeliveryFilter {
  const { endpoint_id: endpointId, status, event } = body;
  const since = new Date(body.since);
  const until = body.until === undefined ? undefined : new Date(body.until);
  if (until !== undefined && until <= since)
    throw invalidRequest(`'until' is ${body.until}: it must be later than 'since', ${body.since}.`, 'until');
  if (event === PROGRESS_EVENT)
    throw invalidRequest(`'event' is ${PROGRESS_EVENT}: progress is not sent again; the job has it.`, 'event');
  return { keyId, since, until, endpointId, status, event };
}

function refusal({ event, endpointId, disabledAt, disabledReason, deletedAt }: Hindrance): KilnError {
  if (event === PROGRESS_EVENT) return conflict('Progress is not sent again: the job itself says how far it is.');
  if (disabledAt !== null && deletedAt === null)
    return conflict(
      `The endpoint ${endpointId} is disabled (${disabledReason ?? 'owner'}) since ${disabledAt.toISOString()}; enable it first.`,
    );
  return conflict(`The endpoint ${endpointId} was deleted.`);
}
