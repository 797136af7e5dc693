import type { JsonObject } from '../../common/json.js';
import type { MediaKind, MediaTask, Modality, ProviderContext, TaskShape } from '../contract.js';
import { givenFields, givenRoles, invalidInput } from '../task-input.js';
import { settingsShape, type Settings } from './options.js';

const KINDS: Readonly<Record<Modality, MediaKind>> = { video: 'video', image: 'image', music: 'audio' };

export const kindOf = (modality: Modality): MediaKind => KINDS[modality];

export const settingsOf = (settings: JsonObject): Settings => settingsShape.parse(settings);

/** Why a job can't go to this endpoint: what its model does not take. */
export function unsupported(shape: TaskShape): string[] {
  const { fields, roles } = settingsOf(shape.settings);
  return [
    ...givenFields(shape.input).filter((field) => !fields.includes(field)),
    ...givenRoles(shape.references).filter((role) => !roles.includes(role)),
  ].map((field) => `${field} is not taken by this endpoint`);
}

/** What the worker gets, in either dialect: the request's own words, and links to its media. */
async function inputOf(task: MediaTask, settings: Settings): Promise<JsonObject> {
  const given = givenFields(task.input);
  const stray =
    given.find((field) => !settings.fields.includes(field)) ??
    task.references.find(({ role }) => !settings.roles.includes(role))?.role;
  if (stray !== undefined) throw invalidInput(`${stray} is not taken by this endpoint`, stray);
  const references = await Promise.all(
    task.references.map(async (reference) => ({
      role: reference.role,
      index: reference.index,
      content_type: reference.contentType,
      url: await reference.url(),
    })),
  );
  return {
    operation: task.operation,
    model: task.model,
    ...Object.fromEntries(given.map((field) => [field, task.input[field] ?? null])),
    references,
  };
}

const webhookOf = (ctx: ProviderContext): JsonObject =>
  ctx.callbackUrl === undefined ? {} : { webhook: ctx.callbackUrl };

/** Contract: POST /v1/jobs. The id is the attempt's token, which is the idempotency key too. */
export async function kilnBody(task: MediaTask, ctx: ProviderContext): Promise<JsonObject> {
  const settings = settingsOf(task.settings);
  return {
    id: ctx.token,
    input: await inputOf(task, settings),
    ...webhookOf(ctx),
    timeout_s: settings.timeout_seconds,
  };
}

/** RunPod: POST /run. Times are milliseconds. */
export async function runpodBody(task: MediaTask, ctx: ProviderContext): Promise<JsonObject> {
  const settings = settingsOf(task.settings);
  return {
    input: await inputOf(task, settings),
    policy: { executionTimeout: settings.timeout_seconds * 1000, ttl: settings.ttl_seconds * 1000 },
    ...webhookOf(ctx),
  };
}
