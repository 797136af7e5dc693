import { z } from 'zod';
import type { MediaTask, ProviderContext, ResolvedReference, TaskShape } from '../contract.js';
import { givenFields, givenRoles, invalidInput, readInput, readReference, referencesOf } from '../task-input.js';
import { optionsShape, settingsShape, type Wire } from './options.js';
import { LEGACY_PATHS } from './wire.js';

const MEBIBYTE = 1024 * 1024;
/** Largest picture in the body; the legacy wire takes no larger one at all (10 MB). */
const INLINE_MAX_BYTES = 10_000_000;
/** Largest picture by link on the current wire. */
const LINKED_MAX_BYTES = 50 * MEBIBYTE;
const IMAGE_TYPES = ['image/png', 'image/jpeg'];
const SIDE_MIN_PIXELS = 300;
/** Longer side by shorter side. */
const RATIO_MAX = 2.5;

const PROMPT_MAX_CHARS: Readonly<Record<Wire, number>> = { current: 3072, legacy: 2500 };
const NEGATIVE_MAX_CHARS = 2500;
const SECONDS = { min: 3, max: 15 };
const RESOLUTIONS = ['720p', '1080p', '4k'] as const;
const ASPECT_RATIOS = ['16:9', '9:16', '1:1'] as const;
/** Quality levels of the legacy wire, by the lines they make. */
const MODE = { '720p': 'std', '1080p': 'pro', '4k': '4k' } as const;
/** Movements with an amount of -10 to 10; the others are a `type` by themselves. */
const AXES = ['horizontal', 'vertical', 'pan', 'tilt', 'roll', 'zoom'] as const;
const MOVEMENTS = ['down_back', 'forward_up', 'right_turn_forward', 'left_turn_forward'] as const;

const camera = z.union([
  z.strictObject({ move: z.enum(AXES), amount: z.number().min(-10).max(10) }),
  z.strictObject({ move: z.enum(MOVEMENTS) }),
]);

const fields = z.object({
  prompt: z.string().nullish(),
  negative_prompt: z.string().nullish(),
  duration_seconds: z.number().nullish(),
  aspect_ratio: z.enum(ASPECT_RATIOS).nullish(),
  resolution: z.enum(RESOLUTIONS).nullish(),
  generate_audio: z.boolean().nullish(),
  guidance: z.number().nullish(),
  camera: camera.nullish(),
});
type Input = z.output<typeof fields>;
const LEGACY_ONLY = ['negative_prompt', 'guidance', 'camera'] as const;

function referenceProblems(shape: TaskShape): string[] {
  const { image = 0, last_image: last = 0 } = shape.references;
  return [
    ...givenRoles(shape.references)
      .filter((role) => role !== 'image' && role !== 'last_image')
      .map((role) => `${role} is not taken by this Kling model`),
    ...(image > 1 ? ['image takes one file'] : []),
    ...(last > 1 ? ['last_image takes one file'] : []),
    ...(last > 0 && image === 0 ? ['last_image needs image'] : []),
  ];
}

function inputProblems(input: Input, shape: TaskShape, wire: Wire): string[] {
  const problems: string[] = [];
  const { prompt, negative_prompt: negative, duration_seconds: seconds, guidance } = input;
  const { image = 0, last_image: last = 0 } = shape.references;
  const isGiven = (value: unknown): boolean => value !== null && value !== undefined;
  if (wire === 'current')
    for (const field of LEGACY_ONLY)
      if (isGiven(input[field])) problems.push(`${field} is not taken by Kling's current API`);
  if (image === 0 && !prompt) problems.push('prompt is required without image');
  if ((prompt?.length ?? 0) > PROMPT_MAX_CHARS[wire])
    problems.push(`prompt has more than ${PROMPT_MAX_CHARS[wire]} characters`);
  if ((negative?.length ?? 0) > NEGATIVE_MAX_CHARS)
    problems.push(`negative_prompt has more than ${NEGATIVE_MAX_CHARS} characters`);
  if (typeof seconds === 'number' && !(Number.isInteger(seconds) && seconds >= SECONDS.min && seconds <= SECONDS.max))
    problems.push(`duration_seconds must be a whole number from ${SECONDS.min} to ${SECONDS.max}`);
  if (typeof guidance === 'number' && (guidance < 0 || guidance > 1)) problems.push('guidance must be from 0 to 1');
  if (isGiven(input.aspect_ratio) && image > 0) problems.push('aspect_ratio follows image');
  if (isGiven(input.camera) && last > 0) problems.push('camera and last_image exclude each other');
  return problems;
}

/** Why a job can't go to this route: Kling 3.0's own limits, and what one of the two wires lacks. */
export function unsupported(shape: TaskShape): string[] {
  const { wire } = settingsShape.parse(shape.settings);
  const known = Object.keys(fields.shape);
  const problems = givenFields(shape.input)
    .filter((field) => !known.includes(field))
    .map((field) => `${field} is not taken by Kling`);
  const parsed = fields.safeParse(shape.input);
  if (!parsed.success)
    return [...problems, ...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)];
  return [...problems, ...referenceProblems(shape), ...inputProblems(parsed.data, shape, wire)];
}

