import type { TaskFaults } from '../faults.js';
import type { Surface } from './fields.js';

/** google.rpc codes, as operations and steps carry them. */
const RPC_INVALID_ARGUMENT = 3;
const RPC_RESOURCE_EXHAUSTED = 8;
const RPC_INTERNAL = 13;

export interface RpcStatus {
  code: number;
  message: string;
}

export function failedStatus(faults: TaskFaults): RpcStatus {
  if ('oom' in faults)
    return { code: RPC_RESOURCE_EXHAUSTED, message: 'The service is out of capacity, try again later.' };
  return { code: RPC_INTERNAL, message: 'Generation failed due to an internal server issue.' };
}

/** Free text on the Gemini API, a support code on Vertex. */
export function filteredReasons(surface: Surface): string[] {
  return surface === 'vertex' ? ['58061214'] : [`${WITHHELD} Support codes: 58061214.`];
}

const WITHHELD = 'The generated media was withheld because its content may violate the usage guidelines.';

export const withheldStatus = (): RpcStatus => ({ code: RPC_INVALID_ARGUMENT, message: WITHHELD });
