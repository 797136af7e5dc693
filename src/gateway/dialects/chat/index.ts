import type { Dialect } from '../dialect.js';
import { readAnswer, writeAnswer } from './answer.js';
import { parse } from './parse.js';
import { reader } from './reader.js';
import { relay } from './relay.js';
import { unsupported } from './unsupported.js';
import { write } from './write.js';
import { writer } from './writer.js';

/** OpenAI's chat completions, and every server compatible with it. */
export const chat: Dialect = {
  id: 'chat',
  parse,
  unsupported,
  leastOutputTokens: 1,
  write,
  readAnswer,
  writeAnswer,
  reader,
  textDelta: { field: /"content"\s*:\s*"/g, mark: '"delta"' },
  writer,
  relay,
};
