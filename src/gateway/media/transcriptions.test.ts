import { once } from 'node:events';
import { Readable } from 'node:stream';
import { jest } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthKey } from '../../keys/auth-key.js';
import type { Bill, GatewayRequests, Run } from '../router/requests.js';
import type { Opened, SyncWork } from '../router/work.js';
import { Transcriptions } from './transcriptions.js';

async function* form() {
  await Promise.resolve();
  yield { type: 'field', fieldname: 'stream', value: 'true' };
  const sound = Readable.from([Buffer.alloc(32_000)]);
  const file = Object.assign(sound, { truncated: false, bytesRead: 32_000 });
  yield { type: 'file', fieldname: 'file', filename: 'a.mp3', mimetype: 'audio/mpeg', file };
}

test('a client that goes away before the events are read is charged, and its hold is closed', async () => {
  const bill = jest.fn<Bill>(() => Promise.resolve(0));
  const body = Readable.from([Buffer.from('data: {"type":"transcript.text.delta","delta":"a"}\n\n')]);
  const requests = {
    start: () => ({ model: { id: 'm', limits: { streams: true } }, gone: AbortSignal.abort() }),
    run: async <T>(_work: SyncWork, { open, finish }: Run<T>) => {
      const answer = await open({ contentType: 'text/event-stream', headers: new Headers(), body }, {} as never);
      await finish({ answer } as Opened<T>, bill);
    },
    headers: () => undefined,
  } as unknown as GatewayRequests;
  const reply = {
    type: () => reply,
    header: () => reply,
    send: async (stream: Readable) => {
      stream.destroy();
      await once(stream, 'close');
    },
  };
  await new Transcriptions(requests).answer({
    request: { isMultipart: () => true, parts: form } as unknown as FastifyRequest,
    reply: reply as unknown as FastifyReply,
    key: {} as AuthKey,
  });
  expect(bill).toHaveBeenCalledTimes(1);
  expect(bill).toHaveBeenCalledWith(expect.objectContaining({ audioSeconds: 2 }), {
    status: 'canceled',
    httpStatus: 200,
  });
  expect(body.destroyed).toBe(true);
});
