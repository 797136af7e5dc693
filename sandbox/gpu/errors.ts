import type { FastifyReply } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';

export const CODES = {
  INVALID_INPUT: 400,
  CONTENT_POLICY: 400,
  UNAUTHORIZED: 401,
  NOT_FOUND: 404,
  CONFLICT: 409,
  BUSY: 429,
  INTERNAL: 500,
} as const;

/** Why a worker refuses an input, or gives a run up. */
export interface Problem {
  code: keyof typeof CODES | 'OOM';
  message: string;
  retryable: boolean;
  param?: string;
}

/** A refusal of the contract: `{"error":{"code","message","retryable","param"?}}`. */
export class ContractError extends Error {
  readonly http: number;

  constructor(
    readonly problem: Problem & { code: keyof typeof CODES },
    readonly headers: Record<string, string> = {},
  ) {
    super(problem.message);
    this.http = CODES[problem.code];
  }
}

export function invalid(message: string, param?: string): ContractError {
  const more = param === undefined ? {} : { param };
  return new ContractError({ code: 'INVALID_INPUT', message, retryable: false, ...more });
}

export const notFound = (message: string): ContractError =>
  new ContractError({ code: 'NOT_FOUND', message, retryable: false });

/** Shows a fault of a submit or a poll as the contract would; false when `name` is none of those. `value`: seconds to wait. */
export function showContractFault(reply: FastifyReply, name: FaultName, value: number | null): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      throw new ContractError(
        { code: 'BUSY', message: 'the queue is full', retryable: true },
        { 'retry-after': String(value ?? 1) },
      );
    case 'internal':
      throw new ContractError({ code: 'INTERNAL', message: 'internal error', retryable: true });
    case 'unavailable':
      void reply.code(503).header('retry-after', '1').send({ state: 'busy', eta_s: 1 });
      return true;
    case 'blocked':
      throw new ContractError({
        code: 'CONTENT_POLICY',
        message: 'the prompt was refused by the content filter',
        retryable: false,
        param: 'prompt',
      });
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}

/** The same as RunPod shows it, which has no content filter of its own. */
export function showRunpodFault(reply: FastifyReply, name: FaultName, value: number | null): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      void reply
        .code(429)
        .header('retry-after', String(value ?? 1))
        .send({ error: 'too many requests' });
      return true;
    case 'internal':
      void reply.code(500).send({ error: 'internal server error' });
      return true;
    case 'unavailable':
      void reply.code(503).send({ error: 'service unavailable' });
      return true;
    case 'blocked':
      void reply.code(400).send({ error: 'the request was refused' });
      return true;
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}
