import type { TaskFaults } from '../faults.js';
import type { FaultSpec } from '../fault-table.js';
import type { Outcome } from './types.js';

/**
 * What goes wrong with an answer in text, beside the faults of every submit (`429`, `503`, `hang`, `malformed-submit`, …) and
 * `latency`. "Chunks" are pieces of content: what opens and closes a stream is not counted.
 */
export const TEXT_FAULTS = {
  'first-token': { phase: 'text', value: 'ms', says: 'the headers come at once, the first content after this long' },
  slow: { phase: 'text', value: 'ms', says: 'each chunk takes this long, whatever the speed' },
  chunks: { phase: 'text', value: 'chunks', says: 'the text is exactly so many chunks long' },
  'error-event': {
    phase: 'text',
    value: 'none',
    says: 'the stream begins with an error event, and nothing else (else 500)',
  },
  'error-after': {
    phase: 'text',
    value: 'chunks',
    says: 'an error event comes after so many chunks, and nothing else (else 500)',
  },
  'cut-after': {
    phase: 'text',
    value: 'chunks',
    says: 'the connection is cut inside the event after so many chunks (else at half)',
  },
  'stall-after': {
    phase: 'text',
    value: 'chunks',
    says: 'nothing comes after so many chunks, the connection stays open',
  },
  'end-after': {
    phase: 'text',
    value: 'chunks',
    says: 'the stream ends cleanly after so many chunks, without its end event',
  },
  'no-events': { phase: 'text', value: 'none', says: '200 and an event stream without an event (else an empty body)' },
  'empty-body': { phase: 'text', value: 'none', says: '200 and no body at all' },
  'error-body': { phase: 'text', value: 'none', says: '200 with the error object of a 500 as its body' },
  'invalid-utf8': { phase: 'text', value: 'none', says: 'bytes that are no UTF-8 in the middle of the text' },
  'no-usage': { phase: 'text', value: 'none', says: 'no usage in the answer' },
  'context-length': { phase: 'text', value: 'none', says: 'refused as too long for the model, however long it is' },
  filter: { phase: 'text', value: 'none', says: 'the content filter ends the text halfway' },
  refusal: { phase: 'text', value: 'none', says: 'the model refuses' },
} as const satisfies Record<string, FaultSpec>;

/** What the faults make of the answer itself; the rest is a matter of transport (exchange.ts, play.ts). */
export function outcomeOf(faults: TaskFaults): Outcome {
  return {
    ends: 'refusal' in faults ? 'refused' : 'filter' in faults || 'policy' in faults ? 'filtered' : 'well',
    chunks: faults.chunks ?? null,
    isSpoilt: 'invalid-utf8' in faults,
  };
}
