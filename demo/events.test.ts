import type { KilnApi } from './api.js';
import { followJob, frames } from './events.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const all = bytes(text);
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
}

test.each([1, 7, 1000])('frames arrive whole from pieces of %i bytes; comments and retry are none', async (size) => {
  const text = ': keep-alive\n\nid: 4\nevent: job.failed\ndata: {"why":"für: immer"}\n\nretry: 2000\n\n';
  const seen = [];
  for await (const frame of frames(inPieces(text, size))) seen.push(frame);
  expect(seen).toEqual([{ id: '4', event: 'job.failed', data: '{"why":"für: immer"}' }]);
});

test('a stream that breaks is taken up after the last event', async () => {
  const asked: string[] = [];
  const parts = [
    'event: snapshot\ndata: {}\n\nid: 2\nevent: job.running\ndata: {}\n\nid: 3\nev',
    'id: 3\nevent: job.generating\ndata: {}\n\nid: 4\nevent: job.succeeded\ndata: {}\n\n',
  ];
  const api = {
    events: async (_id: string, after: string) => {
      asked.push(after);
      return inPieces(parts.shift() ?? '', 10);
    },
  } as unknown as KilnApi;
  const types = [];
  for await (const { type } of followJob(api, 'job_1')) types.push(type);
  expect(types).toEqual(['snapshot', 'job.running', 'job.generating', 'job.succeeded']);
  expect(asked).toEqual(['0', '2']);
});
