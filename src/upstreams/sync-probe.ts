import { Inject, Injectable } from '@nestjs/common';
import type { RouteBase } from '../catalog/schema.js';
import { EGRESS, type Egress } from '../egress/egress.js';
import { ProviderError } from '../providers/contract.js';
import { fromTransport } from '../providers/http-errors.js';
import { keyOf } from '../providers/sync/send.js';
import { Credentials } from './credentials.js';

/** What proxies in front of a pod that is not there answer: KEDA and Knative hold the request, then say one of these. */
export const ASLEEP: readonly number[] = [502, 503, 504];

/** Asks a synchronous endpoint whether it is up: by its list of models, which every server of these wires has. */
@Injectable()
export class SyncProbe {
  constructor(
    @Inject(EGRESS) private readonly egress: Egress,
    private readonly credentials: Credentials,
  ) {}

  /** Throws ProviderError while it is not. An answer of any other kind comes from the server itself. */
  async assertReady(
    route: Pick<RouteBase, 'credential' | 'sandbox'>,
    endpoint: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const key = keyOf(this.credentials.of({ credential: route.credential, route }));
    const headers: Record<string, string> = key === null ? {} : { authorization: `Bearer ${key}` };
    const answer = await this.egress
      .configured(`${endpoint}/models`, { headers, timeoutMs, signal })
      .catch((error: unknown) => {
        throw fromTransport(error, 'reads');
      });
    await answer.discard();
    if (ASLEEP.includes(answer.status))
      throw new ProviderError('unavailable', 'rejected', `HTTP ${answer.status}`, { upstreamStatus: answer.status });
  }
}
