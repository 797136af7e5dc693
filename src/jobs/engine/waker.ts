import { Injectable } from '@nestjs/common';
import { isJobRoute, type RouteBase } from '../../catalog/schema.js';
import { messageOf } from '../../common/errors.js';
import { Logger } from '../../telemetry/logger.js';
import { OpsEvents } from '../../telemetry/ops-events.js';
import { Lanes } from './lanes.js';
import { ProviderCalls } from './provider-calls.js';
import { SyncProbe } from '../../upstreams/sync-probe.js';
import { WarmthRepository, type Waking } from '../../upstreams/warmth.repository.js';

/** An autoscaler's proxy may hold the call until the server is up. */
const PROBE_TIMEOUT_MS = 120_000;

/**
 * Wakes sleeping endpoints: one worker, the holder of the reconciler's lock, asks each whether it is ready, which is what
 * makes an autoscaler start it. Ends when it is, or when it took too long, which ops hear.
 */
@Injectable()
export class Waker {
  private readonly probes = new Map<string, Promise<void>>();
  private readonly stopping = new AbortController();

  constructor(
    private readonly warmth: WarmthRepository,
    private readonly calls: ProviderCalls,
    private readonly syncs: SyncProbe,
    private readonly lanes: Lanes,
    private readonly ops: OpsEvents,
    private readonly logger: Logger,
  ) {}

  /** Starts a probe of each endpoint that is to be woken and has none under way; does not wait for them. */
  async run(): Promise<void> {
    for (const waking of await this.warmth.waking()) {
      if (this.probes.has(waking.endpoint)) continue;
      const probe = this.probe(waking)
        .catch((error: unknown) => this.logger.warn({ err: error }, 'waking failed; it comes round again'))
        .finally(() => this.probes.delete(waking.endpoint));
      this.probes.set(waking.endpoint, probe);
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort(new Error('the worker stops'));
    await Promise.all(this.probes.values());
  }

  private async probe({ endpoint, askedSeconds }: Waking): Promise<void> {
    const routes = this.warmth.routesAt(endpoint);
    const [route] = routes;
    if (!route) {
      await this.warmth.giveUp(endpoint);
      return;
    }
    try {
      const asked = isJobRoute(route)
        ? this.calls.assertReady(route, endpoint, PROBE_TIMEOUT_MS, this.stopping.signal)
        : this.syncs.assertReady(route, endpoint, PROBE_TIMEOUT_MS, this.stopping.signal);
      await asked;
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      const longest = Math.max(...routes.map(({ scaleToZero }) => scaleToZero?.startSeconds ?? 0));
      if (askedSeconds > longest) await this.tooLong(endpoint, route, askedSeconds, messageOf(error));
      return;
    }
    await this.warmth.markReady(endpoint);
    const lanes = [...new Set(routes.filter(isJobRoute).map((one) => one.lane))];
    await this.lanes.rows.hurry(
      lanes,
      routes.map(({ id }) => id),
    );
    for (const lane of lanes) this.lanes.admission.nudge(lane);
  }

  private async tooLong(endpoint: string, route: RouteBase, seconds: number, reason: string): Promise<void> {
    if (!(await this.warmth.giveUp(endpoint))) return;
    await this.ops.tell({
      severity: 'warning',
      type: 'endpoint.cold',
      message: `An endpoint did not wake within ${Math.round(seconds)} s: ${reason.slice(0, 200)}`,
      data: { endpoint, route: route.id },
    });
  }
}
