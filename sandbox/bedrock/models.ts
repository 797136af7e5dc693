import { type ClaudeModel, findClaude } from '../anthropic/models.js';
import { validation } from './errors.js';

interface BedrockModel {
  /** As Bedrock names it, without a region's prefix. */
  id: string;
  claude: string;
  /** Reached through an inference profile only: its id alone is refused. */
  needsProfile: boolean;
}

/** Claude on Bedrock: AWS model cards and "Supported foundation models", November 2026. */
const MODELS: readonly BedrockModel[] = [
  { id: 'anthropic.claude-fable-5-2', claude: 'claude-fable-5-2', needsProfile: true },
  { id: 'anthropic.claude-fable-5-1', claude: 'claude-fable-5-1', needsProfile: true },
  { id: 'anthropic.claude-haiku-5-5', claude: 'claude-haiku-5-5', needsProfile: true },
  { id: 'anthropic.claude-sonnet-5-5', claude: 'claude-sonnet-5-5', needsProfile: true },
  { id: 'anthropic.claude-opus-5-5', claude: 'claude-opus-5-5', needsProfile: true },
  { id: 'anthropic.claude-opus-5', claude: 'claude-opus-5', needsProfile: true },
  { id: 'anthropic.claude-fable-5', claude: 'claude-fable-5', needsProfile: true },
  { id: 'anthropic.claude-sonnet-5', claude: 'claude-sonnet-5', needsProfile: true },
  { id: 'anthropic.claude-opus-4-8', claude: 'claude-opus-4-8', needsProfile: true },
  { id: 'anthropic.claude-opus-4-7', claude: 'claude-opus-4-7', needsProfile: true },
  { id: 'anthropic.claude-opus-4-6-v1', claude: 'claude-opus-4-6', needsProfile: true },
  { id: 'anthropic.claude-sonnet-4-6', claude: 'claude-sonnet-4-6', needsProfile: true },
  { id: 'anthropic.claude-opus-4-5-20251101-v1:0', claude: 'claude-opus-4-5-20251101', needsProfile: true },
  { id: 'anthropic.claude-haiku-4-5-20251001-v1:0', claude: 'claude-haiku-4-5-20251001', needsProfile: true },
  { id: 'anthropic.claude-sonnet-4-5-20250929-v1:0', claude: 'claude-sonnet-4-5-20250929', needsProfile: true },
];

export const BEDROCK_MODEL_IDS: readonly string[] = MODELS.map(({ id }) => `global.${id}`);

const PROFILE = /^(?:global|us|eu|jp|au|apac)\./;
const ARN =
  /^arn:aws(?:-[a-z-]+)?:bedrock:[a-z0-9-]*:(?:\d{12})?:(inference-profile|foundation-model)\/([A-Za-z0-9.:-]+)$/;

/** The model of an id, an inference profile's id or an ARN of either. */
export function findOnBedrock(modelId: string): ClaudeModel {
  const arn = ARN.exec(modelId);
  const id = arn?.[2] ?? modelId;
  const bare = id.replace(PROFILE, '');
  const found = MODELS.find((model) => model.id === bare);
  const claude = found && findClaude(found.claude);
  if (!found || !claude) throw validation('The provided model identifier is invalid.');
  if (found.needsProfile && bare === id && arn?.[1] !== 'inference-profile')
    throw validation(
      `Invocation of model ID ${bare} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`,
    );
  return claude;
}
