import { RATIOS, type Ratio, type Resolution } from './models.js';

export interface Flags {
  resolution?: Resolution;
  ratio?: Ratio;
  duration?: number;
  seed?: number;
}

const FLAG = /--(resolution|rs|ratio|rt|duration|dur|seed|camerafixed|cf|watermark|wm)[\s=:]+(\S+)/gi;

/**
 * Parameters inside of a prompt, as the provider still reads them: loosely, a bad one is ignored, and, as far as this sandbox
 * goes, a good one wins over the request's field. The provider does not say which wins; this is the dearer answer.
 */
export function readFlags(prompt: string, resolutions: readonly Resolution[]): { text: string; flags: Flags } {
  const flags: Flags = {};
  const text = prompt.replaceAll(FLAG, (_flag, name: string, value: string) => {
    switch (name.toLowerCase()) {
      case 'resolution':
      case 'rs':
        flags.resolution = resolutions.find((one) => one === value.toLowerCase()) ?? flags.resolution;
        break;
      case 'ratio':
      case 'rt':
        flags.ratio = RATIOS.find((one) => one === value) ?? flags.ratio;
        break;
      case 'duration':
      case 'dur':
        if (/^\d+$/.test(value) && Number(value) >= 4 && Number(value) <= 15) flags.duration = Number(value);
        break;
      case 'seed':
        if (/^\d{1,9}$/.test(value)) flags.seed = Number(value);
        break;
    }
    return '';
  });
  return { text: text.trim(), flags };
}
