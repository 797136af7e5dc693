import type { FastifyReply } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';
import { BedrockError, validation } from './errors.js';

/** Shows a fault of a submit; false when `name` is none. Bedrock never says when to come back. */
export function showFault(reply: FastifyReply, name: FaultName): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      throw new BedrockError('ThrottlingException', 'Too many requests, please wait before trying again.');
    case 'internal':
      throw internal();
    case 'unavailable':
      throw new BedrockError('ServiceUnavailableException', 'Bedrock is unable to process your request.');
    case 'blocked':
      throw validation('Output blocked by content filtering policy');
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}

export const internal = (): BedrockError =>
  new BedrockError('InternalServerException', 'The system encountered an unexpected error during processing.');
