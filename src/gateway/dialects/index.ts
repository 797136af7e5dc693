import { chat } from './chat/index.js';
import type { Dialect } from './dialect.js';
import { messages } from './messages/index.js';

/** The text APIs that Kiln serves and asks. */
export const DIALECTS = { chat, messages } satisfies Record<string, Dialect>;
