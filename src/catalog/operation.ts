import type { Modality } from '../providers/contract.js';

/** Operations by modality, each with the fields that ask for it; the first whose fields are all given is meant. */
const BY_FIELDS: Readonly<Record<'video' | 'image', readonly (readonly [string, readonly string[]])[]>> = {
  video: [
    ['video_to_video', ['video']],
    ['first_last_frame', ['last_image']],
    ['image_to_video', ['image']],
    ['reference_to_video', ['reference_images']],
    ['reference_to_video', ['reference_videos']],
    ['reference_to_video', ['reference_audios']],
    ['text_to_video', []],
  ],
  image: [
    ['inpaint', ['mask']],
    ['image_to_image', ['images']],
    ['text_to_image', []],
  ],
};

export const OPERATIONS: Readonly<Record<Modality, readonly string[]>> = {
  video: [...new Set(BY_FIELDS.video.map(([operation]) => operation))],
  image: BY_FIELDS.image.map(([operation]) => operation),
  music: ['generate', 'cover', 'repaint', 'extract'],
};

/** What the given fields ask for, with the field that decided it (null: the absence of any). */
export function operationOf(
  modality: Modality,
  input: Readonly<Record<string, unknown>>,
): { operation: string; field: string | null } {
  if (modality === 'music') {
    const task = input['task'];
    return { operation: typeof task === 'string' ? task : 'generate', field: typeof task === 'string' ? 'task' : null };
  }
  for (const [operation, fields] of BY_FIELDS[modality])
    if (fields.every((field) => input[field] !== undefined)) return { operation, field: fields[0] ?? null };
  throw new Error(`no operation of ${modality} has no condition`);
}
