import {
  choice,
  flag,
  implied,
  oneFile,
  range,
  same,
  text,
  type Choice,
  type Endpoint,
  type Family,
  shown,
} from './endpoint.js';

export const KLING_SECONDS = {
  3: '3',
  4: '4',
  5: '5',
  6: '6',
  7: '7',
  8: '8',
  9: '9',
  10: '10',
  11: '11',
  12: '12',
  13: '13',
  14: '14',
  15: '15',
} as const;

/** The lines a tier makes are its path: there is no parameter for them. */
const TIERS: Readonly<Record<string, string>> = { '720p': 'standard', '1080p': 'pro' };

/** Without a resolution, the route's tier, else the smaller one. */
function tierOf({ input, settings }: Choice): string {
  const { resolution } = input;
  return (typeof resolution === 'string' ? TIERS[resolution] : settings.tier) ?? 'standard';
}

/**
 * Kling 3.0 (client 1.10.1: fal-ai/kling-video/v3). The clip from a picture has the picture's shape, so aspect_ratio is for
 * text only. 4k has no endpoint in the types.
 */
export const kling: Family = (wanted) => {
  const { model, operation } = wanted;
  const fields: Endpoint['fields'] = {
    prompt: text('prompt', 2500),
    negative_prompt: text('negative_prompt', 2500),
    duration_seconds: choice('duration', KLING_SECONDS),
    resolution: (value, field) =>
      typeof value === 'string' && Object.hasOwn(TIERS, value)
        ? implied(value, field)
        : { problem: `${field} ${shown(value)} is not one of ${Object.keys(TIERS).join(', ')}` },
    generate_audio: flag('generate_audio'),
    guidance: range('cfg_scale', 0, 1),
  };
  const base = `${model}/${tierOf(wanted)}`;
  switch (operation) {
    case 'text_to_video':
      return {
        id: `${base}/text-to-video`,
        fields: { ...fields, aspect_ratio: same('aspect_ratio', ['16:9', '9:16', '1:1']) },
        files: {},
      };
    case 'image_to_video':
    case 'first_last_frame':
      return {
        id: `${base}/image-to-video`,
        fields,
        files: { image: oneFile('start_image_url'), last_image: oneFile('end_image_url', false) },
      };
    default:
      return null;
  }
};
