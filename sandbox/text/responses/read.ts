import { readInput } from '../../inputs.js';
import { readPrompt, type TaskFaults } from '../../faults.js';
import { failed, wrong } from '../chat/errors.js';
import { strictnessProblem } from '../chat/strict-schema.js';
import { check } from '../check.js';
import { outcomeOf } from '../text-faults.js';
import { inputTokens, seeFile, seeLink, seePicture } from '../tokens.js';
import type { TextFormat, TextRequest, Turn, UserPart } from '../types.js';
import { modelOf, OPENAI, type TextModel } from '../vendors.js';
import { BODY, type Content, type Item, ITEMS, type ResponsesBody } from './request.js';

export interface Wanted {
  body: ResponsesBody;
  request: TextRequest;
}

/** Output items that a later request may name by `item_reference`. */
export interface ItemStore {
  get(id: string): Item | undefined;
}

const refuse = (param: string | null, message: string) => failed('openai', 'value', param, message);

/** Checks the body as OpenAI does and turns it into what the brain reads. Throws `ChatError`. */
export async function readResponses(sent: unknown, faults: TaskFaults, store: ItemStore): Promise<Wanted> {
  const checked = check<ResponsesBody>(BODY, sent);
  if ('problem' in checked) throw wrong('openai', checked.problem);
  const { ok: body } = checked;
  const model = modelOf(OPENAI, body.model);
  if (model === null)
    throw failed('openai', 'no_model', 'model', `The requested model '${body.model}' does not exist.`);
  const reasoning = reasons(body, model);
  checkRules(body, reasoning);
  const items = itemsOf(body.input).map((item) => (item.type === 'item_reference' ? found(store, item.id) : item));
  checkCalls(items);
  const turns = (await Promise.all(items.map(async (item, index) => turnOf(model, item, index)))).filter(
    (turn) => turn !== null,
  );
  const request: TextRequest = {
    system: [...(body.instructions == null ? [] : [body.instructions]), ...items.flatMap(systemText)],
    turns,
    tools: toolsOf(body),
    toolChoice: choiceOf(body),
    parallelTools: body.parallel_tool_calls ?? true,
    format: formatOf(body),
    maxOutputTokens: Math.min(body.max_output_tokens ?? Infinity, model.maxOutputTokens),
    stop: [],
    reasoning,
    outcome: outcomeOf(faults),
  };
  const tokens = inputTokens(request);
  if ('context-length' in faults || tokens > model.contextTokens)
    throw failed(
      'openai',
      'too_long',
      'input',
      'Your input exceeds the context window of this model. Please adjust your input and try again.',
    );
  return { body, request };
}

function reasons({ reasoning }: ResponsesBody, model: TextModel): boolean {
  if (model.reasons !== 'asked') return model.reasons === 'always';
  return reasoning?.effort != null && reasoning.effort !== 'none';
}

function checkRules(body: ResponsesBody, reasoning: boolean): void {
  if (body.previous_response_id != null)
    throw failed(
      'openai',
      'value',
      'previous_response_id',
      `Previous response with id '${body.previous_response_id}' not found.`,
    );
  for (const field of ['background', 'conversation', 'prompt'] as const)
    if (body[field]) throw refuse(field, `'${field}' is not emulated by this sandbox.`);
  if (reasoning)
    for (const field of ['temperature', 'top_p'] as const)
      if (body[field] != null)
        throw failed(
          'openai',
          'unsupported',
          field,
          `Unsupported parameter: '${field}' is not supported with this model.`,
        );
  const { tools = [], text, tool_choice: choice } = body;
  if (typeof choice === 'object' && choice.type === 'function' && !tools.some(({ name }) => name === choice.name))
    throw refuse('tool_choice', `Tool choice '${choice.name}' not found in 'tools' parameter.`);
  // Functions are strict here unless they say otherwise, but a schema that is not is let through without saying so.
  for (const [index, { name, parameters, strict }] of tools.entries()) {
    const problem = strict === true ? strictnessProblem(parameters ?? { type: 'object' }) : null;
    if (problem !== null)
      throw refuse(`tools[${index}].parameters`, `Invalid schema for function '${name}': ${problem}`);
  }
  const format = text?.format;
  if (format?.type !== 'json_schema' || format.strict !== true) return;
  const problem = strictnessProblem(format.schema);
  if (problem !== null)
    throw refuse('text.format.schema', `Invalid schema for response_format '${format.name}': ${problem}`);
}

function itemsOf(input: ResponsesBody['input']): Item[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  return input.map((item, index) => {
    const { type = 'message' } = item;
    const schema = typeof type === 'string' ? ITEMS[type] : undefined;
    if (schema === undefined)
      throw refuse(
        `input[${index}].type`,
        `Invalid value: ${JSON.stringify(type)}. Supported values of this sandbox are: ${Object.keys(ITEMS).join(', ')}.`,
      );
    const checked = check<Item>(schema, item);
    if ('ok' in checked) return checked.ok;
    const { param } = checked.problem;
    throw wrong('openai', { ...checked.problem, param: `input[${index}]${param === '' ? '' : `.${param}`}` });
  });
}

