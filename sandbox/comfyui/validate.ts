import type { InputSpec, NodeSpec } from './input-types.js';
import type { Graph, GraphNode } from './graph.js';
import { NODES } from './nodes.js';

export interface ComfyProblem {
  type: string;
  message: string;
  details: string;
  extra_info: Record<string, unknown>;
}

export interface NodeErrors {
  class_type: string;
  dependent_outputs: string[];
  errors: ComfyProblem[];
}

export type Validation =
  | { ok: true; outputs: string[]; nodeErrors: Record<string, NodeErrors> }
  | { ok: false; error: ComfyProblem; nodeErrors: Record<string, NodeErrors> };

/** Whether an uploaded file is there, by the name a graph gives it. */
export type FileExists = (annotatedName: string) => boolean;

/** Validates a prompt as `execution.py` does: an unknown class ends it at once, otherwise every output is judged by itself. */
export function validateGraph(graph: Graph, fileExists: FileExists): Validation {
  const outputs: string[] = [];
  for (const [id, node] of Object.entries(graph)) {
    const spec = typeof node?.class_type === 'string' ? NODES[node.class_type] : undefined;
    if (spec === undefined) return { ok: false, error: missingNodeType(id, node), nodeErrors: {} };
    if (spec.isOutput === true) outputs.push(id);
  }
  if (outputs.length === 0) {
    return {
      ok: false,
      error: { type: 'prompt_no_outputs', message: 'Prompt has no outputs', details: '', extra_info: {} },
      nodeErrors: {},
    };
  }
  const judge = new Judge(graph, fileExists);
  const good: string[] = [];
  const nodeErrors: Record<string, NodeErrors> = {};
  const said: string[] = [];
  for (const output of outputs) {
    if (judge.judgeOutput(output)) {
      good.push(output);
      continue;
    }
    said.push(...(judge.verdicts.get(output)?.errors ?? []).map((error) => `${error.message}: ${error.details}`));
    for (const [id, verdict] of judge.verdicts) {
      if (verdict.valid || verdict.errors.length === 0) continue;
      const entry = (nodeErrors[id] ??= {
        errors: verdict.errors,
        dependent_outputs: [],
        class_type: graph[id]?.class_type ?? '',
      });
      entry.dependent_outputs.push(output);
    }
  }
  if (good.length > 0) return { ok: true, outputs: good, nodeErrors };
  const error = {
    type: 'prompt_outputs_failed_validation',
    message: 'Prompt outputs failed validation',
    details: said.join('\n'),
    extra_info: {},
  };
  return { ok: false, error, nodeErrors };
}

function missingNodeType(id: string, node: GraphNode | undefined): ComfyProblem {
  const details = `Node ID '#${id}'`;
  const title = node?._meta?.title ?? node?.class_type ?? id;
  const extra_info = { node_id: id, class_type: node?.class_type ?? null, node_title: title };
  const message =
    typeof node?.class_type === 'string'
      ? `Node '${title}' not found. The custom node may not be installed.`
      : 'Cannot execute because a node is missing the class_type property.';
  return { type: 'missing_node_type', message, details, extra_info };
}

interface Verdict {
  valid: boolean;
  errors: ComfyProblem[];
}

/** Thrown where the Python code would raise: the caller turns it into an `exception_during_*` problem. */
class PythonError extends Error {
  constructor(
    readonly type: string,
    message: string,
  ) {
    super(message);
  }
}

class Judge {
  readonly verdicts = new Map<string, Verdict>();
  private readonly path = new Set<string>();

  constructor(
    private readonly graph: Graph,
    private readonly fileExists: FileExists,
  ) {}

  judgeOutput(id: string): boolean {
    try {
      return this.judge(id);
    } catch (error) {
      const { type, message } = error as PythonError;
      const problem = {
        type: 'exception_during_validation',
        message: 'Exception when validating node',
        details: message,
        extra_info: { exception_type: type, traceback: [] },
      };
      this.verdicts.set(id, { valid: false, errors: [problem] });
      return false;
    }
  }

  private judge(id: string): boolean {
    const known = this.verdicts.get(id);
    if (known !== undefined) return known.valid;
    const node = this.graph[id];
    const spec = NODES[node?.class_type ?? ''];
    if (node === undefined || spec === undefined) throw new PythonError('KeyError', `'${id}'`);
    if (typeof node.inputs !== 'object' || node.inputs === null) throw new PythonError('KeyError', "'inputs'");
    if (this.path.has(id)) {
      const details = [...this.path, id].join(' -> ');
      this.verdicts.set(id, {
        valid: false,
        errors: [{ type: 'dependency_cycle', message: 'Dependency cycle detected', details, extra_info: {} }],
      });
      return false;
    }
    this.path.add(id);
    try {
      return this.judgeInputs(id, node, spec);
    } finally {
      this.path.delete(id);
    }
  }

  private judgeInputs(id: string, node: GraphNode, spec: NodeSpec): boolean {
    const errors: ComfyProblem[] = [];
    let valid = true;
    for (const [name, input] of [...Object.entries(spec.required), ...Object.entries(spec.optional ?? {})]) {
      const value = node.inputs[name];
      if (!(name in node.inputs)) {
        if (name in spec.required)
          errors.push({
            type: 'required_input_missing',
            message: 'Required input is missing',
            details: name,
            extra_info: { input_name: name },
          });
      } else if (Array.isArray(value)) {
        const outcome = this.judgeLink(name, input, value);
        if (outcome === 'broken') valid = false;
        else if (outcome !== 'good') errors.push(outcome);
      } else {
        const problem = this.judgeValue(name, input, node, value);
        if (problem !== null) errors.push(problem);
      }
    }
    // A cycle found below has already condemned this node.
    const own = this.verdicts.get(id);
    if (own !== undefined) return own.valid;
    valid &&= errors.length === 0;
    this.verdicts.set(id, { valid, errors });
    return valid;
  }

