import { aceStep } from './ace-step.js';
import type { Family } from './endpoint.js';
import { flux, fluxLora, gptImage1, gptImage15, nanoBanana2 } from './image.js';
import { kling } from './kling.js';
import { framepack, ltx, skyreels, wan } from './open-video.js';
import { seedance } from './seedance.js';
import { sora } from './sora.js';
import { veo } from './veo.js';

/** Groups of fal endpoints that speak alike, by the name a route's settings give. */
export const FAMILIES = {
  'veo-3.1': veo,
  'sora-2': sora,
  'seedance-2.0': seedance,
  'kling-v3': kling,
  'wan-2.2-5b': wan,
  'ltx-2': ltx,
  framepack,
  skyreels,
  flux,
  'flux-lora': fluxLora,
  'gpt-image-1.5': gptImage15,
  'gpt-image-1': gptImage1,
  'nano-banana-2': nanoBanana2,
  'ace-step': aceStep,
} as const satisfies Record<string, Family>;
export type FamilyName = keyof typeof FAMILIES;
