import { always, choice, fileList, flag, oneFile, same, seed, text, type Endpoint, type Family } from './endpoint.js';

/** Seconds as Veo on fal spells them (client 1.10.1: fal-ai/veo3.1). */
export const VEO_SECONDS = { 4: '4s', 6: '6s', 8: '8s' } as const;
const RATIOS = ['16:9', '9:16'] as const;

const shared: Endpoint['fields'] = {
  prompt: text('prompt'),
  duration_seconds: choice('duration', VEO_SECONDS),
  aspect_ratio: same('aspect_ratio', RATIOS),
  generate_audio: flag('generate_audio'),
  fps: always(24),
};
const withNegative = { ...shared, negative_prompt: text('negative_prompt'), seed };
const hd = same('resolution', ['720p', '1080p']);
/** Only between two frames and from references does fal name 4k. */
const uhd = same('resolution', ['720p', '1080p', '4k']);
const options = ['auto_fix', 'safety_tolerance'];

/** Veo 3.1 and Veo 3.1 Fast: the fast one is the model id `fal-ai/veo3.1/fast`, which has no reference-to-video. */
export const veo: Family = ({ model, operation }) => {
  switch (operation) {
    case 'text_to_video':
      return { id: model, fields: { ...withNegative, resolution: hd }, files: {}, options };
    case 'image_to_video':
      return {
        id: `${model}/image-to-video`,
        fields: { ...withNegative, resolution: hd },
        files: { image: oneFile('image_url') },
        options,
      };
    case 'first_last_frame':
      return {
        id: `${model}/first-last-frame-to-video`,
        fields: { ...withNegative, resolution: uhd },
        files: { image: oneFile('first_frame_url'), last_image: oneFile('last_frame_url') },
        options,
      };
    case 'reference_to_video':
      return model.endsWith('/fast')
        ? null
        : {
            id: `${model}/reference-to-video`,
            fields: { ...shared, resolution: uhd },
            // Veo's own limit; fal's type names none.
            files: { reference_images: fileList('image_urls', 3) },
            options,
          };
    default:
      return null;
  }
};
