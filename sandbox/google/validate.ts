import sharp from 'sharp';
import type { Picture } from '../render/recipes.js';
import type { Studio } from '../render/studio.js';
import { invalid } from './errors.js';

export type GoogleWire = 'vertex' | 'gemini';

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

type Fields = Record<string, unknown>;

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
const PARAMETERS: Record<GoogleWire, string[]> = {
  gemini: SHARED_PARAMETERS,
  vertex: [...SHARED_PARAMETERS, 'seed', 'generateAudio', 'storageUri', 'compressionQuality', 'resizeMode', 'fps'],
};

/** Checks a `predictLongRunning` body as Veo 3.1 does; throws a `GoogleError` on the first thing that is wrong. */
export async function validateVeo(wire: GoogleWire, body: unknown, studio: Studio): Promise<VeoRequest> {
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

function validateParameters(wire: GoogleWire, parameters: Fields, inputs: Inputs): Omit<VeoRequest, keyof Inputs> {
  if (parameters['storageUri'] !== undefined) {
    throw invalid('`storageUri` is not emulated by this sandbox: leave it out and read the video from the operation.');
  }
  const aspectRatio = oneOf(parameters, 'aspectRatio', ['16:9', '9:16'] as const, '16:9');
  const resolution = oneOf(parameters, 'resolution', ['720p', '1080p', '4k'] as const, '720p');
  const durationSeconds = oneOf(parameters, 'durationSeconds', [4, 6, 8] as const, 8);
  if (durationSeconds !== 8 && (resolution !== '720p' || inputs.references.length > 0)) {
    throw invalid(`\`durationSeconds\` must be 8 with 1080p, 4k or reference images, got ${durationSeconds}.`);
  }
  oneOf(parameters, 'compressionQuality', ['optimized', 'lossless'] as const, 'optimized');
  oneOf(parameters, 'resizeMode', ['pad', 'crop'] as const, 'crop');
  oneOf(parameters, 'fps', [24] as const, 24);
  optional(parameters, 'enhancePrompt', 'boolean');
  optional(parameters, 'negativePrompt', 'string');
  checkPersonGeneration(wire, parameters, inputs);
  return {
    aspectRatio,
    resolution,
    durationSeconds,
    seed: integer(parameters, 'seed', 0, MAX_UINT32) ?? null,
    sampleCount: integer(parameters, 'sampleCount', 1, wire === 'vertex' ? MAX_SAMPLES : 1) ?? 1,
    audio: optional(parameters, 'generateAudio', 'boolean') !== false,
  };
}

function checkPersonGeneration(wire: GoogleWire, parameters: Fields, inputs: Inputs): void {
  if (wire === 'vertex') {
    oneOf(parameters, 'personGeneration', ['allow_adult', 'disallow', 'dont_allow'] as const, 'allow_adult');
    return;
  }
  const allowed = inputs.image === null && inputs.references.length === 0 ? 'allow_all' : 'allow_adult';
  oneOf(parameters, 'personGeneration', [allowed] as const, allowed);
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
    if (reference['referenceType'] !== 'asset') throw invalid(`\`${path}.referenceType\` must be "asset".`);
    pictures.push(await readImage(reference['image'], `${path}.image`, studio));
  }
  return pictures;
}

const FORMAT_OF: Record<string, string> = { 'image/png': 'png', 'image/jpeg': 'jpeg' };

async function readImage(value: unknown, path: string, studio: Studio): Promise<Picture> {
  const image = fields(value, path);
  onlyKnown(image, ['bytesBase64Encoded', 'mimeType', 'gcsUri'], path);
  if (image['gcsUri'] !== undefined)
    throw invalid(`\`${path}.gcsUri\` is not emulated by this sandbox: send bytesBase64Encoded.`);
  const { bytesBase64Encoded: encoded, mimeType } = image;
  if (typeof mimeType !== 'string' || FORMAT_OF[mimeType] === undefined) {
    throw invalid(`\`${path}.mimeType\` must be image/png or image/jpeg, got ${JSON.stringify(mimeType)}.`);
  }
  if (typeof encoded !== 'string' || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(encoded)) {
    throw invalid(`Invalid value at '${path}.bytes_base64_encoded' (TYPE_BYTES), Base64 decoding failed.`);
  }
  const bytes = Buffer.from(encoded, 'base64');
  try {
    const { format, width, height } = await sharp(bytes).metadata();
    // Reading every pixel is what tells a cut-off file from a whole one.
    await sharp(bytes, { failOn: 'truncated' }).stats();
    if (format !== FORMAT_OF[mimeType]) throw new Error(`the content is ${format}`);
    return { kind: 'file', path: await studio.keep(bytes), width, height };
  } catch (error) {
    throw invalid(`Unable to process input image \`${path}\`: ${(error as Error).message}`);
  }
}

function fields(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrongType(path === '' ? 'the body' : path, 'an object', value);
  return value as Fields;
}

function onlyKnown(object: Fields, known: string[], path: string): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw invalid(
    `Invalid JSON payload received. Unknown name "${unknown}"${path === '' ? '' : ` at '${path}'`}: Cannot find field.`,
  );
}

function wrongType(path: string, wanted: string, got: unknown): Error {
  return invalid(
    `Invalid value at '${path}': expected ${wanted}, got ${Array.isArray(got) ? 'a list' : got === null ? 'null' : `a ${typeof got}`}.`,
  );
}

function optional(parameters: Fields, name: string, type: 'boolean' | 'string'): unknown {
  const value = parameters[name];
  if (value !== undefined && typeof value !== type) throw wrongType(`parameters.${name}`, `a ${type}`, value);
  return value;
}

function integer(parameters: Fields, name: string, least: number, most: number): number | undefined {
  const value = parameters[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(`parameters.${name}`, 'an integer', value);
  if (value < least || value > most)
    throw invalid(`\`${name}\` is out of range: supported values are ${least} to ${most}, got ${value}.`);
  return value;
}

function oneOf<T extends string | number>(parameters: Fields, name: string, allowed: readonly T[], standard: T): T {
  const value = parameters[name];
  if (value === undefined) return standard;
  const wanted = typeof standard;
  if (typeof value !== wanted) throw wrongType(`parameters.${name}`, `a ${wanted}`, value);
  const found = allowed.find((entry) => entry === value);
  if (found === undefined)
    throw invalid(`\`${name}\` must be one of ${allowed.join(', ')}, got ${JSON.stringify(value)}.`);
  return found;
}
