import { pictureSize, type Picture } from '../render/recipes.js';
import type { Studio } from '../render/studio.js';
import {
  type ImageModel,
  type ImageSize,
  type MusicModel,
  type MusicType,
  nearestRatio,
  RATIOS,
} from './content-models.js';
import { invalid } from './errors.js';
import {
  type Fields,
  fields,
  integer,
  listOf,
  oneOf,
  onlyKnown,
  optional,
  readPicture,
  type Surface,
  text,
} from './fields.js';

export interface ContentRequest {
  /** Of the last turn. */
  prompt: string;
  /** Of all turns, in order. */
  pictures: Picture[];
  seed: number | null;
  withText: boolean;
  withThoughts: boolean;
  ratio: string;
  size: ImageSize;
  format: 'png' | 'jpeg';
  musicType: MusicType;
}

const MAX_IMAGES = 14;
const MAX_MUSIC_IMAGES = 10;
const INLINE_MAX_BYTES: Readonly<Record<Surface, number>> = { vertex: 7_000_000, gemini: 100_000_000 };
const MAX_INT32 = 0x7fff_ffff;

const TOP = ['contents', 'generationConfig', 'systemInstruction', 'safetySettings', 'tools', 'toolConfig'];
const CONFIG = [
  'candidateCount',
  'imageConfig',
  'maxOutputTokens',
  'responseMimeType',
  'responseModalities',
  'seed',
  'temperature',
  'thinkingConfig',
  'topK',
  'topP',
];
const IMAGE_CONFIG: Readonly<Record<Surface, readonly string[]>> = {
  gemini: ['aspectRatio', 'imageSize'],
  vertex: ['aspectRatio', 'imageSize', 'personGeneration', 'imageOutputOptions', 'prominentPeople'],
};
const AT = 'generation_config';

/** Checks a `generateContent` body for a model; throws a `GoogleError` on the first thing that is wrong. */
export async function validateContent(
  surface: Surface,
  model: ImageModel | MusicModel,
  body: unknown,
  studio: Studio,
): Promise<ContentRequest> {
  const top = fields(body, '');
  onlyKnown(top, surface === 'vertex' ? [...TOP, 'labels'] : TOP, '');
  if (top['tools'] !== undefined) throw invalid('`tools` are not emulated by this sandbox.');
  const { prompt, pictures } = await readContents(surface, top['contents'], studio);
  const most = model.kind === 'image' ? MAX_IMAGES : MAX_MUSIC_IMAGES;
  if (pictures.length > most)
    throw invalid(`The request has ${pictures.length} images; this model takes at most ${most}.`);
  const config = top['generationConfig'] === undefined ? {} : fields(top['generationConfig'], AT);
  onlyKnown(config, CONFIG, AT);
  integer(config, 'candidateCount', 1, 1, AT);
  integer(config, 'maxOutputTokens', 1, 65_536, AT);
  for (const name of ['temperature', 'topP', 'topK']) optional(config, name, 'number', AT);
  return {
    prompt,
    pictures,
    seed: integer(config, 'seed', -MAX_INT32 - 1, MAX_INT32, AT) ?? null,
    withText: modalities(config, model).includes('TEXT'),
    withThoughts: thoughts(config),
    ...imageConfig(surface, config, model, pictures),
    musicType: mimeType(config, model),
  };
}

async function readContents(
  surface: Surface,
  value: unknown,
  studio: Studio,
): Promise<{ prompt: string; pictures: Picture[] }> {
  const turns = listOf(value, 'contents');
  if (turns.length === 0) throw invalid('* GenerateContentRequest.contents: contents is not specified');
  const pictures: Picture[] = [];
  let prompt = '';
  let role = 'user';
  for (const [index, entry] of turns.entries()) {
    const path = `contents[${index}]`;
    const turn = fields(entry, path);
    onlyKnown(turn, ['role', 'parts'], path);
    role = oneOf(turn, 'role', ['user', 'model'] as const, 'user', path);
    const parts = listOf(turn['parts'], `${path}.parts`);
    if (parts.length === 0)
      throw invalid(`* GenerateContentRequest.${path}.parts: must include at least one parts field`);
    const texts: string[] = [];
    for (const [at, one] of parts.entries()) {
      const part = await readPart(surface, one, `${path}.parts[${at}]`, studio);
      if (typeof part === 'string') texts.push(part);
      else if (part !== null) pictures.push(part);
    }
    prompt = texts.join('\n');
  }
  if (role !== 'user') throw invalid('Please ensure that the last turn is of the user.');
  if (prompt.trim() === '' && pictures.length === 0) throw invalid('The prompt must not be empty.');
  return { prompt, pictures };
}

