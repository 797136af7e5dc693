import type { Picture } from '../render/recipes.js';
import type { Studio } from '../render/studio.js';
import { invalid } from './errors.js';
import {
  type Fields,
  fields,
  integer,
  oneOf,
  onlyKnown,
  optional,
  readPicture,
  type Surface,
  text,
  wrongType,
} from './fields.js';

export interface VeoRequest {
  prompt: string;
  image: Picture | null;
  lastFrame: Picture | null;
  references: Picture[];
  aspectRatio: '16:9' | '9:16';
  durationSeconds: number;
  resolution: '720p' | '1080p' | '4k';
  seed: number | null;
  sampleCount: number;
  audio: boolean;
}

const MAX_REFERENCES = 3;
const MAX_PROMPT_TOKENS = 1_024;
/** English runs at about four characters a token. */
const CHARACTERS_PER_TOKEN = 4;
const MAX_UINT32 = 0xffff_ffff;
const MAX_SAMPLES = 4;

const INSTANCE_FIELDS = ['prompt', 'image', 'lastFrame', 'referenceImages', 'video'];
const SHARED_PARAMETERS = [
  'aspectRatio',
  'durationSeconds',
  'resolution',
  'negativePrompt',
  'personGeneration',
  'sampleCount',
  'enhancePrompt',
];
const PARAMETERS: Record<Surface, string[]> = {
  gemini: SHARED_PARAMETERS,
  vertex: [...SHARED_PARAMETERS, 'seed', 'generateAudio', 'storageUri', 'compressionQuality', 'resizeMode', 'fps'],
};

/** Checks a `predictLongRunning` body as Veo 3.1 does; throws a `GoogleError` on the first thing that is wrong. */
export async function validateVeo(wire: Surface, body: unknown, studio: Studio): Promise<VeoRequest> {
  const top = fields(body, '');
  onlyKnown(top, wire === 'vertex' ? ['instances', 'parameters', 'labels'] : ['instances', 'parameters'], '');
  const { instances } = top;
  if (!Array.isArray(instances) || instances.length !== 1)
    throw invalid('Exactly one instance is required in `instances`.');
  const instance = fields(instances[0], 'instances[0]');
  const parameters = top['parameters'] === undefined ? {} : fields(top['parameters'], 'parameters');
  onlyKnown(instance, INSTANCE_FIELDS, 'instances[0]');
  onlyKnown(parameters, PARAMETERS[wire], 'parameters');

  const inputs = await validateInputs(instance, studio);
  const settings = validateParameters(wire, parameters, inputs);
  return { ...inputs, ...settings };
}

type Inputs = Pick<VeoRequest, 'prompt' | 'image' | 'lastFrame' | 'references'>;

async function validateInputs(instance: Fields, studio: Studio): Promise<Inputs> {
  if (instance['video'] !== undefined) throw invalid('`video` (extension of a clip) is not emulated by this sandbox.');
  const image = instance['image'] === undefined ? null : await readImage(instance['image'], 'image', studio);
  const lastFrame =
    instance['lastFrame'] === undefined ? null : await readImage(instance['lastFrame'], 'lastFrame', studio);
  const references =
    instance['referenceImages'] === undefined ? [] : await readReferences(instance['referenceImages'], studio);
  if (lastFrame !== null && image === null) throw invalid('`lastFrame` requires `image`.');
  if (references.length > 0 && image !== null)
    throw invalid('`referenceImages` cannot be combined with `image` or `lastFrame`.');
  const { prompt } = instance;
  if (prompt === undefined && image === null) throw invalid('`prompt` is required when no image is given.');
  if (prompt !== undefined && typeof prompt !== 'string') throw wrongType('instances[0].prompt', 'a string', prompt);
  if (image === null && prompt?.trim() === '') throw invalid('`prompt` must not be empty.');
  if ((prompt ?? '').length > MAX_PROMPT_TOKENS * CHARACTERS_PER_TOKEN) {
    throw invalid(`\`prompt\` is too long: the limit is ${MAX_PROMPT_TOKENS} tokens.`);
  }
  return { prompt: prompt ?? '', image, lastFrame, references };
}

