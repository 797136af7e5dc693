import type { ObjectStore } from '../storage/object-store.js';

const BATCH = 500;

/** Deletes every object under `prefix`, or those whose key passes `matches`. */
export async function deletePrefix(
  store: Pick<ObjectStore, 'list' | 'delete'>,
  prefix: string,
  matches: (key: string) => boolean = () => true,
): Promise<void> {
  let batch: string[] = [];
  for await (const { key } of store.list(prefix)) {
    if (!matches(key)) continue;
    batch.push(key);
    if (batch.length < BATCH) continue;
    await store.delete(batch);
    batch = [];
  }
  await store.delete(batch);
}