function found(store: ItemStore, id: string): Item {
  const item = store.get(id);
  if (item === undefined)
    throw failed(
      'openai',
      'no_model',
      'input',
      `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false.`,
    );
  return item;
}

/** Each output belongs to a call before it, and each call has its output. */
function checkCalls(items: readonly Item[]): void {
  const called = new Set<string>();
  const answered = new Set<string>();
  for (const item of items) {
    if (item.type === 'function_call') called.add(item.call_id);
    if (item.type !== 'function_call_output') continue;
    if (!called.has(item.call_id))
      throw refuse('input', `No tool call found for function call output with call_id ${item.call_id}.`);
    answered.add(item.call_id);
  }
  const open = [...called].find((id) => !answered.has(id));
  if (open !== undefined) throw refuse('input', `No tool output found for function call ${open}.`);
}

const isMessage = (item: Item): item is Extract<Item, { role: string }> => 'role' in item;

function systemText(item: Item): string[] {
  if (!isMessage(item) || (item.role !== 'system' && item.role !== 'developer')) return [];
  return [plainText(item.content)];
}

function plainText(content: string | readonly Content[]): string {
  if (typeof content === 'string') return content;
  return content.map((part) => ('text' in part ? part.text : 'refusal' in part ? part.refusal : '')).join('\n');
}

async function turnOf(model: TextModel, item: Item, index: number): Promise<Turn | null> {
  if (isMessage(item)) {
    if (item.role === 'assistant') return { role: 'assistant', text: plainText(item.content), toolCalls: [] };
    if (item.role !== 'user') return null;
    return { role: 'user', parts: await partsOf(model, item.content, `input[${index}].content`) };
  }
  if (item.type === 'function_call')
    return {
      role: 'assistant',
      text: '',
      toolCalls: [{ id: item.call_id, name: item.name, arguments: argumentsIn(item.arguments, index) }],
    };
  if (item.type !== 'function_call_output') return null;
  return { role: 'tool', callId: item.call_id, name: null, text: plainText(item.output) };
}

function argumentsIn(json: string, index: number): Record<string, unknown> {
  try {
    return JSON.parse(json === '' ? '{}' : json) as Record<string, unknown>;
  } catch {
    throw refuse(`input[${index}].arguments`, `Invalid 'input[${index}].arguments': expected JSON.`);
  }
}

async function partsOf(model: TextModel, content: string | readonly Content[], at: string): Promise<UserPart[]> {
  const parts = typeof content === 'string' ? [{ type: 'input_text' as const, text: content }] : content;
  return Promise.all(parts.map(async (part, index) => partOf(model, part, `${at}[${index}]`)));
}

async function partOf(model: TextModel, part: Content, at: string): Promise<UserPart> {
  if ('text' in part) return { kind: 'text', text: readPrompt(part.text).text };
  if (part.type === 'refusal') return { kind: 'text', text: part.refusal };
  const kind = part.type === 'input_image' ? 'image' : 'document';
  if (!model.takes.includes(kind === 'image' ? 'image' : 'file'))
    throw refuse(`${at}.type`, `Invalid input: '${part.type}' is not supported by this model.`);
  const source = part.type === 'input_image' ? part.image_url : (part.file_data ?? part.file_url);
  if (source == null) throw refuse(at, `'${at}' has no data; uploaded files are not emulated by this sandbox.`);
  if (/^https?:\/\//i.test(source)) return seeLink(kind, source);
  const { bytes, contentType } = await readInput(source).catch((error: Error) => {
    throw refuse(at, `Invalid '${at}': ${error.message}.`);
  });
  if (part.type === 'input_file') return seeFile('document', `${part.filename ?? 'file'} ${contentType}`, bytes.length);
  return seePicture(bytes).catch(() => {
    throw refuse(`${at}.image_url`, 'The image data you provided does not represent a valid image.');
  });
}

function toolsOf({ tools = [], tool_choice: choice }: ResponsesBody): TextRequest['tools'] {
  const allowed = typeof choice === 'object' && choice.type === 'allowed_tools' ? choice.tools : null;
  return tools
    .filter(({ name }) => allowed === null || allowed.some((one) => one['name'] === name))
    .map(({ name, description, parameters }) => ({
      name,
      description: description ?? '',
      schema: parameters ?? { type: 'object', properties: {} },
    }));
}

function choiceOf({ tool_choice: choice = 'auto' }: ResponsesBody): TextRequest['toolChoice'] {
  if (typeof choice === 'string') return choice;
  return choice.type === 'function' ? { name: choice.name } : choice.mode;
}

function formatOf({ text }: ResponsesBody): TextFormat {
  const format = text?.format;
  if (format === undefined || format.type === 'text') return { kind: 'text' };
  return format.type === 'json_object' ? { kind: 'json_object' } : { kind: 'json_schema', schema: format.schema };
}
