import { createHash } from 'node:crypto';
import { type Hints, hintsOf } from './hints.js';
import { sampleOf } from './sample.js';
import type { JsonSchema, TextRequest, Tool, ToolCall } from './types.js';

const MIN_WORD = 3;
const MIN_DESCRIPTION_WORD = 4;
/** Words that are in many names and descriptions and say nothing of what a tool is for. */
const COMMON = new Set(
  'get set put run use make call list find fetch read tool function the and for from with that this your what which when given returns return about into some'.split(
    ' ',
  ),
);

const wordsOf = (text: string, least: number): string[] =>
  (
    text
      .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).filter((word) => word.length >= least && !COMMON.has(word));

/** How much a prompt speaks of a tool: its whole name, words of its name, at least two words of its description. 0: not. */
function relevance(tool: Tool, prompt: string): number {
  if (prompt.toLowerCase().includes(tool.name.toLowerCase())) return 100;
  const said = new Set(wordsOf(prompt, MIN_WORD));
  const named = wordsOf(tool.name, MIN_WORD).filter((word) => said.has(word)).length;
  const described = new Set(wordsOf(tool.description, MIN_DESCRIPTION_WORD).filter((word) => said.has(word))).size;
  return named * 10 + (named > 0 || described >= 2 ? described : 0);
}

/** The calls that the model makes in this turn, none where it answers in text. */
export function callsFor(request: TextRequest, prompt: string): ToolCall[] {
  const { tools, toolChoice, turns } = request;
  if (toolChoice === 'none' || tools.length === 0) return [];
  if (typeof toolChoice === 'object') {
    const named = tools.find(({ name }) => name === toolChoice.name);
    return named === undefined ? [] : identified(calls(request, named, prompt), turns.length);
  }
  const scored = tools.map((tool) => ({ tool, score: relevance(tool, prompt) }));
  const best = scored.reduce((one, other) => (other.score > one.score ? other : one));
  if (toolChoice === 'required') return identified(calls(request, best.tool, prompt), turns.length);
  // What came back is told, not asked for once more.
  if (best.score === 0 || turns.at(-1)?.role === 'tool') return [];
  const byName = request.parallelTools ? scored.filter(({ score }) => score >= 100).map(({ tool }) => tool) : [];
  const chosen = byName.length > 1 ? byName : [best.tool];
  return identified(
    chosen.flatMap((tool) => calls(request, tool, prompt)),
    turns.length,
  );
}

type Unnamed = Omit<ToolCall, 'id'>;

/** One call, or one for each name of "in Tokyo and Paris" where the tool takes one name at a time. */
function calls(request: TextRequest, { name, schema }: Tool, prompt: string): Unnamed[] {
  const hints = hintsOf(prompt);
  const call = (given: Hints): Unnamed => ({ name, arguments: argumentsOf(schema, given) });
  const first = call(hints);
  const isOneAtATime = Object.values(first.arguments).some((value) => value === hints.names[0]);
  if (!request.parallelTools || hints.names.length < 2 || !isOneAtATime) return [first];
  return hints.names.map((one) => call({ ...hints, names: [one] }));
}

function argumentsOf(schema: JsonSchema, hints: Hints): Record<string, unknown> {
  const value = sampleOf(schema, hints);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

const ID_CHARACTERS = 24;

/** Ids that differ within a conversation and are the same each time; wires put their provider's prefix before them. */
function identified(made: Unnamed[], turn: number): ToolCall[] {
  return made.map((call, index) => ({
    id: createHash('sha256')
      .update(JSON.stringify([turn, index, call]))
      .digest('base64url')
      .replaceAll(/[-_]/g, 'x')
      .slice(0, ID_CHARACTERS),
    ...call,
  }));
}
