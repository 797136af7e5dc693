import sharp from 'sharp';
import type { TextRequest, Turn, UserPart } from './types.js';

const CHARACTERS_A_TOKEN = 4;
/** Roles and separators of one turn, as OpenAI's chat format has them. */
const TURN_TOKENS = 4;
const IMAGE_BASE_TOKENS = 85;
const TILE_TOKENS = 170;
const TILE_PIXELS = 512;

/** Four characters are a token, and a started one counts. */
export function tokensOf(text: string): number {
  return Math.ceil(text.length / CHARACTERS_A_TOKEN);
}

/** As many characters of `text` as fit in `tokens`; a surrogate pair stays whole. */
export function cutToTokens(text: string, tokens: number): string {
  const end = tokens * CHARACTERS_A_TOKEN;
  const isInsidePair = end > 0 && /[\uD800-\uDBFF]/.test(text.charAt(end - 1));
  return text.slice(0, isInsidePair ? end - 1 : end);
}

function tokensOfPart(part: UserPart): number {
  return part.kind === 'text' ? tokensOf(part.text) : part.tokens;
}

function tokensOfTurn(turn: Turn): number {
  switch (turn.role) {
    case 'user':
      return turn.parts.reduce((sum, part) => sum + tokensOfPart(part), TURN_TOKENS);
    case 'assistant':
      return TURN_TOKENS + tokensOf(turn.text) + tokensOf(turn.toolCalls.length === 0 ? '' : callsAsText(turn));
    case 'tool':
      return TURN_TOKENS + tokensOf(turn.text);
  }
}

const callsAsText = (turn: Turn & { role: 'assistant' }): string =>
  turn.toolCalls.map((call) => call.name + JSON.stringify(call.arguments)).join('');

/** One piece of a request in the order in which a model reads it, for counting and for caches. */
export interface Block {
  text: string;
  tokens: number;
}

/** The tools as one block, each system text, then each turn. */
export function blocksOf(request: TextRequest): Block[] {
  const tools = request.tools.length === 0 ? [] : [JSON.stringify(request.tools)];
  const { format } = request;
  const schema = format.kind === 'json_schema' ? [JSON.stringify(format.schema)] : [];
  return [
    ...[...tools, ...schema].map((text) => ({ text, tokens: tokensOf(text) })),
    ...request.system.map((text) => ({ text, tokens: TURN_TOKENS + tokensOf(text) })),
    ...request.turns.map((turn) => ({ text: JSON.stringify(turn), tokens: tokensOfTurn(turn) })),
  ];
}

export function inputTokens(request: TextRequest): number {
  return blocksOf(request).reduce((sum, { tokens }) => sum + tokens, 0);
}

/** A picture that came with its bytes; rejects when they are no picture. */
export async function seePicture(bytes: Buffer): Promise<UserPart> {
  const { format, width, height } = await sharp(bytes).metadata();
  const tiles = Math.ceil(width / TILE_PIXELS) * Math.ceil(height / TILE_PIXELS);
  return {
    kind: 'image',
    about: `image/${format} ${width}x${height}`,
    tokens: IMAGE_BASE_TOKENS + TILE_TOKENS * tiles,
  };
}

/** What came as a link, which is not followed. */
export function seeLink(kind: 'image' | 'audio' | 'document', url: string): UserPart {
  return { kind, about: url, tokens: IMAGE_BASE_TOKENS };
}

/** Sound or a document that came with its bytes; a token for each 100 of them. */
export function seeFile(kind: 'audio' | 'document', type: string, bytes: number): UserPart {
  return { kind, about: `${type} ${bytes} bytes`, tokens: Math.ceil(bytes / 100) };
}
