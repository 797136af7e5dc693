import type { VeoOperation } from './operations.js';
import type { GoogleWire } from './validate.js';

/** google.rpc codes, as operations carry them. */
const RPC_RESOURCE_EXHAUSTED = 8;
const RPC_INTERNAL = 13;

export function operationError(operation: VeoOperation): { code: number; message: string } {
  if ('oom' in operation.faults)
    return { code: RPC_RESOURCE_EXHAUSTED, message: 'The service is out of capacity, try again later.' };
  return { code: RPC_INTERNAL, message: 'Video generation failed due to an internal server issue.' };
}

/** Free text on the Gemini API, a support code on Vertex. */
export function filteredReasons(wire: GoogleWire): string[] {
  return wire === 'vertex'
    ? ['58061214']
    : [
        'The generated video was withheld because its content may violate the usage guidelines. Support codes: 58061214.',
      ];
}
