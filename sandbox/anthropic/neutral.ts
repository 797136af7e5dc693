import type { Outcome, TextFormat, TextRequest, Tool, ToolCall, Turn, UserPart } from '../text/types.js';
import { seeFile, seeLink, seePicture } from '../text/tokens.js';
import type { ContentBlock, DocumentBlock, ImageBlock, ToolResult } from './blocks.js';
import { blocksOf, type Message, type MessagesBody } from './body.js';
import { invalid } from './errors.js';
import type { ClaudeModel } from './models.js';
import { thinkingOf, thinks } from './rules.js';

/** What the model reads of a checked body. */
export async function neutralOf(body: MessagesBody, model: ClaudeModel, outcome: Outcome): Promise<TextRequest> {
  const turns: Turn[] = [];
  const system = body.system === undefined ? [] : [textOf(blocksOf(body.system))];
  for (const [at, message] of body.messages.entries()) {
    if (message.role === 'system') system.push(textOf(blocksOf(message.content)));
    else turns.push(...(await turnsOf(message, `messages.${at}`)));
  }
  const { tool_choice: choice } = body;
  return {
    system,
    turns,
    tools: (body.tools ?? []).flatMap(toolOf),
    toolChoice:
      choice?.type === 'tool' ? { name: choice.name } : choice?.type === 'any' ? 'required' : (choice?.type ?? 'auto'),
    parallelTools: !(choice !== undefined && choice.type !== 'none' && choice.disable_parallel_tool_use === true),
    format: formatOf(body),
    maxOutputTokens: body.max_tokens,
    stop: body.stop_sequences ?? [],
    reasoning: thinks(thinkingOf(body, model)),
    outcome,
  };
}

/** Structured outputs: `output_config.format`, or the beta's `output_format`. */
function formatOf(body: MessagesBody & { output_format?: { schema: Record<string, unknown> } | null }): TextFormat {
  const format = body.output_config?.format ?? body.output_format;
  return format ? { kind: 'json_schema', schema: format.schema } : { kind: 'text' };
}

const textOf = (blocks: readonly ContentBlock[]): string =>
  blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');

/** Tools that the client runs; the server's own are taken and never used. */
function toolOf(tool: NonNullable<MessagesBody['tools']>[number]): Tool[] {
  if (tool.type === 'custom')
    return [{ name: tool.name, description: tool.description ?? '', schema: tool.input_schema }];
  if (!/^(?:bash|memory|text_editor|computer)_/.test(tool.type) || !('name' in tool)) return [];
  const schema = { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] };
  return [{ name: tool.name, description: '', schema }];
}

async function turnsOf(message: Message, path: string): Promise<Turn[]> {
  const blocks = blocksOf(message.content);
  if (message.role === 'assistant') {
    const toolCalls = blocks.flatMap((block): ToolCall[] =>
      block.type === 'tool_use' ? [{ id: block.id, name: block.name, arguments: block.input }] : [],
    );
    return [{ role: 'assistant', text: textOf(blocks), toolCalls }];
  }
  const results: Turn[] = [];
  const parts: UserPart[] = [];
  for (const [index, block] of blocks.entries()) {
    const at = `${path}.content.${index}`;
    if (block.type === 'tool_result')
      results.push({ role: 'tool', callId: block.tool_use_id, name: null, text: resultText(block) });
    else if (block.type === 'text') parts.push({ kind: 'text', text: block.text });
    else if (block.type === 'image') parts.push(await seen(block, at));
    else if (block.type === 'document') parts.push(read(block));
  }
  return parts.length === 0 ? results : [...results, { role: 'user', parts }];
}

function resultText({ content, is_error: isError }: ToolResult): string {
  const text =
    typeof content === 'string'
      ? content
      : (content ?? []).map((block) => (block.type === 'text' ? block.text : `(${block.type})`)).join('\n');
  return isError === true ? `error: ${text}` : text;
}

async function seen({ source }: ImageBlock, path: string): Promise<UserPart> {
  if (source.type === 'url') return seeLink('image', source.url);
  if (source.type === 'file') return seeLink('image', source.file_id);
  return seePicture(Buffer.from(source.data, 'base64')).catch(() => {
    throw invalid(`${path}.source.base64.data: Could not process image`);
  });
}

function read({ source }: DocumentBlock): UserPart {
  switch (source.type) {
    case 'base64':
      return seeFile('document', source.media_type, Buffer.byteLength(source.data, 'base64'));
    case 'url':
      return seeLink('document', source.url);
    case 'file':
      return seeLink('document', source.file_id);
    case 'text':
      return seeFile('document', source.media_type, Buffer.byteLength(source.data));
    case 'content':
      return seeFile('document', 'text/plain', Buffer.byteLength(JSON.stringify(source.content)));
  }
}
