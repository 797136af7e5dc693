import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

type Labels<L extends string> = Partial<Record<L, string | number>>;

/** Metrics of one process. Names start with `kiln_`, units stand in the name; labels never hold ids. */
export class Metrics {
  private readonly registry = new Registry();

  /** CPU, memory, event-loop lag and garbage collection of this process. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Asking for a name again gives the same metric. */
  counter<L extends string>(
    name: string,
    help: string,
    labels: readonly L[] = [],
  ): { inc(labels?: Labels<L>, by?: number): void } {
    const found = this.registry.getSingleMetric(name) as Counter<L> | undefined;
    const counter = found ?? new Counter<L>({ name, help, labelNames: labels, registers: [this.registry] });
    return { inc: (values = {}, by = 1) => counter.inc(values, by) };
  }

  histogram<L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labels: readonly L[] = [],
  ): { observe(value: number, labels?: Labels<L>): void } {
    const found = this.registry.getSingleMetric(name) as Histogram<L> | undefined;
    const histogram =
      found ?? new Histogram<L>({ name, help, buckets, labelNames: labels, registers: [this.registry] });
    return { observe: (value, values = {}) => histogram.observe(values, value) };
  }

  /** `read` runs at each scrape; a failing one leaves the gauge out of that scrape. */
  gauge<L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
    read: () => Promise<{ labels: Labels<L>; value: number }[]> | { labels: Labels<L>; value: number }[],
  ): void {
    if (this.registry.getSingleMetric(name)) return;
    const options = { name, help, labelNames: labels, registers: [this.registry] };
    const gauge: Gauge<L> = new Gauge<L>({
      ...options,
      collect: async () => {
        gauge.reset();
        try {
          for (const sample of await read()) gauge.set(sample.labels, sample.value);
        } catch {
          gauge.reset();
          // A reset gauge without labels would say 0.
          gauge.remove();
        }
      },
    });
  }

  /** The Prometheus text format and its content type. */
  async scrape(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }
}
