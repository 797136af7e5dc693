import type { ContentBlock, TextBlock, ToolResult } from './blocks.js';
import { blocksOf, type Message, type MessagesBody, type Version } from './body.js';
import { invalid } from './errors.js';
import { checkImage } from './image.js';
import type { ClaudeModel } from './models.js';
import { isOwnRedacted, isOwnSignature } from './signature.js';

/** Blocks that only one of the roles says; of the rest both may. */
const OF_USER = ['image', 'search_result', 'tool_result', 'container_upload'];
const OF_ASSISTANT = ['tool_use', 'thinking', 'redacted_thinking', 'server_tool_use'];

interface Turn {
  role: Message['role'];
  /** Of the first of the messages that make this turn. */
  at: number;
  blocks: ContentBlock[];
}

/** The rules of a conversation: roles, empty texts, tool calls and their results, signatures. */
export function checkConversation(body: MessagesBody, model: ClaudeModel, version: Version): void {
  const { messages } = body;
  for (const [at, message] of messages.entries()) {
    checkContent(messages, at);
    for (const [index, block] of blocksOf(message.content).entries())
      checkBlock(block, message.role, `messages.${at}.content.${index}`, version);
  }
  if (typeof body.system === 'object') body.system.forEach(({ text }) => checkText(text, 'system'));
  const turns = mergedTurns(messages);
  checkSystemTurns(turns, model);
  checkTools(turns.filter(({ role }) => role !== 'system'));
  if (body.thinking?.type === 'enabled') checkBeginsWithThinking(turns);
  const last = turns.at(-1);
  if (last?.role === 'assistant') checkPrefill(last, model);
}

/** Neighbours of one role are one turn. */
function mergedTurns(messages: readonly Message[]): Turn[] {
  const turns: Turn[] = [];
  for (const [at, { role, content }] of messages.entries()) {
    const last = turns.at(-1);
    if (last?.role === role) last.blocks.push(...blocksOf(content));
    else turns.push({ role, at, blocks: [...blocksOf(content)] });
  }
  return turns;
}

function checkContent(messages: readonly Message[], at: number): void {
  const message = messages[at];
  const isFinalAssistant = at === messages.length - 1 && message?.role === 'assistant';
  if (message?.content.length === 0 && !isFinalAssistant)
    throw invalid(
      `messages.${at}: all messages must have non-empty content except for the optional final assistant message`,
    );
  if (typeof message?.content === 'string' && message.content !== '') checkText(message.content, 'messages');
}

function checkText(text: string, where: string): void {
  if (text === '') throw invalid(`${where}: text content blocks must be non-empty`);
  if (text.trim() === '') throw invalid(`${where}: text content blocks must contain non-whitespace text`);
}

function checkBlock(block: ContentBlock, role: Message['role'], path: string, version: Version): void {
  const stranger = role === 'user' ? OF_ASSISTANT : role === 'assistant' ? OF_USER : [];
  if (stranger.includes(block.type)) throw invalid(`${path}: \`${block.type}\` blocks cannot be in ${role} messages`);
  if (block.type === 'text') checkTextBlock(block, role, path, version);
  if (block.type === 'document' && role === 'assistant' && version !== '2023-06-01')
    throw invalid(`${path}: \`document\` blocks are not permitted in assistant messages`);
  if (block.type === 'image') checkImage(block, path);
  if (block.type === 'tool_result') checkResult(block, path);
  if (block.type === 'thinking' && !isOwnSignature(block.thinking, block.signature))
    throw invalid(`${path}: Invalid \`signature\` in \`thinking\` block`);
  if (block.type === 'redacted_thinking' && !isOwnRedacted(block.data))
    throw invalid(`${path}: Invalid \`data\` in \`redacted_thinking\` block`);
}

function checkResult({ content }: ToolResult, path: string): void {
  if (typeof content !== 'object') return;
  for (const [index, inner] of content.entries()) {
    if (inner.type === 'text') checkText(inner.text, `${path}.content.${index}`);
    if (inner.type === 'image') checkImage(inner, `${path}.content.${index}`);
  }
}

