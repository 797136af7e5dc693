import { randomUUID } from 'node:crypto';
import type { ObjectStore } from './object-store.js';

const CANARY = Buffer.from('kiln');

/** Proves that the store takes, keeps and gives back bytes; throws when it doesn't. */
export async function runCanary(store: Pick<ObjectStore, 'put' | 'get' | 'delete'>): Promise<void> {
  const key = `canary/${randomUUID()}`;
  await store.put(key, CANARY, { contentType: 'text/plain' });
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of (await store.get(key)).body) chunks.push(chunk as Buffer);
    if (!Buffer.concat(chunks).equals(CANARY)) throw new Error('the object store gave back other bytes than it took');
  } finally {
    await store.delete([key]);
  }
}
