import { Injectable } from '@nestjs/common';
import { unavailable } from '../../common/errors.js';

/** Requests to upstreams that are under way, so that a stopping process can wait for them and then end them properly. */
@Injectable()
export class InFlight {
  private readonly running = new Set<AbortController>();
  private whenIdle: (() => void) | null = null;

  /** Until the returned function is called, `stop` aborts the controller. */
  enter(controller: AbortController): () => void {
    this.running.add(controller);
    return () => {
      this.running.delete(controller);
      if (this.running.size === 0) this.whenIdle?.();
    };
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    if (this.running.size > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }

  /** Ends what is still under way: a stream by its API's error event, anything else with 503. */
  stop(): void {
    for (const controller of this.running) controller.abort(unavailable('The server is stopping; ask again.', 1));
  }
}
