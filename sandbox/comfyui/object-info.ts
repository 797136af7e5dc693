import type { InputSpec, NodeSpec } from './input-types.js';
import { NODES } from './nodes.js';
import { configOf } from './validate.js';

/** One class as `/object_info` describes it; null for an unknown one. `uploads` are the files a LoadImage may name. */
export function objectInfo(className: string, uploads: string[]): object | null {
  const spec = NODES[className];
  return spec === undefined ? null : describe(className, spec, uploads);
}

export function allObjectInfo(uploads: string[]): object {
  return Object.fromEntries(Object.entries(NODES).map(([name, spec]) => [name, describe(name, spec, uploads)]));
}

function describe(name: string, spec: NodeSpec, uploads: string[]): object {
  const inputs = (group: Record<string, InputSpec>) =>
    Object.fromEntries(
      Object.entries(group).map(([input, declared]) => [
        input,
        declared.type === 'UPLOAD' ? [uploads, { image_upload: true }] : configOf(declared),
      ]),
    );
  const optional = spec.optional === undefined ? {} : { optional: inputs(spec.optional) };
  const order = {
    required: Object.keys(spec.required),
    ...(spec.optional === undefined ? {} : { optional: Object.keys(spec.optional) }),
  };
  return {
    input: { required: inputs(spec.required), ...optional },
    input_order: order,
    output: spec.outputs,
    output_is_list: spec.outputs.map(() => false),
    output_name: spec.outputs,
    name,
    display_name: name,
    description: '',
    python_module: 'nodes',
    category: spec.category,
    output_node: spec.isOutput === true,
  };
}
