import type { Dialect, Echo } from '../dialect.js';
import { readAnswer, writeAnswer } from './answer.js';
import { parse } from './parse.js';
import { ResponsesReader } from './reader.js';
import { relay } from './relay.js';
import { unsupported } from './unsupported.js';
import { LEAST_OUTPUT_TOKENS, write } from './write.js';
import { ResponsesWriter } from './writer.js';

export { keepableItems, keepableOf, keepsItems, type KeptItem, referencedIds, withItems } from './items.js';
export { ResponsesWriter } from './writer.js';

/** OpenAI's responses API, stateless. */
export const responses = {
  id: 'responses',
  parse,
  unsupported,
  leastOutputTokens: LEAST_OUTPUT_TOKENS,
  write,
  readAnswer,
  writeAnswer,
  reader: () => new ResponsesReader(),
  textDelta: null,
  writer: (echo: Echo) => new ResponsesWriter(echo),
  relay,
} satisfies Dialect;
