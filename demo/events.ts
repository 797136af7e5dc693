import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, KilnApi } from './api.js';

const RECONNECT_MS = 500;
const TERMINAL = ['job.succeeded', 'job.failed', 'job.canceled'];

export interface JobEvent {
  /** `snapshot`, `job.progress` or the move it tells of, such as `job.generating`. */
  type: string;
  data: Partial<Job> & { at?: string };
}

/**
 * Every event of a job from its first to its terminal one. A connection that breaks is taken up after the last event that
 * arrived, as EventSource in a browser does.
 */
export async function* followJob(api: KilnApi, id: string): AsyncGenerator<JobEvent> {
  let lastEventId = '0';
  for (;;) {
    const stream = await api.events(id, lastEventId);
    if (stream === null) return;
    for await (const frame of frames(stream)) {
      if (frame.id !== undefined) lastEventId = frame.id;
      yield { type: frame.event, data: JSON.parse(frame.data) as JobEvent['data'] };
      if (TERMINAL.includes(frame.event)) return;
    }
    await sleep(RECONNECT_MS);
  }
}

interface Frame {
  id?: string;
  event: string;
  data: string;
}

/** Server-sent events of a byte stream; comments (heartbeats) and `retry:` are no frames. */
export async function* frames(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of stream) {
    rest += decoder.decode(bytes, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block
          .split('\n')
          .filter((line) => !line.startsWith(':'))
          .map((line): [string, string] => {
            const [name = '', ...value] = line.split(': ');
            return [name, value.join(': ')];
          }),
      );
      const data = fields.get('data');
      if (data !== undefined) yield { id: fields.get('id'), event: fields.get('event') ?? 'message', data };
    }
  }
}
