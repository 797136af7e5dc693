import { type MessagesBody, readBody } from '../anthropic/body.js';
import { validation } from './errors.js';

export const ANTHROPIC_VERSION = 'bedrock-2023-05-31';

/** Fields of the Messages API that Bedrock's `InvokeModel` does not have. */
const FOREIGN = [
  'model',
  'stream',
  'service_tier',
  'container',
  'inference_geo',
  'speed',
  'cache_control',
  'diagnostics',
];

/**
 * Betas that Bedrock takes: AWS, "Anthropic Claude Messages API", request and response; computer use of 2025-11-24 and
 * compaction after `@ai-sdk/amazon-bedrock`. Every other one is refused, `fine-grained-tool-streaming-2025-05-14` too.
 */
export const BETAS: readonly string[] = [
  'computer-use-2024-10-22',
  'computer-use-2025-01-24',
  'computer-use-2025-11-24',
  'token-efficient-tools-2025-02-19',
  'interleaved-thinking-2025-05-14',
  'output-128k-2025-02-19',
  'dev-full-thinking-2025-05-14',
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'compact-2026-01-12',
  'effort-2025-11-24',
  'tool-search-tool-2025-10-19',
  'tool-examples-2025-10-29',
];

/** Checks a body of `InvokeModel`; `claudeId` stands where the Messages API has `model`. */
export function readInvocation(value: unknown, claudeId: string, counting = false): MessagesBody {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw validation('Malformed input request, please reformat your input and try again.');
  const { anthropic_version: version, anthropic_beta: betas = [], ...body } = value as Record<string, unknown>;
  const foreign = FOREIGN.find((name) => name in body);
  if (foreign !== undefined) throw validation(`${foreign}: Extra inputs are not permitted`);
  if (version === undefined) throw validation('anthropic_version: Field required');
  if (version !== ANTHROPIC_VERSION) throw validation(`anthropic_version: Input should be '${ANTHROPIC_VERSION}'`);
  if (!isTexts(betas)) throw validation('anthropic_beta: Input should be a valid list of strings');
  if (betas.some((beta) => !BETAS.includes(beta))) throw validation('invalid beta flag');
  return readBody({ ...body, model: claudeId }, { version: '2023-06-01', betas, counting });
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');
