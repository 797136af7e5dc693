import { readInput } from '../../inputs.js';
import { type Provider, readPrompt, type TaskFaults } from '../../faults.js';
import { check } from '../check.js';
import { outcomeOf } from '../text-faults.js';
import { seeFile, seeLink, seePicture } from '../tokens.js';
import type { TextFormat, TextRequest, Tool, Turn, UserPart } from '../types.js';
import { modelOf, type TextVendor } from '../vendors.js';
import { failed, wrong } from './errors.js';
import { asksToReason } from './quirks.js';
import { type ChatBody, type ChatMessage, chatSchema } from './request.js';
import { type Asked, ruleBroken, tooLong } from './rules.js';

export interface Chat extends Asked {
  request: TextRequest;
}

const SCHEMAS = new Map<TextVendor, ReturnType<typeof chatSchema>>();

function schemaOf(vendor: TextVendor): ReturnType<typeof chatSchema> {
  const known = SCHEMAS.get(vendor) ?? chatSchema(vendor.unknownFields === 'refused', vendor.ownFields);
  SCHEMAS.set(vendor, known);
  return known;
}

/** Checks the body as this vendor does and turns it into what the brain reads. Throws `ChatError`. */
export async function readChat(vendor: TextVendor, sent: unknown, faults: TaskFaults): Promise<Chat> {
  const { provider } = vendor;
  const checked = check<ChatBody>(schemaOf(vendor), sent);
  if ('problem' in checked) throw wrong(provider, checked.problem);
  const { ok: body } = checked;
  const raw = sent as Record<string, unknown>;
  const refused = vendor.refusedFields.find((field) => raw[field] !== undefined && raw[field] !== null);
  if (refused !== undefined) throw wrong(provider, { kind: 'unknown', param: refused, got: '', wanted: '' });
  const model = modelOf(vendor, body.model);
  if (model === null) throw failed(provider, 'no_model', 'model', noModel(vendor, body.model));
  const asked: Asked = { vendor, model, raw, body, reasoning: asksToReason(vendor, model, raw) };
  const broken = ruleBroken(asked);
  if (broken !== null) throw broken;
  const request = await requestOf(asked, faults);
  const long = tooLong(asked, request, 'context-length' in faults);
  if (long !== null) throw long;
  return { ...asked, request };
}

const NO_MODEL: Partial<Record<Provider, (id: string) => string>> = {
  deepseek: () => 'Model Not Exist',
  moonshot: (id) => `Not found the model ${id} or Permission denied`,
  google: (id) =>
    `models/${id.replace(/^models\//, '')} is not found for API version v1main, or is not supported for generateContent.`,
};

const noModel = ({ provider }: TextVendor, id: string): string =>
  NO_MODEL[provider]?.(id) ?? `The model \`${id}\` does not exist or you do not have access to it.`;

async function requestOf({ vendor, body, model, reasoning }: Asked, faults: TaskFaults): Promise<TextRequest> {
  const turns = await Promise.all(body.messages.map(async (message, index) => turnOf(vendor, message, index)));
  return {
    system: body.messages.flatMap((message) =>
      message.role === 'system' || message.role === 'developer' ? [textOf(message.content)] : [],
    ),
    turns: turns.filter((turn) => turn !== null),
    tools: toolsOf(body),
    toolChoice: choiceOf(body),
    parallelTools: body.parallel_tool_calls ?? true,
    format: formatOf(body),
    maxOutputTokens: Math.min(body.max_completion_tokens ?? body.max_tokens ?? Infinity, model.maxOutputTokens),
    stop: typeof body.stop === 'string' ? [body.stop] : (body.stop ?? []),
    reasoning,
    outcome: outcomeOf(faults),
  };
}

const textOf = (content: string | readonly { text: string }[]): string =>
  typeof content === 'string' ? content : content.map(({ text }) => text).join('\n');

async function turnOf(vendor: TextVendor, message: ChatMessage, index: number): Promise<Turn | null> {
  switch (message.role) {
    case 'system':
    case 'developer':
      return null;
    case 'tool':
      return { role: 'tool', callId: message.tool_call_id, name: null, text: textOf(message.content) };
    case 'function':
      return { role: 'tool', callId: message.name, name: message.name, text: message.content ?? '' };
    case 'user':
      return { role: 'user', parts: await partsOf(vendor, message.content, `messages[${index}].content`) };
    case 'assistant':
      return { role: 'assistant', text: assistantText(message), toolCalls: callsOf(vendor, message, index) };
  }
}

