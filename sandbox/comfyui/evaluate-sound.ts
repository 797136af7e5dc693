import { numberOf, type Reader, textOf, USUAL_BPM, type Value } from './values.js';

/** ACE-Step 1.5; null for other classes. */
export function evaluateSound(className: string, inputs: Record<string, unknown>, of: Reader): Value[] | null {
  switch (className) {
    case 'ModelSamplingAuraFlow':
      return [of.linked(inputs['model'])];
    case 'TextEncodeAceStepAudio1.5':
      return [{ kind: 'text', text: textOf(inputs['tags']), bpm: numberOf(inputs['bpm']) }];
    case 'EmptyAceStep1.5LatentAudio':
      return [{ kind: 'sound', seconds: numberOf(inputs['seconds']), bpm: USUAL_BPM, seed: 0 }];
    case 'VAEDecodeAudio':
      return [of.linked(inputs['samples'])];
    default:
      return null;
  }
}