function checkTextBlock(block: TextBlock, role: Message['role'], path: string, version: Version): void {
  checkText(block.text, 'messages');
  if (version !== '2023-06-01' && role === 'user' && (block.citations?.length ?? 0) > 0)
    throw invalid(`${path}.citations: citations are not permitted on text blocks in user messages`);
}

/** A system turn stands right after a user's and before an assistant's, or last; the first turn is the user's. */
function checkSystemTurns(turns: readonly Turn[], model: ClaudeModel): void {
  for (const [index, { role, at }] of turns.entries()) {
    if (role !== 'system') continue;
    if (!model.systemTurns) throw invalid(`messages.${at}: role 'system' is not supported on this model`);
    if (turns[index - 1]?.role !== 'user')
      throw invalid(`messages.${at}: a system message must directly follow a user message`);
    if (turns[index + 1]?.role === 'user')
      throw invalid(`messages.${at + 1}: a user message must not directly follow a system message`);
  }
  if (turns[0]?.role !== 'user') throw invalid('messages: first message must use the "user" role');
}

/** Every call is answered at the beginning of the very next turn, each once, and nothing else is. */
function checkTools(turns: readonly Turn[]): void {
  const seen = new Set<string>();
  for (const [index, { role, at, blocks }] of turns.entries()) {
    if (role !== 'assistant') continue;
    const ids = blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
    const twice = ids.find((id, position) => seen.has(id) || ids.indexOf(id) !== position);
    if (twice !== undefined) throw invalid(`messages.${at}: \`tool_use\` ids must be unique, got ${twice} twice`);
    for (const id of ids) seen.add(id);
    const next = turns[index + 1];
    const results = leadingResults(next);
    const unanswered = ids.filter((id) => !results.includes(id));
    if (unanswered.length > 0)
      throw invalid(
        `messages.${next?.at ?? at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${unanswered.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      );
  }
  for (const [index, turn] of turns.entries()) {
    if (turn.role !== 'user') continue;
    const asked = (turns[index - 1]?.blocks ?? []).flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
    const answered = new Set<string>();
    for (const [position, block] of turn.blocks.entries()) {
      if (block.type !== 'tool_result') continue;
      if (!asked.includes(block.tool_use_id))
        throw invalid(
          `messages.${turn.at}.content.${position}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${block.tool_use_id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
        );
      if (answered.has(block.tool_use_id))
        throw invalid(
          `messages.${turn.at}.content.${position}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${block.tool_use_id}`,
        );
      answered.add(block.tool_use_id);
    }
  }
}

/** Ids of the results that a turn begins with; one after other content does not count. */
function leadingResults(turn: Turn | undefined): string[] {
  const ids: string[] = [];
  for (const block of turn?.blocks ?? []) {
    if (block.type !== 'tool_result') break;
    ids.push(block.tool_use_id);
  }
  return ids;
}

function checkPrefill(last: Turn, model: ClaudeModel): void {
  if (!model.prefills)
    throw invalid(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  const text = last.blocks.at(-1);
  if (text?.type === 'text' && text.text !== text.text.trimEnd())
    throw invalid('messages: final assistant content cannot end with trailing whitespace');
}

/** With a thinking budget, the assistant's last turn begins as it came, with its thinking, where its calls are answered now. */
function checkBeginsWithThinking(turns: readonly Turn[]): void {
  const last = turns.findLast(({ role }) => role === 'assistant');
  const [first] = last?.blocks ?? [];
  const isAnswered = turns.at(-1)?.blocks[0]?.type === 'tool_result';
  if (!last || !first || !(isAnswered || last === turns.at(-1))) return;
  if (first.type !== 'thinking' && first.type !== 'redacted_thinking')
    throw invalid(
      `messages.${last.at}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${first.type}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block.`,
    );
}
