import type { FastifyReply } from 'fastify';
import type { TaskFaults } from '../faults.js';
import type { Frame } from '../text/play.js';

/** Shows `cut-bytes`: sends that many bytes of the body, then cuts the connection. False where it was not asked for. */
export function cutBytes(
  reply: FastifyReply,
  contentType: string,
  frames: Iterable<Frame>,
  faults: TaskFaults,
): boolean {
  const limit = faults['cut-bytes'];
  if (limit === undefined || limit === null) return false;
  const whole = Buffer.concat([...frames].map(({ bytes }) => Buffer.from(bytes)));
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': contentType });
  reply.raw.write(whole.subarray(0, limit), () => reply.raw.socket?.destroy());
  return true;
}