function validateParameters(wire: Surface, parameters: Fields, inputs: Inputs): Omit<VeoRequest, keyof Inputs> {
  if (parameters['storageUri'] !== undefined) {
    throw invalid('`storageUri` is not emulated by this sandbox: leave it out and read the video from the operation.');
  }
  const aspectRatio = oneOf(parameters, 'aspectRatio', ['16:9', '9:16'] as const, '16:9', 'parameters');
  const resolution = oneOf(parameters, 'resolution', ['720p', '1080p', '4k'] as const, '720p', 'parameters');
  const durationSeconds = oneOf(parameters, 'durationSeconds', [4, 6, 8] as const, 8, 'parameters');
  if (durationSeconds !== 8 && (resolution !== '720p' || inputs.references.length > 0)) {
    throw invalid(`\`durationSeconds\` must be 8 with 1080p, 4k or reference images, got ${durationSeconds}.`);
  }
  oneOf(parameters, 'compressionQuality', ['optimized', 'lossless'] as const, 'optimized', 'parameters');
  oneOf(parameters, 'resizeMode', ['pad', 'crop'] as const, 'crop', 'parameters');
  oneOf(parameters, 'fps', [24] as const, 24, 'parameters');
  optional(parameters, 'enhancePrompt', 'boolean', 'parameters');
  optional(parameters, 'negativePrompt', 'string', 'parameters');
  checkPersonGeneration(wire, parameters, inputs);
  return {
    aspectRatio,
    resolution,
    durationSeconds,
    seed: integer(parameters, 'seed', 0, MAX_UINT32, 'parameters') ?? null,
    sampleCount: integer(parameters, 'sampleCount', 1, wire === 'vertex' ? MAX_SAMPLES : 1, 'parameters') ?? 1,
    audio: optional(parameters, 'generateAudio', 'boolean', 'parameters') !== false,
  };
}

function checkPersonGeneration(wire: Surface, parameters: Fields, inputs: Inputs): void {
  if (wire === 'vertex') {
    oneOf(
      parameters,
      'personGeneration',
      ['allow_adult', 'disallow', 'dont_allow'] as const,
      'allow_adult',
      'parameters',
    );
    return;
  }
  const allowed = inputs.image === null && inputs.references.length === 0 ? 'allow_all' : 'allow_adult';
  oneOf(parameters, 'personGeneration', [allowed] as const, allowed, 'parameters');
}

async function readReferences(value: unknown, studio: Studio): Promise<Picture[]> {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_REFERENCES) {
    throw invalid(`\`referenceImages\` must be a list of 1 to ${MAX_REFERENCES} images.`);
  }
  const pictures: Picture[] = [];
  for (const [index, entry] of value.entries()) {
    const path = `referenceImages[${index}]`;
    const reference = fields(entry, path);
    onlyKnown(reference, ['image', 'referenceType'], path);
    // In capitals by Google's SDKs, in small letters in its documentation; Vercel's AI SDK leaves it out.
    const type = text(reference, 'referenceType', path) ?? 'asset';
    if (type.toLowerCase() !== 'asset') throw invalid(`\`${path}.referenceType\` must be "asset".`);
    pictures.push(await readImage(reference['image'], `${path}.image`, studio));
  }
  return pictures;
}

async function readImage(value: unknown, path: string, studio: Studio): Promise<Picture> {
  const image = fields(value, path);
  onlyKnown(image, ['bytesBase64Encoded', 'mimeType', 'gcsUri'], path);
  if (image['gcsUri'] !== undefined)
    throw invalid(`\`${path}.gcsUri\` is not emulated by this sandbox: send bytesBase64Encoded.`);
  const of = { path, bytesField: 'bytes_base64_encoded', types: ['image/png', 'image/jpeg'] };
  return readPicture(image['bytesBase64Encoded'], image['mimeType'], of, studio);
}