  private judgeLink(name: string, input: InputSpec, value: unknown[]): ComfyProblem | 'good' | 'broken' {
    const config = configOf(input);
    if (value.length !== 2) {
      const extra_info = { input_name: name, input_config: config, received_value: value };
      return {
        type: 'bad_linked_input',
        message: 'Bad linked input, must be a length-2 list of [node_id, slot_index]',
        details: name,
        extra_info,
      };
    }
    const [from, slot] = value as [unknown, unknown];
    const fromId = String(from);
    const source = this.graph[fromId];
    if (source === undefined) throw new PythonError('KeyError', `'${fromId}'`);
    const received = typeof slot === 'number' ? NODES[source.class_type]?.outputs[slot] : undefined;
    if (received === undefined) throw new PythonError('IndexError', 'tuple index out of range');
    const wanted = input.type === 'LINK' ? input.of : input.type;
    if (received !== wanted) {
      const details = `${name}, received_type(${received}) mismatch input_type(${wanted})`;
      const extra_info = { input_name: name, input_config: config, received_type: received, linked_node: value };
      return {
        type: 'return_type_mismatch',
        message: 'Return type mismatch between linked nodes',
        details,
        extra_info,
      };
    }
    try {
      return this.judge(fromId) ? 'good' : 'broken';
    } catch (error) {
      const { type, message } = error as PythonError;
      const extra_info = {
        input_name: name,
        input_config: config,
        exception_message: message,
        exception_type: type,
        traceback: [],
        linked_node: value,
      };
      const problem = {
        type: 'exception_during_inner_validation',
        message: 'Exception when validating inner node',
        details: message,
        extra_info,
      };
      this.verdicts.set(fromId, { valid: false, errors: [problem] });
      return 'broken';
    }
  }

  /** Checks a literal and, like the server, converts it in place. */
  private judgeValue(name: string, input: InputSpec, node: GraphNode, given: unknown): ComfyProblem | null {
    const wrapped = typeof given === 'object' && given !== null && '__value__' in given;
    const value: unknown = wrapped ? given.__value__ : given;
    const problem = (
      type: string,
      message: string,
      details: string,
      config: unknown = configOf(input),
    ): ComfyProblem => ({
      type,
      message,
      details,
      extra_info: { input_name: name, input_config: config, received_value: value },
    });
    const converted = convert(input, value);
    if (converted === undefined) {
      return problem(
        'invalid_input_type',
        `Failed to convert an input value to a ${input.type} value`,
        `${name}, ${String(value)}`,
      );
    }
    node.inputs[name] = converted;
    switch (input.type) {
      case 'INT':
      case 'FLOAT': {
        const number = converted as number;
        if (input.min !== undefined && number < input.min)
          return problem('value_smaller_than_min', `Value ${number} smaller than min of ${input.min}`, name);
        if (input.max !== undefined && number > input.max)
          return problem('value_bigger_than_max', `Value ${number} bigger than max of ${input.max}`, name);
        return null;
      }
      case 'COMBO': {
        if (input.options.includes(converted as string)) return null;
        const isLong = input.options.length > 20;
        const list = isLong
          ? `(list of length ${input.options.length})`
          : `[${input.options.map((option) => `'${option}'`).join(', ')}]`;
        return problem(
          'value_not_in_list',
          'Value not in list',
          `${name}: '${String(value)}' not in ${list}`,
          isLong ? null : configOf(input),
        );
      }
      case 'UPLOAD':
        if (typeof converted === 'string' && this.fileExists(converted)) return null;
        return problem(
          'custom_validation_failed',
          'Custom validation failed for node',
          `${name} - Invalid image file: ${String(value)}`,
        );
      case 'LINK':
        return problem(
          'invalid_input_type',
          `Failed to convert an input value to a ${input.of} value`,
          `${name}, ${String(value)}`,
        );
      case 'STRING':
      case 'BOOLEAN':
        return null;
    }
  }
}

/** Python's `int()`, `float()`, `str()`, `bool()` on JSON; undefined where they would raise. */
function convert(input: InputSpec, value: unknown): unknown {
  switch (input.type) {
    case 'INT':
    case 'FLOAT': {
      if (typeof value !== 'number' && typeof value !== 'string' && typeof value !== 'boolean') return undefined;
      if (typeof value === 'string' && value.trim() === '') return undefined;
      const number = Number(value);
      if (!Number.isFinite(number)) return undefined;
      if (input.type === 'FLOAT') return number;
      return typeof value === 'string' && !Number.isInteger(number) ? undefined : Math.trunc(number);
    }
    case 'STRING':
      return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
    case 'BOOLEAN':
      return Boolean(value);
    case 'COMBO':
    case 'UPLOAD':
    case 'LINK':
      return value ?? null;
  }
}

/** An input's declaration as `/object_info` shows it: `[type, options]`, a combo's type being the list itself. */
export function configOf(input: InputSpec): [unknown, Record<string, unknown>] {
  switch (input.type) {
    case 'LINK':
      return [input.of, {}];
    case 'COMBO':
      return [input.options, input.standard === undefined ? {} : { default: input.standard }];
    case 'INT':
    case 'FLOAT':
      return [input.type, { default: input.standard, min: input.min, max: input.max, step: input.step }];
    case 'STRING':
      return ['STRING', { default: input.standard, multiline: input.multiline }];
    case 'BOOLEAN':
      return ['BOOLEAN', { default: input.standard }];
    case 'UPLOAD':
      return [[], { image_upload: true }];
  }
}
