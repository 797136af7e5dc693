import { openAnthropic } from './anthropic/wire.js';
import { openBedrock } from './bedrock/wire.js';
import { openEmbeddings } from './embeddings/wire.js';
import { openFal } from './fal/wire.js';
import { openGpu } from './gpu/wire.js';
import { openReplicate } from './replicate/wire.js';
import { openArk } from './ark/wire.js';
import type { SandboxContext } from './context.js';
import { openKling } from './kling/wire.js';
import { openOpenAI } from './openai/wire.js';
import { openSpeech } from './speech/wire.js';
import { openVendors } from './text/chat/wire.js';
import { openVllmRoot } from './text/vllm-health.js';
import type { SandboxWire } from './wire.js';

/** Every emulator beside Google's, ComfyUI's and ACE-Step's: a new one is a line here and a name in `faults.ts`. */
export const WIRES: readonly ((context: SandboxContext) => Promise<SandboxWire>)[] = [
  openArk,
  openOpenAI,
  openKling,
  openReplicate,
  openGpu,
  openFal,
  openAnthropic,
  openBedrock,
  openEmbeddings,
  openSpeech,
  ...openVendors,
  openVllmRoot,
];
