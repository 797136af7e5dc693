import { lengthened, SPOILT } from './chunks.js';
import { hintsOf } from './hints.js';
import { sampleOf } from './sample.js';
import { cutToTokens, inputTokens, tokensOf } from './tokens.js';
import { callsFor } from './tool-use.js';
import type { StopReason, TextReply, TextRequest, ToolCall, Turn, UserPart } from './types.js';

/**
 * The model of every text wire: the same request, the same reply. Pure. It
 * - calls a tool that the last user text speaks of (once; one call for each of two names joined by "and"), and any tool
 *   where it must;
 * - answers with the tool's result after that;
 * - writes JSON that is valid for the schema, or any object, where asked;
 * - else says what it was asked, told and shown.
 */
export function think(request: TextRequest): TextReply {
  const prompt = lastUserText(request.turns);
  const calls = request.outcome.ends === 'well' ? callsFor(request, prompt) : [];
  const reasoning = request.reasoning ? reasoningOn(prompt, calls) : null;
  const refusal = request.outcome.ends === 'refused' ? "I'm sorry, but I can't help with that." : null;
  const whole = calls.length > 0 || refusal !== null ? '' : written(request, prompt);
  const filtered = request.outcome.ends === 'filtered';
  return limited(request, {
    reasoning,
    text: filtered ? whole.slice(0, Math.ceil(whole.length / 2)) : whole,
    refusal,
    toolCalls: calls,
    stop: filtered ? 'content_filter' : calls.length > 0 ? 'tool_calls' : 'stop',
  });
}

/** What the person said last, where markers and hints are looked for; tool results may have come after it. */
export function lastUserText(turns: readonly Turn[]): string {
  const said = turns.filter((turn) => turn.role === 'user').map(({ parts }) => textOf(parts));
  return said.findLast((text) => text !== '') ?? '';
}

const textOf = (parts: readonly UserPart[]): string =>
  parts
    .filter((part) => part.kind === 'text')
    .map(({ text }) => text)
    .join('\n');

function reasoningOn(prompt: string, calls: ToolCall[]): string {
  const next = calls.length === 0 ? 'I can answer that.' : `I call ${calls.map(({ name }) => name).join(' and ')}.`;
  return `The user says: ${clipped(prompt)}. ${next}`;
}

function written(request: TextRequest, prompt: string): string {
  const { format, outcome } = request;
  const hints = hintsOf(prompt);
  if (format.kind === 'json_schema') return JSON.stringify(sampleOf(format.schema, hints));
  if (format.kind === 'json_object') return JSON.stringify({ answer: answerTo(request, prompt) });
  const text = answerTo(request, prompt);
  const long = outcome.chunks === null ? text : lengthened(text, outcome.chunks);
  const middle = Math.floor(long.length / 2);
  return outcome.isSpoilt ? long.slice(0, middle) + SPOILT + long.slice(middle) : long;
}

const CLIP = 400;
const clipped = (text: string): string => (text.length > CLIP ? `${text.slice(0, CLIP)}…` : text);

function answerTo(request: TextRequest, prompt: string): string {
  const results = resultsOf(request.turns);
  const about = request.turns.flatMap((turn) => (turn.role === 'user' ? turn.parts : []));
  const seen = about.filter((part) => part.kind !== 'text').map(({ kind, about: what }) => `${kind} (${what})`);
  return [
    ...results.map(({ name, text }) => `${name} says: ${text}`),
    ...(request.system.length === 0 ? [] : [`I was told: ${clipped(request.system.join(' '))}`]),
    ...(seen.length === 0 ? [] : [`I see: ${seen.join(', ')}`]),
    `You said: ${prompt}`,
  ].join('\n');
}

/** The tool results that the conversation ends with. */
function resultsOf(turns: readonly Turn[]): { name: string; text: string }[] {
  const start = turns.findLastIndex(({ role }) => role !== 'tool') + 1;
  const called = turns.flatMap((turn) => (turn.role === 'assistant' ? turn.toolCalls : []));
  return turns.slice(start).flatMap((turn) => {
    if (turn.role !== 'tool') return [];
    const name = turn.name ?? called.findLast(({ id }) => id === turn.callId)?.name ?? 'The tool';
    return [{ name, text: turn.text }];
  });
}

type Unlimited = Omit<TextReply, 'stopSequence' | 'usage'>;

/** Cut at a stop sequence, then at the limit of tokens; a tool call that does not fit is left out. */
function limited(request: TextRequest, reply: Unlimited): TextReply {
  const [text, stopSequence] = stopped(reply.text, request.stop);
  const limit = request.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const reasoning = reply.reasoning === null ? null : fitting(reply.reasoning, limit);
  const reasoningTokens = tokensOf(reasoning ?? '');
  const left = limit - reasoningTokens;
  const callTokens = reply.toolCalls.map((call) => tokensOf(call.name) + tokensOf(JSON.stringify(call.arguments)));
  const callsFit = sum(callTokens) <= left;
  const shown = fitting(text, left);
  const isCut = !callsFit || shown !== text || reasoning !== reply.reasoning;
  const stop: StopReason = isCut ? 'length' : stopSequence === null ? reply.stop : 'stop';
  const visible = sum(callsFit ? callTokens : []) + tokensOf(shown) + tokensOf(reply.refusal ?? '');
  return {
    ...reply,
    reasoning,
    text: shown,
    toolCalls: callsFit ? reply.toolCalls : [],
    stop,
    stopSequence: isCut ? null : stopSequence,
    usage: { input: inputTokens(request), output: reasoningTokens + visible, reasoning: reasoningTokens },
  };
}

const sum = (numbers: number[]): number => numbers.reduce((total, one) => total + one, 0);
const fitting = (text: string, tokens: number): string => (tokensOf(text) <= tokens ? text : cutToTokens(text, tokens));

function stopped(text: string, sequences: readonly string[]): [string, string | null] {
  const hits = sequences
    .map((sequence) => ({ sequence, at: sequence === '' ? -1 : text.indexOf(sequence) }))
    .filter(({ at }) => at >= 0)
    .toSorted((a, b) => a.at - b.at);
  const [first] = hits;
  return first === undefined ? [text, null] : [text.slice(0, first.at), first.sequence];
}
