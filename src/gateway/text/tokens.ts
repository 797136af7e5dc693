import type { Conversation, StreamEvent, Turn } from '../dialects/conversation.js';

/** Bytes of UTF-8 a token is never shorter than, nor, over any length of text, longer than. */
const FEWEST_BYTES = 2;
const MOST_BYTES = 12;
/** For a hold: more tokens than text of any kind has been seen to make. */
const BYTES_PER_TOKEN_AT_WORST = 2.5;
/** Names, roles and separators, for each turn and tool. */
const FRAME_TOKENS = 16;
/** What providers ask for media at most, as their pages say: a picture in high detail; a page of a PDF has about 50 KB. */
const PICTURE_TOKENS = 3200;
const DOCUMENT_BYTES_PER_TOKEN = 16;
const AUDIO_BYTES_PER_TOKEN = 64;
const VIDEO_TOKENS = 60_000;
/** Of long text this many slices are counted; tokenizers differ by about as much as the margin. */
const SLICES = 10;
const SLICE_CHARS = 8000;
const MARGIN = 1.1;

/** Everything of a conversation that a model reads as text. */
function textsOf({ turns, tools, format }: Conversation): string[] {
  const schema = format?.type === 'json_schema' ? [JSON.stringify(format.schema)] : [];
  const described = tools.map((tool) => (tool.kind === 'function' ? JSON.stringify(tool) : ''));
  return [...turns.flatMap(textsOfTurn), ...described, ...schema];
}

function textsOfTurn(turn: Turn): string[] {
  return turn.parts.flatMap((part) => {
    switch (part.type) {
      case 'text':
      case 'refusal':
      case 'reasoning':
        return [part.text];
      case 'tool_call':
        return [part.name, part.arguments];
      case 'document':
        return part.source.kind === 'text' ? [part.source.text] : [];
      case 'audio':
      case 'image':
      case 'video':
        return [];
    }
  });
}

const base64Bytes = (length: number): number => Math.ceil((length * 3) / 4);

/** Tokens of pictures, audio and documents at most. */
function mediaTokens({ turns }: Conversation): number {
  let tokens = 0;
  for (const { parts } of turns)
    for (const part of parts) {
      if (part.type === 'image') tokens += PICTURE_TOKENS;
      else if (part.type === 'video') tokens += VIDEO_TOKENS;
      else if (part.type === 'audio') tokens += base64Bytes(part.data.length) / AUDIO_BYTES_PER_TOKEN;
      else if (part.type === 'document' && part.source.kind === 'base64')
        tokens += base64Bytes(part.source.data.length) / DOCUMENT_BYTES_PER_TOKEN;
      else if (part.type === 'document' && part.source.kind !== 'text') tokens += VIDEO_TOKENS;
    }
  return Math.ceil(tokens);
}

/** Input tokens that a conversation will hardly exceed on any model: what is held for. */
export function inputTokensAtMost(conversation: Conversation): number {
  const bytes = textsOf(conversation).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const frames = FRAME_TOKENS * (conversation.turns.length + conversation.tools.length + 1);
  return Math.ceil(bytes / BYTES_PER_TOKEN_AT_WORST) + mediaTokens(conversation) + frames;
}

type Count = (text: string) => number;
let counting: Promise<Count> | undefined;

/** The encoding of GPT-4o and later. Loaded when first needed: its ranks take megabytes. */
const counter = (): Promise<Count> =>
  (counting ??= import('gpt-tokenizer/encoding/o200k_base').then(
    ({ countTokens }) =>
      (text: string) =>
        countTokens(text, { disallowedSpecial: new Set() }),
  ));

/** About how many tokens a text has; of long text slices are counted, so that nobody waits for it. */
export async function countTokens(text: string): Promise<number> {
  const count = await counter();
  if (text.length <= SLICES * SLICE_CHARS) return count(text);
  const step = (text.length - SLICE_CHARS) / (SLICES - 1);
  let tokens = 0;
  for (let slice = 0; slice < SLICES; slice += 1) {
    const at = Math.round(slice * step);
    tokens += count(text.slice(at, at + SLICE_CHARS));
  }
  return Math.ceil((tokens / (SLICES * SLICE_CHARS)) * text.length);
}

/** About how many tokens a conversation's text has. */
export const conversationTokens = async (conversation: Conversation): Promise<number> =>
  (await countTokens(textsOf(conversation).join('\n'))) + FRAME_TOKENS * conversation.turns.length;

/**
 * How many tokens too many the prompt certainly has for a context, as an estimate of its length; null where it may fit.
 * Other tokenizers count a tenth more or less: what is close is left to the provider's own judgement.
 */
export async function tokensBeyond(conversation: Conversation, contextTokens: number): Promise<number | null> {
  const texts = textsOf(conversation);
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes / FEWEST_BYTES <= contextTokens) return null;
  if (bytes / MOST_BYTES > contextTokens) return Math.ceil(bytes / 4);
  const tokens = await conversationTokens(conversation);
  return tokens > contextTokens * MARGIN ? tokens : null;
}

/** Text that an answer has made so far, for counting it where nobody else did. */
export class Produced {
  private readonly pieces: string[] = [];

  note(event: StreamEvent): void {
    if (event.type === 'text' || event.type === 'refusal' || event.type === 'reasoning') this.pieces.push(event.text);
    else if (event.type === 'tool_arguments') this.pieces.push(event.fragment);
    else if (event.type === 'tool_call') this.pieces.push(event.name);
  }

  tokens(): Promise<number> {
    return countTokens(this.pieces.join(''));
  }
}
