import { shown } from '../../catalog/fields.js';
import type { ClipUse, Model } from '../../catalog/schema.js';
import { invalidRequest, KilnError } from '../../common/errors.js';
import type { JsonObject } from '../../common/json.js';
import type { FacadeJob } from '../shared/facade-jobs.js';
import type { FacadeForm } from '../shared/form-reader.js';
import { videoJob } from './request.js';

/** The clip that a request is about, and the job that made it where it is one of this service. */
export interface SourceClip {
  /** As a job's input takes it. */
  reference: unknown;
  made: { model: string; input: JsonObject } | null;
}

/** OpenAI's `{id}` of a finished video: the id. Null for anything else: a file, or a reference as a job takes it. */
export function videoIdIn(video: unknown): string | null {
  if (video === undefined)
    throw invalidRequest(`'video' is required: {"id": "video_…"} of a finished video, or a file.`, 'video');
  if (video === null || typeof video !== 'object' || !('id' in video)) return null;
  if (typeof video.id === 'string' && Object.keys(video).length === 1) return video.id;
  throw invalidRequest(`'video.id' must be the id of a video and stand alone; got ${shown(video.id)}.`, 'video.id');
}

/** What the new clip does not take over: it has words of its own, and chance is to strike anew. */
const OWN_WORDS = ['prompt', 'negative_prompt', 'seed', 'camera'];

/**
 * An edit or extension as a job of the alias that does it. On the alias that made the clip, what was said of its form (size,
 * sound, of an edit the length too) holds again unless the request says otherwise. Throws 400 where the alias can't do it.
 */
export function clipJob(
  use: ClipUse,
  model: Model,
  form: Pick<FacadeForm, 'fields' | 'isText'>,
  clip: SourceClip,
  able: readonly string[],
): FacadeJob {
  const field = model.clips[use];
  const spec = field === undefined ? undefined : model.fields[field];
  if (field === undefined || spec === undefined) throw cannot(use, model, able);
  const { video: _clip, ...fields } = form.fields;
  const job = videoJob(model, { ...form, fields });
  if (job.input[field] !== undefined)
    throw invalidRequest(`'video' and '${field}' say the same thing; send one of them.`, 'video');
  const isSame = clip.made?.model === model.id;
  const kept = Object.entries(isSame ? (clip.made?.input ?? {}) : {}).filter(
    ([name]) =>
      Object.hasOwn(model.fields, name) && !OWN_WORDS.includes(name) && !(use === 'extend' && name === LENGTH),
  );
  return {
    ...job,
    input: {
      ...Object.fromEntries(kept),
      ...job.input,
      [field]: spec.type === 'media_list' ? [clip.reference] : clip.reference,
    },
    names: { ...job.names, [field]: 'video' },
  };
}

const LENGTH = 'duration_seconds';

function cannot(use: ClipUse, { id }: Model, able: readonly string[]): KilnError {
  const others = able.length > 0 ? `Models of this key that do: ${able.join(', ')}.` : 'No model of this key does.';
  return invalidRequest(`${id} does not ${use} videos. ${others}`, 'model');
}
