import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { NO_BOUND } from '../../billing/usage-price.js';
import { KilnError } from '../../common/errors.js';
import { ProviderError } from '../../providers/contract.js';
import { syncAdapters } from '../../providers/sync/registry.js';
import { DIALECTS } from '../dialects/index.js';
import { Failover } from '../router/failover.js';
import { SyncPlans } from '../router/plans.js';
import { GatewayRequests } from '../router/requests.js';
import type { SyncWork } from '../router/work.js';
import { wholeJson } from './open-text.js';
import type { TextRequest } from './text-gateway.js';
import { conversationTokens } from './tokens.js';

const counted = z.object({ input_tokens: z.int().min(0) });
/** Longest wait for a count, which an agent makes in passing. */
const DEADLINE_MS = 15_000;

/** Counts a prompt's tokens, which costs nothing: by the provider where a route can, else by Kiln's own estimate. */
@Injectable()
export class TokenCounts {
  constructor(
    private readonly requests: GatewayRequests,
    private readonly plans: SyncPlans,
    private readonly failover: Failover,
  ) {}

  async count(text: TextRequest): Promise<{ input_tokens: number }> {
    const found = this.requests.start(text, 'messages', 'text');
    const { model: _alias, ...body } = found.body;
    // Counting needs no limit of the answer, which the request itself would.
    const conversation = DIALECTS.messages.parse({ max_tokens: 1, ...found.body });
    const work: SyncWork = {
      ...found,
      model: { ...found.model, deadlineMs: DEADLINE_MS },
      key: text.key,
      streamed: false,
      aside: true,
      bound: () => NO_BOUND,
      lacking: (route) =>
        syncAdapters.get(route.provider)?.kinds(route.settings).includes('count_tokens')
          ? []
          : ['the route counts no tokens'],
      call: () => ({ kind: 'count_tokens', stream: false, body, anthropic: text.anthropic }),
    };
    const routes = await this.plans.routes(work).catch(() => []);
    try {
      if (routes.length === 0) return { input_tokens: await conversationTokens(conversation) };
      const { answer } = await this.failover.run(work, routes, async (response) => {
        const said = counted.safeParse(await wholeJson(response));
        if (!said.success) throw new ProviderError('internal', 'rejected', 'the answer holds no count');
        return said.data;
      });
      return { input_tokens: answer.input_tokens };
    } catch (error) {
      // What is wrong with the request is said; what is wrong with the providers does not keep an agent from counting.
      if (error instanceof KilnError && error.status < 429) throw error;
      return { input_tokens: await conversationTokens(conversation) };
    }
  }
}
