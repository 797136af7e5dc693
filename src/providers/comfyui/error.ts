import { ProviderError } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import { fromStatus, RAW_MAX_CHARS, type Effect, type HttpAnswer } from '../http-errors.js';
import type { Workflow } from './mapping.js';
import { fieldBehind } from './request.js';
import { refused, type ExecutionError, type NodeErrors } from './wire.js';

const OUT_OF_MEMORY = /out of memory|OutOfMemory|allocation on device|CUDA error/i;
/** Validation that a request's value can fail; the rest is a fault of the graph. */
const VALUE_ERRORS = ['value_not_in_list', 'value_smaller_than_min', 'value_bigger_than_max', 'invalid_input_type'];

/** What a run says when a node raised. Memory and driver trouble is the instance's, so another may do better. */
export function executionError(error: ExecutionError | null | undefined): ProviderError {
  const type = error?.exception_type ?? '';
  const text = (error?.exception_message ?? 'the run failed without a message').trim().slice(0, 500);
  const where =
    error?.node_id === null || error?.node_id === undefined
      ? ''
      : ` in node ${error.node_id} (${error.node_type ?? 'unknown class'})`;
  const memory = OUT_OF_MEMORY.test(`${type} ${text}`);
  return new ProviderError(
    memory ? 'unavailable' : 'internal',
    'rejected',
    `${type ? `${type}: ` : ''}${text}${where}`,
  );
}

/** Someone stopped the run: by Kiln's own cancel, or by hand on the instance. */
export const interrupted = (): ProviderError =>
  new ProviderError('unavailable', 'rejected', 'the run was interrupted on the instance');

function nodeError(node: string, errors: NodeErrors[string], flow: Workflow): ProviderError {
  const className = errors.class_type ?? 'unknown class';
  const first = errors.errors?.[0];
  const input = first?.extra_info?.input_name ?? '';
  const place = `node ${node} (${className})${input ? ` input ${input}` : ''}`;
  const text = [first?.message, first?.details].filter(Boolean).join(': ').slice(0, 300) || 'failed validation';
  // The lists of loaders are the files on that instance's disk.
  if (first?.type === 'value_not_in_list' && /load/i.test(className))
    return new ProviderError('unavailable', 'rejected', `this instance lacks a model file: ${place}: ${text}`);
  if (first?.type === 'custom_validation_failed' && /load/i.test(className))
    return new ProviderError('unavailable', 'rejected', `this instance lacks an uploaded file: ${place}: ${text}`);
  const field = input ? fieldBehind(flow, node, input) : null;
  if (field && first?.type && VALUE_ERRORS.includes(first.type))
    return new ProviderError('invalid_input', 'rejected', `${field}: ${text}`, { param: field });
  return new ProviderError(
    'internal',
    'rejected',
    `the workflow ${flow.name} does not fit this instance: ${place}: ${text}`,
  );
}

/** The first error that keeps one of our outputs from being made, or null. */
export function outputError(errors: NodeErrors, flow: Workflow): ProviderError | null {
  const hits = Object.entries(errors).find(
    ([node, error]) =>
      flow.output.includes(node) || (error.dependent_outputs ?? []).some((output) => flow.output.includes(output)),
  );
  return hits ? nodeError(hits[0], hits[1], flow) : null;
}

/** A refused POST /prompt. */
export function promptError(answer: HttpAnswer, flow: Workflow, nowMs: number): ProviderError {
  const body = answer.status === 400 ? parseMaybe(refused, answer.text) : null;
  if (body === null) return fromStatus(answer, 'buys', nowMs);
  const { type = '', message = '', details, extra_info: extra } = body.error;
  const detail = { upstreamStatus: 400, raw: answer.text.slice(0, RAW_MAX_CHARS) };
  const missingNode =
    type === 'missing_node_type' || (type === 'invalid_prompt' && /class_type|does not exist|not found/i.test(message));
  if (missingNode) {
    const name = extra?.class_type ?? message;
    return new ProviderError('unavailable', 'rejected', `this instance lacks the node ${name} of ${flow.name}`, detail);
  }
  const first = outputError(body.node_errors ?? {}, flow);
  if (first)
    return new ProviderError(first.kind, first.outcome, first.message, { ...detail, param: first.detail.param });
  const text = [type, message, details].filter(Boolean).join(': ');
  return new ProviderError('internal', 'rejected', `the instance refused ${flow.name}: ${text.slice(0, 500)}`, detail);
}

/** Any other route. A server behind a proxy may answer 401, 429, 502…; ComfyUI itself has no such statuses. */
export const toError = (answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError =>
  fromStatus(answer, effect, nowMs);
