import { jest } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { frame, SseWriter } from './sse.js';

/** A reader that takes one write each time it is told to. */
function slowReader(): { out: ServerResponse; taken: string[]; take: () => void } {
  const taken: string[] = [];
  let done: (() => void) | null = null;
  const out = new Writable({
    highWaterMark: 10,
    write(chunk: Buffer, _encoding, callback) {
      taken.push(chunk.toString());
      done = callback;
    },
  });
  const take = (): void => {
    const callback = done;
    done = null;
    callback?.();
  };
  return { out: out as unknown as ServerResponse, taken, take };
}

const TIMES = { heartbeatMs: 15_000, stallMs: 60_000 };
beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterEach(() => jest.useRealTimers());
const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false;
  void promise.then(() => (done = true));
  await new Promise((resolve) => setImmediate(resolve));
  return done;
};

test('frames are what EventSource reads', () => {
  expect(frame('job.running', { a: 'x\ny' }, 7)).toBe('id: 7\nevent: job.running\ndata: {"a":"x\\ny"}\n\n');
  expect(frame('snapshot', {})).toBe('event: snapshot\ndata: {}\n\n');
});

test('the next frame waits until the reader took the last', async () => {
  const { out, take } = slowReader();
  const writer = new SseWriter(out, TIMES);
  const first = writer.write('more than ten bytes');
  expect(await settled(first)).toBe(false);
  take();
  expect(await settled(first)).toBe(true);
  writer.end();
});

test('no heartbeat is heaped on a reader that is behind', async () => {
  const { out, take } = slowReader();
  const writer = new SseWriter(out, TIMES);
  const write = writer.write('more than ten bytes');
  jest.advanceTimersByTime(45_000);
  expect(out.writableLength).toBe('more than ten bytes'.length);
  take();
  await write;
  jest.advanceTimersByTime(15_000);
  expect(out.writableLength).toBe(': keep-alive\n\n'.length);
  writer.end();
});

test('a reader that takes nothing is cut off', async () => {
  const { out } = slowReader();
  const writer = new SseWriter(out, TIMES);
  const write = writer.write('more than ten bytes');
  jest.advanceTimersByTime(60_000);
  expect(await settled(write)).toBe(true);
  expect(writer.isGone).toBe(true);
  writer.end();
});

test('no heartbeat falls into a frame that comes in pieces', async () => {
  const { out, taken, take } = slowReader();
  const writer = new SseWriter(out, TIMES);
  let more: (piece: string) => void = () => undefined;
  const rest = new Promise<string>((resolve) => (more = resolve));
  const done = writer.writeFrame(
    (async function* () {
      yield 'data: ';
      yield await rest;
    })(),
  );
  await settled(done);
  take();
  jest.advanceTimersByTime(45_000);
  more('x\n\n');
  await done;
  take();
  jest.advanceTimersByTime(15_000);
  take();
  expect(taken).toEqual(['data: ', 'x\n\n', ': keep-alive\n\n']);
  writer.end();
});

test('a frame that breaks off cuts the reader off', async () => {
  const { out } = slowReader();
  const writer = new SseWriter(out, TIMES);
  const broken = writer.writeFrame(
    (async function* () {
      yield 'data: ';
      await Promise.resolve();
      throw new Error('the object is gone');
    })(),
  );
  await expect(broken).rejects.toThrow('the object is gone');
  expect(writer.isGone).toBe(true);
  writer.end();
});
