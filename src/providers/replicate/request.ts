import type { JsonObject, JsonValue } from '../../common/json.js';
import type { MediaTask, ReferenceRole, ResolvedReference, TaskShape } from '../contract.js';
import { givenFields, givenRoles, invalidInput, referencesOf } from '../task-input.js';
import type { Family, MediaTerm } from './family.js';
import { fluxDev, fluxDevLora } from './flux.js';
import { klingV3 } from './kling.js';
import { optionsShape, settingsShape, type FAMILY_NAMES } from './options.js';

const FAMILIES: Readonly<Record<(typeof FAMILY_NAMES)[number], Family>> = {
  'flux-dev': fluxDev,
  'flux-dev-lora': fluxDevLora,
  'kling-v3': klingV3,
};

const familyOf = (settings: JsonObject): Family => FAMILIES[settingsShape.parse(settings).family];

/** Brings a checked picture to the provider and answers what to put into the input. */
export type Carry = (reference: ResolvedReference, maxBytes: number) => Promise<string>;

/** Body of a create, all that is ever in it. */
export interface CreatePrediction {
  version?: string;
  input: JsonObject;
  webhook?: string;
  webhook_events_filter?: ['completed'];
}

function fieldProblems(family: Family, input: JsonObject): string[] {
  return givenFields(input).flatMap((field) => {
    const term = family.terms[field];
    if (term === undefined)
      return family.composed.includes(field) ? [] : [`${field} is not taken by ${family.title} on Replicate`];
    const problem = term.problem(input[field] as JsonValue);
    return problem === null ? [] : [`${field} ${problem}`];
  });
}

function referenceProblems(family: Family, shape: TaskShape): string[] {
  return givenRoles(shape.references).flatMap((role) => {
    if (family.media[role] === undefined) return [`${role} is not taken by ${family.title} on Replicate`];
    return (shape.references[role] ?? 0) > 1 ? [`${role} takes one file on this route`] : [];
  });
}

/** Why a job can't go to this route: what the model lacks, and its bounds. */
export function unsupported(shape: TaskShape): string[] {
  const family = familyOf(shape.settings);
  const prompt = shape.input['prompt'];
  return [
    ...(typeof prompt === 'string' && prompt.trim() !== '' ? [] : ['prompt is needed by this route']),
    ...fieldProblems(family, shape.input),
    ...referenceProblems(family, shape),
    ...family.problems(shape),
  ];
}

/** What is known of a picture only once it was fetched. */
function checkPicture({ role, contentType, width, height }: ResolvedReference, term: MediaTerm): void {
  if (!term.contentTypes.includes(contentType))
    throw invalidInput(`${role} is ${contentType}; this route takes ${term.contentTypes.join(', ')}`, role);
  if (!width || !height) return;
  const [short, long] = width < height ? [width, height] : [height, width];
  if (short < (term.minSide ?? 0))
    throw invalidInput(`${role} is ${width}x${height}; this route takes ${term.minSide} pixels a side or more`, role);
  if (long / short > (term.maxRatio ?? Number.POSITIVE_INFINITY))
    throw invalidInput(`${role} is ${width}x${height}; at most ${term.maxRatio}:1 is taken`, role);
}

async function mediaInput(family: Family, task: MediaTask, carry: Carry): Promise<JsonObject> {
  const input: JsonObject = {};
  for (const [role, term] of Object.entries(family.media) as [ReferenceRole, MediaTerm][]) {
    const [reference] = referencesOf(task, role);
    if (!reference) continue;
    checkPicture(reference, term);
    input[term.wire] = await carry(reference, term.maxBytes);
  }
  return input;
}

/** `90` → `1m30s`, as the header's documentation writes durations. */
export function durationOf(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts.flatMap(([amount, unit]) => (amount > 0 ? [`${amount}${unit}`] : [])).join('');
}

export interface WireRequest {
  /** Below the endpoint. */
  path: string;
  headers: Record<string, string>;
  body: CreatePrediction;
  warnings: string[];
  kind: 'image' | 'video';
  count: number;
}

/** The create of one task: an official model by its own path, any other by its version. Never `Prefer: wait`. */
export async function toWire(task: MediaTask, callbackUrl: string | undefined, carry: Carry): Promise<WireRequest> {
  const { version, cancel_after_seconds: cancelAfter } = settingsShape.parse(task.settings);
  const family = familyOf(task.settings);
  const options = optionsShape.parse(task.options);
  const [wrong] = fieldProblems(family, task.input);
  if (wrong !== undefined) throw invalidInput(wrong, wrong.split(' ')[0] ?? '');
  const media = await mediaInput(family, task, carry);
  const input: JsonObject = {};
  for (const field of givenFields(task.input)) {
    const term = family.terms[field];
    const value = task.input[field] as JsonValue;
    if (term) input[term.wire] = term.spell ? term.spell(value) : value;
  }
  Object.assign(input, family.more(task, options), media);
  // A first frame decides the shape, and the field would be ignored beside it.
  if (input['start_image'] !== undefined) delete input['aspect_ratio'];
  const count = input['num_outputs'];
  return {
    path:
      version === undefined
        ? `/models/${task.model.split('/').map(encodeURIComponent).join('/')}/predictions`
        : '/predictions',
    headers: {
      'content-type': 'application/json',
      ...(cancelAfter !== undefined && { 'cancel-after': durationOf(cancelAfter) }),
    },
    body: {
      ...(version !== undefined && { version }),
      input,
      ...(callbackUrl !== undefined && { webhook: callbackUrl, webhook_events_filter: ['completed'] }),
    },
    warnings: family.warnings(task, options),
    kind: family.produces,
    count: typeof count === 'number' ? count : 1,
  };
}
