import type { JsonObject } from '../../../common/json.js';
import type { ReferenceRole } from '../../contract.js';
import { flagProblem, promptFlag } from '../../seedance-flags.js';
import { choice, fileList, flag, oneFile, same, seed, text, type Endpoint, type Family } from './endpoint.js';

const SECONDS = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [String(index + 4), String(index + 4)]));
const RATIOS = ['auto', '21:9', '16:9', '4:3', '1:1', '3:4', '9:16'];
/** Files of all kinds together. */
const FILES_MAX = 12;

function referenceProblems(references: Partial<Record<ReferenceRole, number>>): string[] {
  const count = (role: ReferenceRole): number => references[role] ?? 0;
  const [images, videos, audios] = [count('reference_images'), count('reference_videos'), count('reference_audios')];
  return [
    ...(audios > 0 && images + videos === 0 ? ['reference_audios needs reference_images or reference_videos'] : []),
    ...(images + videos + audios > FILES_MAX ? [`references are at most ${FILES_MAX} files in all`] : []),
  ];
}

/** The model behind may read them, and make what nobody has priced. */
function flagProblems({ prompt }: JsonObject): string[] {
  const found = typeof prompt === 'string' ? promptFlag(prompt) : null;
  return found === null ? [] : [flagProblem(found)];
}

/**
 * Seedance 2.0; its owner on fal is `bytedance`, and `bytedance/seedance-2.0/fast` is the fast one, which makes no 1080p.
 * Unconfirmed: these ids are not in the types of client 1.10.1. Fields and limits are as fal's own model pages (llms.txt of
 * text-to-video and reference-to-video, 2026) list them; image_url and end_image_url as public code sends them.
 */
export const seedance: Family = ({ model, operation }) => {
  const fields: Endpoint['fields'] = {
    prompt: text('prompt'),
    duration_seconds: choice('duration', SECONDS),
    aspect_ratio: same('aspect_ratio', RATIOS),
    resolution: same('resolution', model.endsWith('/fast') ? ['480p', '720p'] : ['480p', '720p', '1080p']),
    generate_audio: flag('generate_audio'),
    seed,
  };
  switch (operation) {
    case 'text_to_video':
      return { id: `${model}/text-to-video`, fields, files: {}, problems: flagProblems };
    case 'image_to_video':
    case 'first_last_frame':
      return {
        id: `${model}/image-to-video`,
        fields,
        files: { image: oneFile('image_url'), last_image: oneFile('end_image_url', false) },
        problems: flagProblems,
      };
    case 'reference_to_video':
      return {
        id: `${model}/reference-to-video`,
        fields,
        files: {
          reference_images: fileList('image_urls', 9, 0),
          reference_videos: fileList('video_urls', 3, 0),
          reference_audios: fileList('audio_urls', 3, 0),
        },
        problems: (input, references) => [...flagProblems(input), ...referenceProblems(references)],
      };
    default:
      return null;
  }
};
