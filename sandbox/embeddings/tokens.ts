import { countTokens, decode } from 'gpt-tokenizer/encoding/cl100k_base';

/** Text may hold what looks like a control token; it counts as the characters it is. */
const PLAIN = { disallowedSpecial: new Set<string>() };

/** Tokens of a text in cl100k_base, the vocabulary of OpenAI's embedding models. */
export function tokensOf(text: string): number {
  return countTokens(text, PLAIN);
}

/** The text that these token ids spell; null where one is no token. */
export function textOf(ids: readonly number[]): string | null {
  try {
    return decode(ids);
  } catch {
    return null;
  }
}
