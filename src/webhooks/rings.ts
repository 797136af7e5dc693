import { Injectable } from '@nestjs/common';
import { Enqueue } from '../queue/enqueue.js';

/** Which message is a delivery's live one. */
export interface Ring {
  id: string;
  tick: number;
  /** Milliseconds until there is something to do. */
  delayMs?: number;
}

/** Puts deliveries on the queue, after the commit; what gets lost there is found again as overdue. */
@Injectable()
export class Rings {
  constructor(private readonly queue: Enqueue) {}

  async ring(rings: readonly Ring[]): Promise<void> {
    await Promise.all(
      rings.map(({ id, tick, delayMs }) =>
        this.queue.enqueue('webhook', `${id}-${tick}`, { deliveryId: id, n: tick }, { delayMs }),
      ),
    );
  }
}
