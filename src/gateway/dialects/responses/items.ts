import { invalidRequest } from '../../../common/errors.js';
import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { SseFrame } from '../dialect.js';
import { isObject } from '../shapes.js';

/**
 * References to items of earlier answers. OpenAI keeps answers; the AI SDK relies on it and by default sends
 * `{type: "item_reference", id}` for its earlier text and reasoning (`openai` 7: `ResponseInputItem.ItemReference`).
 */

export interface KeptItem {
  id: string;
  item: JsonObject;
}

/** Whether the client wants its items kept, as it does by default. */
export const keepsItems = (body: JsonObject): boolean => body.store !== false;

/** Ids that the body's `input` refers to, each once. */
export const referencedIds = (body: JsonObject): string[] => [
  ...new Set(inputOf(body).flatMap((item) => (isReference(item) ? [item.id] : []))),
];

/** The body with items in the place of references. Throws 400 that names the first one that `items` does not hold. */
export function withItems(body: JsonObject, items: ReadonlyMap<string, JsonObject>): JsonObject {
  const input = inputOf(body);
  if (!input.some(isReference)) return body;
  return {
    ...body,
    input: input.map((item, index) => {
      if (!isReference(item)) return item;
      const kept = items.get(item.id);
      if (kept) return kept;
      const field = `input[${index}].id`;
      throw invalidRequest(
        `'${field}' refers to '${item.id.slice(0, 80)}', which is not kept here (any more): send the item itself, or set \`store\` to false so that the SDK does.`,
        field,
      );
    }),
  };
}

/** Items of a whole response that a later request may refer to. */
export const keepableItems = (response: JsonObject): KeptItem[] =>
  Array.isArray(response.output) ? response.output.flatMap(keptItem) : [];

/** The item that a frame of an upstream's stream finishes, if any; for streams that are passed through. */
export function keepableOf(frame: SseFrame): KeptItem[] {
  if (frame.event !== '' && frame.event !== DONE) return [];
  if (!frame.data.includes(DONE)) return [];
  const data: unknown = JSON.parse(frame.data);
  return isObject(data) && data.type === DONE ? keptItem(data.item) : [];
}

const DONE = 'response.output_item.done';

const keptItem = (item: JsonValue | undefined): KeptItem[] =>
  isObject(item) && typeof item.id === 'string' && item.id !== '' ? [{ id: item.id, item }] : [];

const inputOf = (body: JsonObject): JsonValue[] => (Array.isArray(body.input) ? body.input : []);

/** `type` may be left out: an item that is nothing but an id is a reference. */
export const isReference = (item: JsonValue | undefined): item is { id: string } =>
  isObject(item) &&
  typeof item.id === 'string' &&
  (item.type === 'item_reference' || ((item.type ?? null) === null && item.role === undefined));
