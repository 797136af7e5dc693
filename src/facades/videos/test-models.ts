import { loadCatalog } from '../../catalog/load-catalog.js';
import type { Model } from '../../catalog/schema.js';
import { KilnError } from '../../common/errors.js';
import { adapters } from '../../providers/registry.js';

const catalog = loadCatalog({
  overlayPath: null,
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => new Date('2026-11-26T00:00:00Z'),
});

export const videoModels = (): Model[] => catalog.models().filter(({ modality }) => modality === 'video');

export function model(id: string): Model {
  const found = catalog.get(id);
  if (!found) throw new Error(`no ${id}`);
  return found;
}

/** What `run` refuses with, as a client reads it. */
export function refusal(run: () => unknown): { param: string | null; code: string; message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof KilnError && error.status === 400)
      return { param: error.param, code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was refused');
}
