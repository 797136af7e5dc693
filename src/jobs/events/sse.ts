import type { ServerResponse } from 'node:http';

/** One server-sent event. Frames without an id repeat nothing and skip nothing on a resume. */
export const frame = (event: string, data: object, id?: number): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/**
 * Writes a stream of events in bounded memory: a reader that is behind gets the next frame only after it took the last, and
 * one that takes nothing for `stallMs` is cut off; it resumes where it was.
 */
export class SseWriter {
  private readonly heartbeat: NodeJS.Timeout;
  private isInFrame = false;

  constructor(
    private readonly out: ServerResponse,
    private readonly times: { heartbeatMs: number; stallMs: number },
  ) {
    this.heartbeat = setInterval(() => {
      if (!out.writableNeedDrain && !this.isInFrame) out.write(': keep-alive\n\n');
    }, times.heartbeatMs);
    out.on('error', () => undefined);
  }

  get isGone(): boolean {
    return this.out.destroyed || this.out.writableEnded;
  }

  onGone(listener: () => void): void {
    this.out.once('close', listener);
  }

  async write(text: string): Promise<void> {
    if (this.isGone || this.out.write(text)) return;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        clearTimeout(stalled);
        this.out.off('drain', settle).off('close', settle);
        resolve();
      };
      const stalled = setTimeout(() => this.out.destroy(), this.times.stallMs);
      this.out.once('drain', settle).once('close', settle);
    });
  }

  /** One frame in pieces, between which no heartbeat falls. A frame that breaks off can't be mended: the reader is cut off. */
  async writeFrame(pieces: AsyncIterable<string>): Promise<void> {
    this.isInFrame = true;
    try {
      for await (const piece of pieces) {
        if (this.isGone) return;
        await this.write(piece);
      }
    } catch (error) {
      this.out.destroy();
      throw error;
    } finally {
      this.isInFrame = false;
    }
  }

  end(): void {
    clearInterval(this.heartbeat);
    this.out.end();
  }
}
