import type { SandboxContext } from './context.js';
import { openFal } from './fal/wire.js';
import type { SandboxWire } from './wire.js';

/** Every emulator beside Google's, ComfyUI's and ACE-Step's: a new one is a line here and a name in `faults.ts`. */
export const WIRES: readonly ((context: SandboxContext) => Promise<SandboxWire>)[] = [openFal];
