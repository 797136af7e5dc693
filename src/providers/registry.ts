import { replicate } from './replicate/index.js';
import { acestep } from './acestep/index.js';
import { ark } from './ark/index.js';
import { comfyui } from './comfyui/index.js';
import type { Adapter } from './contract.js';
import { fal } from './fal/index.js';
import { google } from './google/index.js';
import { gpu } from './gpu/index.js';
import { kling } from './kling/index.js';
import type { ProviderId } from './ids.js';
import { openai } from './openai/index.js';

/** Every id has its adapter: a missing or misspelt one does not compile. */
const byId: Readonly<Record<ProviderId, Adapter>> = {
  google,
  comfyui,
  acestep,
  ark,
  openai,
  kling,
  replicate,
  gpu,
  fal,
};

export const adapters: ReadonlyMap<string, Adapter> = new Map(Object.entries(byId));

/** The adapter of a route's provider. The catalog refuses unknown providers at the start, so this throws only on a bug. */
export function adapterFor(id: string): Adapter {
  const adapter = adapters.get(id);
  if (!adapter) throw new Error(`no adapter for provider ${id}; there are ${[...adapters.keys()].join(', ')}`);
  return adapter;
}
