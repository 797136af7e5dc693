import { EventEmitter } from 'node:events';
import { delay } from '../common/time.js';

/** Tells waiting requests of this process that an upload was decided; in other processes they look at the row. */
export class UploadSignals {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  decided(uploadId: string): void {
    this.emitter.emit(uploadId);
  }

  /** Resolves when it is told, or after `ms`; rejects with the signal's reason. */
  async wait(uploadId: string, ms: number, signal?: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const told = new Promise<void>((resolve) => {
      this.emitter.once(uploadId, resolve);
      stop.signal.addEventListener('abort', () => {
        this.emitter.off(uploadId, resolve);
        resolve();
      });
    });
    const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
    try {
      await Promise.race([
        told,
        delay(ms, either).catch((error: unknown) => {
          if (!stop.signal.aborted) throw error;
        }),
      ]);
    } finally {
      stop.abort();
    }
  }
}
