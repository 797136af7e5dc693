import { always, choice, oneFile, same, text, type Endpoint, type Family } from './endpoint.js';

/** fal also takes 16 and 20 seconds; the request's own limits decide what is asked (client 1.10.1: fal-ai/sora-2). */
export const SORA_SECONDS = { 4: '4', 8: '8', 12: '12', 16: '16', 20: '20' } as const;

/** Sora 2 and, with tier `pro`, Sora 2 Pro. Sound always comes with the picture, and there is no seed. */
export const sora: Family = ({ model, operation, settings }) => {
  const pro = settings.tier === 'pro';
  const fields: Endpoint['fields'] = {
    prompt: text('prompt'),
    duration_seconds: choice('duration', SORA_SECONDS),
    aspect_ratio: same('aspect_ratio', ['16:9', '9:16']),
    resolution: same('resolution', pro ? ['720p', '1080p'] : ['720p']),
    generate_audio: always(true),
  };
  const options = ['detect_and_block_ip'];
  const tier = pro ? '/pro' : '';
  if (operation === 'text_to_video') return { id: `${model}/text-to-video${tier}`, fields, files: {}, options };
  if (operation === 'image_to_video')
    return { id: `${model}/image-to-video${tier}`, fields, files: { image: oneFile('image_url') }, options };
  return null;
};
