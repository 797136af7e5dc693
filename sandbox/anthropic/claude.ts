import { randomUUID } from 'node:crypto';
import type { TaskFaults } from '../faults.js';
import { lastUserText, think } from '../text/brain.js';
import { outcomeOf } from '../text/text-faults.js';
import { tokensOf } from '../text/tokens.js';
import { type Answer, answerOf } from './answer.js';
import type { MessagesBody, Version } from './body.js';
import type { PromptCache } from './cache.js';
import { checkConversation } from './conversation.js';
import { invalid } from './errors.js';
import type { ClaudeModel } from './models.js';
import { neutralOf } from './neutral.js';
import { segmentsOf } from './prompt.js';
import { checkModelRules } from './rules.js';

/** How a surface names what it makes. */
export interface Surface {
  /** Keeps the caches of surfaces apart. */
  name: 'anthropic' | 'bedrock';
  messagePrefix: string;
  toolPrefix: string;
}

/** A prompt with this has its thinking redacted: Claude Platform docs, "Extended thinking", on testing for it. */
const REDACTS = 'ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_';

/** Refuses what the model does not take. */
export function checkForModel(body: MessagesBody, model: ClaudeModel, version: Version): void {
  checkModelRules(body, model);
  checkConversation(body, model, version);
}

/** The whole prompt, pictures included. */
export function countPrompt(body: MessagesBody, model: ClaudeModel): number {
  return segmentsOf(model.id, body, tokensOf).at(-1)?.tokensUntilHere ?? 0;
}

/** What the model answers to a checked body. The same body gives the same answer but for its id and what the cache holds. */
export async function answer(
  body: MessagesBody,
  model: ClaudeModel,
  faults: TaskFaults,
  { surface, cache }: { surface: Surface; cache: PromptCache },
): Promise<Answer> {
  const segments = segmentsOf(`${surface.name}/${model.id}`, body, tokensOf);
  const prompt = segments.at(-1)?.tokensUntilHere ?? 0;
  if ('context-length' in faults || prompt > model.contextTokens)
    throw invalid(
      `prompt is too long: ${Math.max(prompt, model.contextTokens + 1)} tokens > ${model.contextTokens} maximum`,
    );
  const request = await neutralOf(body, model, outcomeOf(faults));
  const reply = think(request);
  const { thinking } = body;
  const display = thinking !== undefined && 'display' in thinking ? thinking.display : null;
  return answerOf(reply, {
    id: `${surface.messagePrefix}${randomUUID().replaceAll('-', '').slice(0, 24)}`,
    model: model.id,
    input: cache.use(segments, model.minCachedTokens),
    shows: (display ?? model.display) === 'summarized',
    redacts: lastUserText(request.turns).includes(REDACTS),
    toolPrefix: surface.toolPrefix,
  });
}
