import type { JsonValue } from '../../common/json.js';
import { ProviderError, type MediaKind } from '../contract.js';

/** What the answers of all of Google's wires have in common. */

/** Key of inline bytes in generateContent and in interactions. */
export const DATA_KEY = 'data';

/** Key of what a model would like to be given back in the next turn: as long as a picture, and read by nobody here. */
export const SIGNATURE_KEY = 'thoughtSignature';

export function kindOf(mimeType: string | null | undefined): MediaKind | null {
  const family = mimeType?.split('/')[0];
  return family === 'image' || family === 'video' || family === 'audio' ? family : null;
}

/**
 * A document out of which the values of DATA_KEY were taken, with the ordinal of each in its place: so what stands beside
 * a value (its type, whether it is a thought) is read together with where its bytes are. Text that is no JSON stays as it is.
 */
export function numbered(text: string): string {
  let ordinal = 0;
  try {
    return JSON.stringify(
      JSON.parse(text, (key, value: JsonValue) => (key === DATA_KEY && typeof value === 'string' ? ordinal++ : value)),
    );
  } catch {
    return text;
  }
}

/**
 * Google's words for "not for reasons of content", of prompts and of results, in either spelling: generateContent writes
 * capitals, interactions small letters. What is not here is a failure like any other.
 */
const POLICY = new Set([
  'SAFETY',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'RECITATION',
  'SPII',
  'JAILBREAK',
  'MODEL_ARMOR',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
]);
export const isPolicy = (reason: string): boolean => POLICY.has(reason.toUpperCase());

/** Nothing was made for what the prompt or the result would hold. Not billed. */
export const withheld = (reason: string, said: string | null): ProviderError =>
  new ProviderError(
    'content_policy',
    'rejected',
    `the provider's content filter withheld the result (${reason})${said ? `: ${said.slice(0, 300)}` : ''}`,
  );