/** A text, a picture, or null for what only a model says (a signature alone). */
async function readPart(
  surface: Surface,
  value: unknown,
  path: string,
  studio: Studio,
): Promise<string | Picture | null> {
  const part = fields(value, path);
  onlyKnown(part, ['text', 'inlineData', 'inline_data', 'fileData', 'thought', 'thoughtSignature'], path);
  optional(part, 'thought', 'boolean', path);
  optional(part, 'thoughtSignature', 'string', path);
  const said = text(part, 'text', path);
  const inline = part['inlineData'] ?? part['inline_data'];
  if (part['fileData'] !== undefined)
    throw invalid(`\`${path}.fileData\` is not emulated by this sandbox: send inlineData.`);
  if (said !== undefined && inline !== undefined) throw invalid(`\`${path}\`: oneof field 'data' is already set.`);
  if (said !== undefined) return said;
  if (inline === undefined) {
    if (part['thoughtSignature'] !== undefined) return null;
    throw invalid(`\`${path}\`: required oneof field 'data' must have one initialized field.`);
  }
  const blob = fields(inline, `${path}.inline_data`);
  const snake = part['inline_data'] !== undefined;
  const typeField = snake ? 'mime_type' : 'mimeType';
  onlyKnown(blob, [typeField, 'data'], `${path}.inline_data`);
  const types = ['image/png', 'image/jpeg', 'image/webp'];
  return readPicture(
    blob['data'],
    blob[typeField],
    { path: `${path}.inline_data`, bytesField: 'data', types, maxBytes: INLINE_MAX_BYTES[surface] },
    studio,
  );
}

function modalities(config: Fields, model: ImageModel | MusicModel): string[] {
  const own = model.kind === 'image' ? 'IMAGE' : 'AUDIO';
  if (config['responseModalities'] === undefined) return ['TEXT', own];
  const list = listOf(config['responseModalities'], `${AT}.response_modalities`);
  const wrong = list.find((entry) => entry !== 'TEXT' && entry !== own);
  if (wrong !== undefined || !list.includes(own))
    throw invalid(`This model only supports the response modalities TEXT and ${own}, got ${JSON.stringify(list)}.`);
  return list as string[];
}

function thoughts(config: Fields): boolean {
  if (config['thinkingConfig'] === undefined) return false;
  const path = `${AT}.thinking_config`;
  const thinking = fields(config['thinkingConfig'], path);
  onlyKnown(thinking, ['includeThoughts', 'thinkingLevel', 'thinkingBudget'], path);
  return optional(thinking, 'includeThoughts', 'boolean', path) === true;
}

function imageConfig(
  surface: Surface,
  config: Fields,
  model: ImageModel | MusicModel,
  pictures: readonly Picture[],
): Pick<ContentRequest, 'ratio' | 'size' | 'format'> {
  const path = `${AT}.image_config`;
  if (config['imageConfig'] !== undefined && model.kind !== 'image')
    throw invalid('`imageConfig` is not supported by this model.');
  const image = config['imageConfig'] === undefined ? {} : fields(config['imageConfig'], path);
  onlyKnown(image, IMAGE_CONFIG[surface], path);
  oneOf(image, 'personGeneration', ['ALLOW_ALL', 'ALLOW_ADULT', 'ALLOW_NONE'] as const, 'ALLOW_ALL', path);
  const output = image['imageOutputOptions'] === undefined ? {} : fields(image['imageOutputOptions'], path);
  onlyKnown(output, ['mimeType', 'compressionQuality'], `${path}.image_output_options`);
  const type = oneOf(output, 'mimeType', ['image/png', 'image/jpeg'] as const, 'image/png', path);
  const [first] = pictures;
  const { width, height } = first ? pictureSize(first) : { width: 1, height: 1 };
  return {
    ratio: oneOf(image, 'aspectRatio', RATIOS, nearestRatio(width, height), path),
    size: oneOf<ImageSize>(image, 'imageSize', model.kind === 'image' ? model.sizes : ['1K'], '1K', path),
    format: type === 'image/png' ? 'png' : 'jpeg',
  };
}

function mimeType(config: Fields, model: ImageModel | MusicModel): MusicType {
  if (model.kind === 'music') return oneOf<MusicType>(config, 'responseMimeType', model.types, 'audio/mpeg', AT);
  oneOf(config, 'responseMimeType', ['text/plain'] as const, 'text/plain', AT);
  return 'audio/mpeg';
}
