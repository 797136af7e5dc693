import type { JsonObject } from '../../common/json.js';
import { isObject } from './shapes.js';

/** Null where the text is no JSON object. '' is a call without arguments. */
export function parseArguments(text: string): JsonObject | null {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * What a model wrote, as the object that Anthropic's answers have in `input`. A text that was cut off or is broken comes
 * wrapped as Anthropic's guide to fine-grained tool streaming says, so that nothing of it is lost.
 */
export const argumentsAsInput = (text: string): JsonObject => parseArguments(text) ?? { INVALID_JSON: text };

/** JSON Schema of a function that takes nothing. */
export const NO_PARAMETERS: JsonObject = { type: 'object', properties: {} };
