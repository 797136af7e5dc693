import { createHash } from 'node:crypto';
import type { ContentBlock } from './blocks.js';
import { blocksOf, type MessagesBody } from './body.js';

/** One piece of a prompt in render order: a tool, a block of the system prompt, a block of a message. */
export interface Segment {
  /** Hash of this piece and everything before it; breakpoints themselves do not change it. */
  prefix: string;
  /** Of this piece and everything before it. */
  tokensUntilHere: number;
  /** Of its breakpoint, where it carries one. */
  ttl: Ttl | null;
}
export type Ttl = '5m' | '1h';

interface Piece {
  cache_control?: { ttl?: Ttl } | null;
}

const IMAGE_TOKENS = 1_500;
const PDF_TOKENS = 3_000;
const TURN_TOKENS = 3;

/** The pieces of a prompt: tools, system, messages. The tokens of a prefix are the same whatever follows it. */
export function segmentsOf(scope: string, body: MessagesBody, count: (text: string) => number): Segment[] {
  const pieces: [string, Piece, number][] = [
    ...(body.tools ?? []).map((tool): [string, Piece, number] => ['tool', tool, count(JSON.stringify(tool))]),
    ...(body.system === undefined ? [] : blocksOf(body.system)).map((block) => weighed('system', block, count)),
    ...body.messages.flatMap(({ role, content }) => blocksOf(content).map((block) => weighed(role, block, count))),
  ];
  let prefix = scope;
  let tokensUntilHere = 0;
  return pieces.map(([role, { cache_control: mark, ...piece }, tokens], index) => {
    prefix = createHash('sha256')
      .update(`${prefix}\n${role}\n${JSON.stringify(piece)}`)
      .digest('base64');
    tokensUntilHere += tokens;
    const automatic = index === pieces.length - 1 ? body.cache_control : undefined;
    const breakpoint = mark ?? automatic ?? null;
    return { prefix, tokensUntilHere, ttl: breakpoint === null ? null : (breakpoint.ttl ?? '5m') };
  });
}

function weighed(role: string, block: ContentBlock, count: (text: string) => number): [string, Piece, number] {
  const mark = 'cache_control' in block ? block.cache_control : null;
  return [role, { ...block, cache_control: mark }, TURN_TOKENS + tokensOf(block, count)];
}

/** A picture and a PDF weigh the same whatever they show. */
function tokensOf(block: ContentBlock, count: (text: string) => number): number {
  if (block.type === 'text') return count(block.text);
  if (block.type === 'image') return IMAGE_TOKENS;
  if (block.type === 'document' && block.source.type !== 'text' && block.source.type !== 'content') return PDF_TOKENS;
  if (block.type === 'tool_result' && typeof block.content === 'object')
    return block.content.reduce(
      (sum, inner) => sum + (inner.type === 'tool_reference' ? 1 : tokensOf(inner, count)),
      0,
    );
  return count(JSON.stringify(block));
}
