import type { Conversation } from './conversation.js';
import type { DialectId } from './dialect.js';
import { API_NAMES, say } from './words.js';

/** Tools and fields that only the client's own API has. */
export function ownOfAsked({ tools, foreign }: Conversation, asked: DialectId): string[] {
  const hosted = tools.filter((tool) => tool.kind === 'hosted').map((tool) => tool.type);
  const why = `which only ${API_NAMES[asked]} has; this model is served by another one`;
  return [
    ...hosted.map((type) => `${say('tools', asked)} has one of type '${type}', ${why}`),
    ...foreign.map((field) => `'${field}' is a field ${why}`),
  ];
}
