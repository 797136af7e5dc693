import { Injectable } from '@nestjs/common';
import type { UsageStatus } from '../../billing/usage.js';
import { Metrics } from '../../telemetry/metrics.js';

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** What the gateway did, by route: counted where it is billed, and where a route failed. */
@Injectable()
export class GatewayMetrics {
  private readonly requests;
  private readonly failures;
  private readonly firstByte;

  constructor(metrics: Metrics) {
    this.requests = metrics.counter('kiln_gateway_requests_total', 'Requests of the gateway, by how they ended', [
      'endpoint',
      'route',
      'status',
    ]);
    this.failures = metrics.counter('kiln_gateway_route_failures_total', 'Routes that were asked and did not answer', [
      'route',
      'kind',
    ]);
    this.firstByte = metrics.histogram(
      'kiln_gateway_first_byte_seconds',
      'From a request to the first content of its answer, failed routes included',
      SECONDS,
      ['route'],
    );
  }

  ended(endpoint: string, route: string | null, status: UsageStatus, ttfbMs: number | null): void {
    this.requests.inc({ endpoint, route: route ?? 'none', status });
    if (route !== null && ttfbMs !== null) this.firstByte.observe(ttfbMs / 1000, { route });
  }

  failed(route: string, kind: string): void {
    this.failures.inc({ route, kind });
  }
}
