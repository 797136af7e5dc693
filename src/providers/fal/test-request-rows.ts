import type { EndpointTypeMap } from '@fal-ai/client/endpoints';
import type { JsonObject } from '../../common/json.js';
import type { ReferenceRole } from '../contract.js';
import { GPT_SIZES, NANO_RATIOS } from './families/image.js';
import type { FamilyName } from './families/index.js';
import { KLING_SECONDS } from './families/kling.js';
import { LTX_FPS, LTX_LINES, LTX_SECONDS } from './families/open-video.js';
import { SORA_SECONDS } from './families/sora.js';
import { VEO_SECONDS } from './families/veo.js';

/** Input of an endpoint as fal's own client types it. */
type Input<Id extends keyof EndpointTypeMap> = EndpointTypeMap[Id]['input'];
type Spelled<Id extends keyof EndpointTypeMap, Param extends keyof Input<Id>> = NonNullable<Input<Id>[Param]>;

/** Every word that a table may send, against the client's types: a misspelt one does not compile. */
export const SPELLINGS = {
  veo: VEO_SECONDS satisfies Record<number, Spelled<'fal-ai/veo3.1', 'duration'>>,
  sora: SORA_SECONDS satisfies Record<number, Spelled<'fal-ai/sora-2/text-to-video', 'duration'>>,
  kling: KLING_SECONDS satisfies Record<number, Spelled<'fal-ai/kling-video/v3/pro/text-to-video', 'duration'>>,
  ltx: LTX_SECONDS satisfies Record<number, Spelled<'fal-ai/ltx-2/text-to-video', 'duration'>>,
  ltxLines: LTX_LINES satisfies Record<string, Spelled<'fal-ai/ltx-2/text-to-video', 'resolution'>>,
  ltxFps: LTX_FPS satisfies Record<number, Spelled<'fal-ai/ltx-2/text-to-video', 'fps'>>,
  gptSizes: GPT_SIZES satisfies readonly Spelled<'fal-ai/gpt-image-1.5', 'image_size'>[],
  nanoRatios: NANO_RATIOS satisfies readonly Spelled<'fal-ai/nano-banana-2', 'aspect_ratio'>[],
};

export interface ExpectedRequest {
  /** Endpoint id, which is the path of the submit. */
  id: string;
  family: FamilyName;
  /** The route's model id. */
  model: string;
  operation: string;
  input: JsonObject;
  references: Partial<Record<ReferenceRole, number>>;
  body: object;
  settings?: JsonObject;
  options?: JsonObject;
  warnings?: string[];
}

/** A picture as the tests' references hold it. */
export const PICTURE = 'data:image/png;base64,cG5n';
export const LINK = 'https://files.example.com/reference';

type Wanted = Omit<ExpectedRequest, 'id' | 'body' | 'references'> & { references?: ExpectedRequest['references'] };

/** `body` is checked by the compiler against the client's own type of the endpoint `id`. */
export const row = <Id extends keyof EndpointTypeMap>(id: Id, wanted: Wanted, body: Input<Id>): ExpectedRequest => ({
  id,
  references: {},
  ...wanted,
  body,
});
/** For endpoints that the client's types do not have yet. */
export const untyped = (id: string, wanted: Wanted, body: object): ExpectedRequest => ({
  id,
  references: {},
  ...wanted,
  body,
});

export const prompt = 'A kite';
