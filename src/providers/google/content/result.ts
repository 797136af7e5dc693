import { ProviderError, type MediaKind } from '../../contract.js';
import { isPolicy, kindOf, withheld } from '../result.js';
import type { ContentAnswer } from './wire.js';

/** One result of an answer: which of the bytes that came with it, and what they are. */
export interface Found {
  ordinal: number;
  mimeType: string;
}

/** Why an answer of status 200 holds no result. */
function failure(answer: ContentAnswer, wanted: MediaKind): ProviderError {
  const { blockReason, blockReasonMessage } = answer.promptFeedback ?? {};
  // Whatever the word: with it, the prompt was refused.
  if (blockReason) return withheld(blockReason, blockReasonMessage ?? null);
  const [candidate] = answer.candidates ?? [];
  if (!candidate)
    return new ProviderError('internal', 'unknown', 'the answer holds neither a result nor a reason for none');
  const { finishReason, finishMessage } = candidate;
  if (finishReason && isPolicy(finishReason)) return withheld(finishReason, finishMessage ?? null);
  // NO_IMAGE, IMAGE_OTHER, MAX_TOKENS, or words instead of a picture: the model has finished and made none. Again may do.
  const said = candidate.content?.parts?.find(({ text, thought }) => text && thought !== true)?.text;
  return new ProviderError(
    'internal',
    finishReason ? 'rejected' : 'unknown',
    `no ${wanted} was made (${finishReason ?? 'no reason given'})${said ? `: ${said.slice(0, 300)}` : ''}`,
  );
}

/**
 * The results of an answer, in order. Parts marked `thought` are drafts on the way, text is what the model says about its
 * work. Throws ProviderError where there is none.
 */
export function fromContent(answer: ContentAnswer, wanted: MediaKind): Found[] {
  const found = (answer.candidates ?? [])
    .flatMap((candidate) => candidate.content?.parts ?? [])
    .flatMap(({ inlineData, thought }): Found[] => {
      const { data, mimeType } = inlineData ?? {};
      if (thought === true || typeof data !== 'number' || !mimeType || kindOf(mimeType) !== wanted) return [];
      return [{ ordinal: data, mimeType }];
    });
  if (found.length === 0) throw failure(answer, wanted);
  return found;
}
