/** Upstreams that Kiln has an adapter for, by the name a route of the catalog gives. */
export const PROVIDER_IDS = [
  'google',
  'comfyui',
  'acestep',
  'ark',
  'openai',
  'kling',
  'replicate',
  'gpu',
  'fal',
] as const;
export type ProviderId = (typeof PROVIDER_IDS)[number];

export const isProviderId = (value: string): value is ProviderId => PROVIDER_IDS.some((id) => id === value);