/** Pictures that Kling would refuse after minutes in a queue are refused here, by name. */
function checkPicture({ role, contentType, width, height }: ResolvedReference): void {
  if (!IMAGE_TYPES.includes(contentType))
    throw invalidInput(`${role} is ${contentType}; this route takes ${IMAGE_TYPES.join(', ')}`, role);
  if (width === null || height === null) return;
  if (Math.min(width, height) < SIDE_MIN_PIXELS)
    throw invalidInput(`${role} is ${width}x${height}; this route takes sides of at least ${SIDE_MIN_PIXELS}`, role);
  if (Math.max(width, height) > Math.min(width, height) * RATIO_MAX)
    throw invalidInput(`${role} is ${width}x${height}; this route takes ratios from 1:2.5 to 2.5:1`, role);
}

/** Bare base64 (a `data:` prefix is refused), so that Kling need not reach this service; else, where the wire takes it, a link. */
async function picture(reference: ResolvedReference, wire: Wire): Promise<string> {
  checkPicture(reference);
  if (wire === 'legacy' || reference.bytes <= INLINE_MAX_BYTES)
    return (await readReference(reference, INLINE_MAX_BYTES)).toString('base64');
  if (reference.bytes > LINKED_MAX_BYTES)
    throw invalidInput(
      `${reference.role} has ${reference.bytes} bytes; this route takes at most ${LINKED_MAX_BYTES}`,
      reference.role,
    );
  return reference.url();
}

export interface KlingRequest {
  path: string;
  body: Record<string, unknown>;
}

interface Parts {
  input: Input;
  multiShot: boolean | undefined;
  first: string | null;
  last: string | null;
}

/** Body of the current wire: what to show, how, and what for. */
function currentRequest(model: string, { input, multiShot, first, last }: Parts, ctx: ProviderContext): KlingRequest {
  const settings = {
    ...(input.resolution && { resolution: input.resolution }),
    ...(first === null && input.aspect_ratio && { aspect_ratio: input.aspect_ratio }),
    ...(typeof input.duration_seconds === 'number' && { duration: input.duration_seconds }),
    ...(typeof input.generate_audio === 'boolean' && { audio: input.generate_audio ? 'native' : 'off' }),
    // Without the field Kling cuts between shots.
    multi_shot: multiShot ?? false,
  };
  const options = {
    external_task_id: ctx.token,
    ...(ctx.callbackUrl !== undefined && { callback_url: ctx.callbackUrl }),
    watermark_info: { enabled: false },
  };
  if (first === null)
    return { path: `/text-to-video/${encodeURIComponent(model)}`, body: { prompt: input.prompt, settings, options } };
  const contents = [
    ...(input.prompt ? [{ type: 'prompt', text: input.prompt }] : []),
    { type: 'first_frame', url: first },
    ...(last === null ? [] : [{ type: 'last_frame', url: last }]),
  ];
  return { path: `/image-to-video/${encodeURIComponent(model)}`, body: { contents, settings, options } };
}

const cameraControl = (wanted: z.output<typeof camera>): Record<string, unknown> =>
  'amount' in wanted ? { type: 'simple', config: { [wanted.move]: wanted.amount } } : { type: wanted.move };

/** Body of the legacy wire: one flat object, the length as text. */
function legacyRequest(model: string, { input, multiShot, first, last }: Parts, ctx: ProviderContext): KlingRequest {
  if (multiShot && last !== null)
    throw invalidInput('multi_shot and last_image exclude each other', 'provider_options.kling.multi_shot');
  const body = {
    model_name: model,
    ...(input.prompt && { prompt: input.prompt }),
    ...(input.negative_prompt && { negative_prompt: input.negative_prompt }),
    ...(typeof input.guidance === 'number' && { cfg_scale: input.guidance }),
    ...(input.resolution && { mode: MODE[input.resolution] }),
    ...(first === null && input.aspect_ratio && { aspect_ratio: input.aspect_ratio }),
    ...(typeof input.duration_seconds === 'number' && { duration: String(input.duration_seconds) }),
    ...(typeof input.generate_audio === 'boolean' && { sound: input.generate_audio ? 'on' : 'off' }),
    ...(input.camera && { camera_control: cameraControl(input.camera) }),
    ...(first !== null && { image: first }),
    ...(last !== null && { image_tail: last }),
    // The model cuts by itself; shots written out one by one are not offered.
    ...(multiShot === true && { multi_shot: true, shot_type: 'intelligence' }),
    ...(multiShot === false && { multi_shot: false }),
    external_task_id: ctx.token,
    ...(ctx.callbackUrl !== undefined && { callback_url: ctx.callbackUrl }),
    watermark_info: { enabled: false },
  };
  return { path: LEGACY_PATHS[first === null ? 0 : 1], body };
}

/** Where the task goes, and the body. Throws ProviderError `invalid_input` for a picture that the wire can't carry. */
export async function toWire(task: MediaTask, wire: Wire, ctx: ProviderContext): Promise<KlingRequest> {
  const input = readInput(fields, task.input);
  const { multi_shot: multiShot } = optionsShape.parse(task.options);
  const [firstFrame] = referencesOf(task, 'image');
  const [lastFrame] = referencesOf(task, 'last_image');
  const parts: Parts = {
    input,
    multiShot,
    first: firstFrame ? await picture(firstFrame, wire) : null,
    last: lastFrame ? await picture(lastFrame, wire) : null,
  };
  return wire === 'current' ? currentRequest(task.model, parts, ctx) : legacyRequest(task.model, parts, ctx);
}
