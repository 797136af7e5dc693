import type { Dialect } from '../dialect.js';
import { readAnswer, writeAnswer } from './answer.js';
import { parse } from './parse.js';
import { reader } from './reader.js';
import { relay } from './relay.js';
import { unsupported } from './unsupported.js';
import { write } from './write.js';
import { writer } from './writer.js';

export { parseCount } from './parse.js';

/** Anthropic's messages, of both API versions. */
export const messages: Dialect = {
  id: 'messages',
  parse,
  unsupported,
  leastOutputTokens: 1,
  write,
  readAnswer,
  writeAnswer,
  reader,
  textDelta: { field: /"text"\s*:\s*"/g, mark: '"text_delta"' },
  writer,
  relay,
};
