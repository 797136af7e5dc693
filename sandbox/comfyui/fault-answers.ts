import type { FastifyReply } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';

const DEFAULT_RETRY_SECONDS = 1;

/** Shows a fault of a submit or a poll, in plain text as the server (or the proxy before it) does; false when `name` is none of those. */
export function answerFault(reply: FastifyReply, name: FaultName, value: number | null = null): boolean {
  const { answer } = faultSpec(name);
  const say = (status: number, text: string) => void reply.code(status).type('text/plain').send(text);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      reply.header('retry-after', String(value ?? DEFAULT_RETRY_SECONDS));
      say(429, '429: Too Many Requests');
      return true;
    case 'internal':
      say(500, '500 Internal Server Error\n\nServer got itself in trouble');
      return true;
    case 'unavailable':
      say(503, '503 Service Unavailable');
      return true;
    case 'blocked':
      say(400, 'The prompt was blocked by the content policy.');
      return true;
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}
