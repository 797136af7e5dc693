import type { Conversation, Source, StreamEvent, Turn } from '../dialects/conversation.js';

/** Bytes of UTF-8 a token is never shorter than, nor, over any length of text, longer than. */
const FEWEST_BYTES = 2;
const MOST_BYTES = 12;
/** For a hold: more tokens than text of any kind has been seen to make. Base64 comes near; digits are a token each for Gemini. */
const BYTES_PER_TOKEN_AT_WORST = 1.5;
/** Names, roles and separators, for each turn and tool. */
const FRAME_TOKENS = 16;
/**
 * What providers ask for media at most. A picture: OpenAI's 10,000 patches of `detail: original`; Anthropic asks 4784, Gemini
 * 258 a tile. A page of a PDF is read as text and as a picture, some 4000 tokens, and as bare text has less than 10 KB. A
 * second of video, at 100 kbit/s, is 300 tokens for Gemini.
 */
const PICTURE_TOKENS = 10_000;
const DOCUMENT_BYTES_PER_TOKEN = 2;
const AUDIO_BYTES_PER_TOKEN = 30;
const VIDEO_BYTES_PER_TOKEN = 40;
const SEALED_BYTES_PER_TOKEN = 4;
/** Media behind a link, whose length nobody knows here: all that a model takes. */
const LINKED_MEDIA_TOKENS = 1_000_000;
/** Of long text this many slices are counted; tokenizers differ by about as much as the margin. */
const SLICES = 10;
const SLICE_CHARS = 8000;
/** A tokenizer's time grows with the square of a word's length, and a word may be the whole text: it gets pieces. */
const PIECE_CHARS = 1000;
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

/** Tokens of pictures, audio, video, documents and sealed reasoning at most. */
const mediaTokens = ({ turns }: Conversation): number =>
  Math.ceil(turns.flatMap<Part>(({ parts }) => [...parts]).reduce((sum, part) => sum + mediaTokensOf(part), 0));

type Part = Turn['parts'][number];

function mediaTokensOf(part: Part): number {
  switch (part.type) {
    case 'image':
      return PICTURE_TOKENS;
    case 'audio':
      return base64Bytes(part.data.length) / AUDIO_BYTES_PER_TOKEN;
    case 'video':
      return sourceTokens(part.source, VIDEO_BYTES_PER_TOKEN);
    case 'document':
      return part.source.kind === 'text' ? 0 : sourceTokens(part.source, DOCUMENT_BYTES_PER_TOKEN);
    case 'reasoning':
      return base64Bytes(part.sealed?.data.length ?? 0) / SEALED_BYTES_PER_TOKEN;
    case 'text':
    case 'refusal':
    case 'tool_call':
      return 0;
  }
}

const sourceTokens = (source: Source, bytesPerToken: number): number =>
  source.kind === 'base64'
    ? Math.min(base64Bytes(source.data.length) / bytesPerToken, LINKED_MEDIA_TOKENS)
    : LINKED_MEDIA_TOKENS;

function digitsIn(text: string): number {
  let digits = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) digits += 1;
  }
  return digits;
}

/** Tokens that a text hardly exceeds on any model. */
const textTokensAtMost = (text: string): number => {
  const digits = digitsIn(text);
  return (Buffer.byteLength(text) - digits) / BYTES_PER_TOKEN_AT_WORST + digits;
};

/** Input tokens that a conversation will hardly exceed on any model: what is held for. */
export function inputTokensAtMost(conversation: Conversation): number {
  const texts = textsOf(conversation).reduce((sum, text) => sum + textTokensAtMost(text), 0);
  const frames = FRAME_TOKENS * (conversation.turns.length + conversation.tools.length + 1);
  return Math.ceil(texts) + mediaTokens(conversation) + frames;
}

type Count = (text: string) => number;
let counting: Promise<Count> | undefined;

/** The encoding of GPT-4o and later. Loaded when first needed: its ranks take megabytes. */
const counter = (): Promise<Count> =>
  (counting ??= import('gpt-tokenizer/encoding/o200k_base').then(
    ({ countTokens }) =>
      (text: string) =>
        pieces(text).reduce((sum, piece) => sum + countTokens(piece, { disallowedSpecial: new Set() }), 0),
  ));

const pieces = (text: string): string[] =>
  Array.from({ length: Math.ceil(text.length / PIECE_CHARS) }, (_, at) =>
    text.slice(at * PIECE_CHARS, (at + 1) * PIECE_CHARS),
  );

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
