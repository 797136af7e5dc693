import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { Tool, ToolChoice } from '../conversation.js';
import { NO_PARAMETERS } from '../tool-arguments.js';
import { given, isObject } from '../shapes.js';
import { child, flag, list, name, object, oneOf, optional, required, text, wrong } from './fields.js';

/** Tools and their choice. Shapes: `openai` 7, `FunctionTool`, `ToolChoiceOptions`, `ToolChoiceFunction`, `ToolChoiceAllowed`. */
export interface ToolUse {
  tools: Tool[];
  toolChoice?: ToolChoice;
  /** `tool_choice` where it names what only this API has. */
  foreign: string[];
}

const CHOICES = "'auto', 'none', 'required', {type: 'function', name} or {type: 'allowed_tools', mode, tools}";

export function readTools(body: JsonObject): ToolUse {
  const tools = (optional(body, 'tools', '', list) ?? []).map((raw, index) => readTool(raw, `tools[${index}]`));
  const choice = body.tool_choice;
  if (choice === undefined || choice === null) return { tools, foreign: [] };
  if (typeof choice === 'string') {
    const type = (['auto', 'none', 'required'] as const).find((word) => word === choice);
    if (!type) throw wrong('tool_choice', CHOICES, choice);
    return { tools, toolChoice: { type }, foreign: [] };
  }
  if (!isObject(choice) || typeof choice.type !== 'string') throw wrong('tool_choice', CHOICES, choice);
  if (choice.type === 'function') {
    const chosen = required(choice, 'name', 'tool_choice', name, 'the name of one of the tools');
    if (!hasFunction(tools, chosen)) throw wrong('tool_choice.name', 'the name of one of the tools', chosen);
    return { tools, toolChoice: { type: 'tool', name: chosen }, foreign: [] };
  }
  return choice.type === 'allowed_tools' ? allowed(tools, choice) : { tools, foreign: ['tool_choice'] };
}

function readTool(raw: JsonValue, at: string): Tool {
  const tool = object(raw, at);
  const type = required(tool, 'type', at, name, "'function' or a hosted tool");
  if (type !== 'function') return { kind: 'hosted', type };
  return given({
    kind: 'function' as const,
    name: required(tool, 'name', at, name, 'the name of the function'),
    description: optional(tool, 'description', at, text),
    parameters: optional(tool, 'parameters', at, object) ?? NO_PARAMETERS,
    strict: optional(tool, 'strict', at, flag),
  });
}

/** No other API narrows tools by choice: giving the model only those that are allowed comes to the same. */
function allowed(tools: Tool[], choice: JsonObject): ToolUse {
  const entries = required(choice, 'tools', 'tool_choice', list, 'a list of tools');
  const type = required(choice, 'mode', 'tool_choice', oneOf('auto', 'required'), "'auto' or 'required'");
  const wanted = entries.map((raw, index) => {
    const at = child('tool_choice', `tools[${index}]`);
    const entry = object(raw, at);
    const found = tools.find((tool) =>
      tool.kind === 'function' ? entry.type === 'function' && entry.name === tool.name : entry.type === tool.type,
    );
    if (!found) throw wrong(at, 'one of the request’s tools', entry.name ?? entry.type);
    return found;
  });
  return { tools: tools.filter((tool) => wanted.includes(tool)), toolChoice: { type }, foreign: [] };
}

const hasFunction = (tools: Tool[], chosen: string): boolean =>
  tools.some((tool) => tool.kind === 'function' && tool.name === chosen);
