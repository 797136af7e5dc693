import { chat } from './chat/index.js';
import type { Dialect, DialectId } from './dialect.js';
import { messages } from './messages/index.js';
import { responses } from './responses/index.js';

/** The text APIs that Kiln serves and asks. */
export const DIALECTS: Readonly<Record<DialectId, Dialect>> = { chat, responses, messages };
