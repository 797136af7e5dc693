import { Inject, Injectable } from '@nestjs/common';
import { EGRESS, type Egress } from '../../egress/egress.js';
import type {
  Adapter,
  Artifact,
  Capabilities,
  Credential,
  ProviderContext,
  Submitted,
  TaskState,
} from '../../providers/contract.js';
import { ProviderError } from '../../providers/contract.js';
import { PROVIDERS } from '../../providers/providers.module.js';
import { randomUUID } from 'node:crypto';
import type { Route } from '../../catalog/schema.js';
import { messageOf } from '../../common/errors.js';
import type { JsonValue } from '../../common/json.js';
import type { AttemptRow } from '../store/rows.js';
import { Outputs } from '../../assets/outputs.js';
import { CallbackAddresses } from './callback-addresses.js';
import { Credentials } from '../../upstreams/credentials.js';
import { StorageHealth } from './storage-health.js';

/** Longest call of a short step; a submit has its route's own limit. */
export const CALL_TIMEOUT_MS = 15_000;

/** What a call needs to know of the attempt it is made for. */
type CallSite = Pick<AttemptRow, 'id' | 'jobId' | 'run' | 'provider' | 'credential' | 'route' | 'endpoint' | 'token'>;

type SynchronousResult = Omit<Extract<TaskState, { state: 'succeeded' }>, 'state'>;

/** Object keys of what a submit kept. */
export const keptKeys = (artifacts: readonly Artifact[] | null): string[] =>
  (artifacts ?? []).flatMap(({ kept }) => (kept === undefined ? [] : [kept]));

/** What is saved as the task of a submit: where the wire is synchronous, the result itself, so that one write makes it safe. */
export function taskIdOf(submitted: Submitted): JsonValue {
  const { taskId, artifacts, upstreamCostMicroUsd } = submitted;
  if (!artifacts) return taskId;
  return { artifacts, ...(upstreamCostMicroUsd === undefined ? {} : { upstreamCostMicroUsd }) } as unknown as JsonValue;
}

/** What calls need beside the wire. */
@Injectable()
export class CallSurroundings {
  constructor(
    readonly credentials: Credentials,
    readonly outputs: Outputs,
    readonly storage: StorageHealth,
    private readonly addresses: CallbackAddresses,
  ) {}

  callback(attempt: CallSite): Pick<ProviderContext, 'callbackUrl' | 'callbackSecret'> {
    return { callbackUrl: this.addresses.of(attempt), callbackSecret: this.credentials.callbackSecretOf(attempt) };
  }
}

/** Calls adapters for attempts: endpoint, credential and token are what the attempt saved, whatever the catalog says now. */
@Injectable()
export class ProviderCalls {
  constructor(
    @Inject(PROVIDERS) private readonly adapters: ReadonlyMap<string, Adapter>,
    @Inject(EGRESS) private readonly egress: Egress,
    private readonly around: CallSurroundings,
  ) {}

  adapter(attempt: Pick<AttemptRow, 'provider'>): Adapter {
    const adapter = this.adapters.get(attempt.provider);
    if (!adapter)
      throw new ProviderError('unavailable', 'rejected', `No adapter '${attempt.provider}' in this version.`);
    return adapter;
  }

  /** What the attempt's route can do. */
  can(attempt: Pick<AttemptRow, 'provider' | 'route'>): Capabilities {
    return this.adapter(attempt).can(attempt.route.settings);
  }

  /** `claimToken`: whose answer may hold bytes to keep. */
  context(attempt: CallSite, signal: AbortSignal, claimToken?: string): ProviderContext {
    const origin = new URL(attempt.endpoint).origin;
    return {
      endpoint: attempt.endpoint,
      credential: this.credential(attempt),
      token: attempt.token,
      signal,
      now: () => Date.now(),
      ...(this.can(attempt).callback ? this.around.callback(attempt) : {}),
      fetch: (url, options) => this.egress.configured(url, { signal, ...options }),
      fetchForeign: (url, options) =>
        new URL(url).origin === origin
          ? this.egress.configured(url, { signal, ...options })
          : this.egress.foreign(url, { signal, ...options }),
      keep: async (artifact, body) => {
        if (claimToken === undefined) throw new Error('only a submit keeps what its answer holds');
        const at = { jobId: attempt.jobId, run: attempt.run, claimToken };
        const kept = await this.around.outputs.keep(at, body, signal, () => this.around.storage.check());
        return { ...artifact, source: null, kept };
      },
    };
  }

  private credential(attempt: CallSite): Credential | null {
    const held = this.around.credentials.of(attempt);
    if (held?.kind === 'aws') throw new ProviderError('auth', 'rejected', 'no media wire signs with AWS keys');
    return held;
  }

  /** What became of the attempt's task. A synchronous wire has none to ask about: its result was saved as the task. */
  async poll(attempt: AttemptRow, signal: AbortSignal): Promise<TaskState> {
    const { taskId } = attempt;
    if (taskId === null) throw new Error('an attempt without a task was polled');
    if (attempt.route.synchronous) return { state: 'succeeded', ...(taskId as unknown as SynchronousResult) };
    return this.call(attempt, CALL_TIMEOUT_MS, signal, (adapter, ctx) => adapter.poll(taskId, ctx));
  }

  /** Undefined where the attempt's wire can't stop what runs. */
  async cancel(
    attempt: AttemptRow,
    taskId: JsonValue,
    signal: AbortSignal,
  ): Promise<'canceled' | 'too_late' | undefined> {
    if (!this.can(attempt).cancel) return undefined;
    return this.call(attempt, CALL_TIMEOUT_MS, signal, async (adapter, ctx) => adapter.cancel?.(taskId, ctx));
  }

  /** Throws ProviderError while the endpoint can't take work. Adapters that can't tell let it pass. */
  async assertReady(route: Route, endpoint: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { provider, credential } = route;
    const site: CallSite = { id: '', jobId: '', run: 0, provider, credential, route, endpoint, token: randomUUID() };
    await this.call(site, timeoutMs, signal, async (adapter, ctx) => adapter.load?.(ctx));
  }

  /** Runs one call with a time limit. What an adapter throws that is no ProviderError is its bug: outcome unknown. */
  async call<T>(
    attempt: CallSite,
    timeoutMs: number,
    signal: AbortSignal,
    fn: (adapter: Adapter, ctx: ProviderContext) => Promise<T>,
    claimToken?: string,
  ): Promise<T> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      return await fn(this.adapter(attempt), this.context(attempt, limited, claimToken));
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
