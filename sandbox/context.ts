import type { Clock } from './clock.js';
import type { FaultBoard } from './faults.js';
import type { Recorder } from './recorder.js';
import type { Studio } from './render/studio.js';

/** What every emulator works with. */
export interface SandboxContext {
  /** The credential all wires accept. */
  key: string;
  dataDir: string;
  clock: Clock;
  faults: FaultBoard;
  recorder: Recorder;
  studio: Studio;
}