type Assistant = Extract<ChatMessage, { role: 'assistant' }>;

function assistantText({ content, refusal }: Assistant): string {
  if (typeof content === 'string') return content;
  const parts = (content ?? []).map((part) => (part.type === 'text' ? part.text : part.refusal));
  return [...parts, ...(refusal == null ? [] : [refusal])].join('\n');
}

function callsOf(vendor: TextVendor, { tool_calls: calls = [] }: Assistant, index: number) {
  return calls.map(({ id, function: { name, arguments: json } }, at) => ({
    id,
    name,
    arguments: argumentsIn(vendor, json, `messages[${index}].tool_calls[${at}].function.arguments`),
  }));
}

/** Most vendors parse what a model once wrote; the sandbox takes no other. */
function argumentsIn({ provider }: TextVendor, json: string, param: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json === '' ? '{}' : json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Refused below, like JSON that is no object.
  }
  throw failed(provider, 'value', param, `Invalid '${param}': expected an object as JSON.`);
}

type UserContent = Extract<ChatMessage, { role: 'user' }>['content'];
type Part = Exclude<UserContent, string>[number];

async function partsOf(vendor: TextVendor, content: UserContent, at: string): Promise<UserPart[]> {
  if (typeof content === 'string') return [said(content)];
  return Promise.all(content.map(async (part, index) => partOf(vendor, part, `${at}[${index}]`)));
}

const said = (text: string): UserPart => ({ kind: 'text', text: readPrompt(text).text });

async function partOf({ provider }: TextVendor, part: Part, at: string): Promise<UserPart> {
  const refuse = (param: string, message: string) => failed(provider, 'value', param, message);
  switch (part.type) {
    case 'text':
      return said(part.text);
    case 'image_url': {
      const { url } = part.image_url;
      const param = `${at}.image_url.url`;
      if (/^https?:\/\//i.test(url)) return seeLink('image', url);
      const { bytes } = await readInput(url).catch((error: Error) => {
        throw refuse(param, `Invalid '${param}': ${error.message}.`);
      });
      return seePicture(bytes).catch(() => {
        throw refuse(param, 'You uploaded an unsupported image. Please make sure your image is valid.');
      });
    }
    case 'input_audio': {
      const { data, format } = part.input_audio;
      return seeFile('audio', format, Buffer.from(data, 'base64').length);
    }
    case 'file': {
      const { file_data: data, file_id: id, filename = 'file' } = part.file;
      if (data === undefined)
        throw refuse(
          `${at}.file`,
          id === undefined ? `Missing '${at}.file.file_data'.` : 'Uploaded files are not emulated by this sandbox.',
        );
      const { bytes, contentType } = await readInput(data).catch((error: Error) => {
        throw refuse(`${at}.file.file_data`, `Invalid '${at}.file.file_data': ${error.message}.`);
      });
      return seeFile('document', `${filename} ${contentType}`, bytes.length);
    }
  }
}

function toolsOf({ tools = [], functions = [], tool_choice: choice }: ChatBody): Tool[] {
  const allowed = typeof choice === 'object' && choice.type === 'allowed_tools' ? choice.allowed_tools.tools : null;
  const isAllowed = (name: string): boolean =>
    allowed === null || JSON.stringify(allowed).includes(JSON.stringify(name));
  return [...tools.map((tool) => tool.function), ...functions]
    .filter(({ name }) => isAllowed(name))
    .map(({ name, description = '', parameters }) => ({
      name,
      description,
      schema: parameters ?? { type: 'object', properties: {} },
    }));
}

function choiceOf({ tool_choice: choice, function_call: legacy }: ChatBody): TextRequest['toolChoice'] {
  if (typeof legacy === 'object') return { name: legacy.name };
  if (legacy !== undefined) return legacy;
  if (choice === undefined || typeof choice === 'string') return choice ?? 'auto';
  return choice.type === 'function' ? { name: choice.function.name } : choice.allowed_tools.mode;
}

function formatOf({ response_format: format }: ChatBody): TextFormat {
  if (format === undefined || format.type === 'text') return { kind: 'text' };
  if (format.type === 'json_object') return { kind: 'json_object' };
  return { kind: 'json_schema', schema: format.json_schema.schema ?? {} };
}
